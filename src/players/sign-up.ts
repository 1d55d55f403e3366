/** Sandbox sign-up: a player, test money and a token in one step, so anyone can play without an identity provider. */
import { limits } from '#protocol/limits.ts'
import type { Clock } from '#platform/clock.ts'
import type { Currencies } from '#platform/config.ts'
import { createId } from '#platform/id.ts'
import type { Database } from '#platform/postgres.ts'
import { type Refusal, refuse } from '#platform/problem.ts'
import type { Random } from '#platform/random.ts'
import { grantTestMoney } from '../ledger/test-money.ts'
import type { PostTransfers } from '../ledger/transfer.ts'
import type { Player, PlayerRecord } from './player.ts'
import type { IssueToken } from './token.ts'

export type SignUpPorts = {
  players: PlayerRecord
  database: Database
  clock: Clock
  random: Random
  /** Who sandbox players belong to: `JWT_ISSUER`; their subject is their own id. */
  issuer: string
  /** Absent where an identity provider signs the tokens. */
  issueToken: IssueToken | undefined
  currencies: Currencies
  postTransfers: PostTransfers
}

export type SignedUp = { status: 'signed-up'; player: Player; token: string; expiresAtMs: number }

/** Refuses with `not_found` where tokens come from an identity provider: then there is no sign-up here to be found. */
export async function signUpPlayer(
  ports: SignUpPorts,
  { timeScale, isMinor }: { timeScale: number; isMinor: boolean },
): Promise<SignedUp | Refusal> {
  const { issueToken, issuer } = ports
  if (issueToken === undefined) {
    return refuse('not_found', {
      detail: 'This sandbox takes the tokens of JWKS_URL; sign-up needs JWT_SECRET instead.',
    })
  }
  const nowMs = ports.clock.nowMs()
  const id = createId(ports)
  const player = await ports.database.transact(async tx => {
    const added = await ports.players.add(tx, { id, issuer, subject: id, timeScale, nowMs })
    await grantTestMoney(ports, tx, { ownerId: id, amountMinor: limits.sandbox.playerTestMinor })
    return added
  })
  return { status: 'signed-up', player, ...(await issueToken({ id, isMinor })) }
}
