/**
 * The proof behind the speed: what the crowd was told is on record, for each envelope, to the last minor unit; and,
 * where the server's database is at hand, the books of the whole game balance, counted a second time.
 */
import { listOwnEnvelopes } from '#protocol/rest/envelopes.ts'
import { getWallet } from '#protocol/rest/players.ts'
import { countDifferences } from '../../ledger/reconcile.ts'
import { checkLedger, type LedgerCheck, readPurse } from '../play/books.ts'
import { createRestClient, demand, type RestClient } from '../play/rest-client.ts'
import type { Promises } from './promises.ts'
import type { Stage, Target } from './stage.ts'

/** What the hider is told of an envelope. */
export type Recorded = { id: string; claimedShares: number; claimedMinor: bigint; escrowMinor: bigint }

export type Proof = {
  /** What does not hold, in words. */
  faults: readonly string[]
  wins: number
  wonMinor: bigint
  ledger: LedgerCheck
}

export const holds = ({ faults, ledger }: Proof): boolean =>
  faults.length === 0 && (ledger.status === 'unseen' || countDifferences(ledger) === 0)

export type ProofOptions = {
  url: string
  merchantKey: string
  stage: Stage
  promises: Promises
  /** Every visit ended with a final answer: then nobody has won without having been told. */
  isComplete: boolean
  databaseUrl: string | undefined
  dataDir: string
}

export async function prove(options: ProofOptions): Promise<Proof> {
  const { stage, promises, isComplete } = options
  const recorded = await readRecorded(options)
  const faults = [
    ...promises.faults(),
    ...stage.targets.flatMap(target => judge(target, recorded.get(target.id), promises, isComplete)),
  ]
  const wonMinor = [...recorded.values()].reduce((sum, { claimedMinor }) => sum + claimedMinor, 0n)
  const wins = [...recorded.values()].reduce((sum, { claimedShares }) => sum + claimedShares, 0)
  return { faults, wins, wonMinor, ledger: await countAgain(options) }
}

export function judge(
  { id, shares, totalMinor }: Target,
  recorded: Recorded | undefined,
  promises: Pick<Promises, 'toldOf'>,
  isComplete: boolean,
): string[] {
  if (recorded === undefined) return [`${id} is not on record`]
  const { claimedShares, claimedMinor, escrowMinor } = recorded
  const { wins, sumMinor } = promises.toldOf(id)
  const say = (isWrong: boolean, fault: string) => (isWrong ? [`${id}: ${fault}`] : [])
  return [
    ...say(claimedShares > shares, `${claimedShares} wins of ${shares} shares`),
    ...say(
      claimedMinor + escrowMinor !== totalMinor,
      `${claimedMinor} claimed and ${escrowMinor} in escrow are not ${totalMinor}`,
    ),
    ...say(wins > claimedShares, `${wins} were told that they won, ${claimedShares} are on record`),
    ...say(
      isComplete && wins < claimedShares,
      `${claimedShares} are on record, ${wins} were told that they won`,
    ),
    ...say(
      wins === claimedShares && sumMinor !== claimedMinor,
      `${sumMinor} was told, ${claimedMinor} is on record`,
    ),
  ]
}

const listPage = async (client: RestClient, query: Record<string, string>) =>
  demand(await client.call(listOwnEnvelopes, { query }), "the merchant's envelopes")

async function readRecorded({ url, merchantKey, stage }: ProofOptions): Promise<Map<string, Recorded>> {
  const client = createRestClient({ url, credential: merchantKey })
  const wanted = new Set(stage.targets.map(({ id }) => id))
  const recorded = new Map<string, Recorded>()
  let query: Record<string, string> | undefined = { limit: '200' }
  while (query !== undefined && recorded.size < wanted.size) {
    const { items, links } = await listPage(client, query)
    for (const { id, own } of items) {
      if (own === undefined || !wanted.has(id)) continue
      const { claimedShares, claimed, escrow } = own
      const [claimedMinor, escrowMinor] = [BigInt(claimed.amountMinor), BigInt(escrow.amountMinor)]
      recorded.set(id, { id, claimedShares, claimedMinor, escrowMinor })
    }
    query = links.next === undefined ? undefined : readQuery(links.next, url)
  }
  return recorded
}

const readQuery = (path: string, url: string): Record<string, string> =>
  Object.fromEntries(new URL(path, url).searchParams)

/** By the wallet of the first player it is seen whether the database at hand is this server's. */
async function countAgain({ url, stage, databaseUrl, dataDir }: ProofOptions): Promise<LedgerCheck> {
  const [first] = stage.claimants
  if (first === undefined) return { status: 'unseen', why: 'nobody played' }
  const client = createRestClient({ url, credential: first.token })
  const purse = readPurse(demand(await client.call(getWallet, {}), 'the wallet').balances)
  return checkLedger({ databaseUrl, dataDir }, { playerId: first.id, purse })
}
