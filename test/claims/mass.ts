/** Many envelopes at once, copied in bulk from one that was hidden as always: what is tried is how they end. */
import { randomUUID } from 'node:crypto'
import { fundEscrow } from '../../src/envelopes/escrow.ts'
import { escrowOf, walletOf } from '../../src/ledger/account.ts'
import { postTransfers } from '../../src/ledger/postgres.ts'
import { claimIdOf } from '../../src/claims/reservation.ts'
import type { MerchantCaller, PlayerCaller } from '../../src/players/caller.ts'
import type { createClaimStage } from './stage.ts'

type Stage = Awaited<ReturnType<typeof createClaimStage>>
type Mass = { count: number; expiresAtMs: number; hider: MerchantCaller; winner: PlayerCaller }

const currency = 'CNY'
const shares = 3
const shareMinor = 100n
/** A statement ends within PostgreSQL's limit on a slow machine, too. */
const batch = 500

/** Live envelopes of three shares of 100; the first share of every second one is claimed by `winner`. */
export async function plantMass(stage: Stage, { count, expiresAtMs, hider, winner }: Mass): Promise<void> {
  const { world, hideWell } = stage
  const total = { amountMinor: String(shareMinor * BigInt(shares)), currency }
  const opened = await hideWell(hider, { total, shares, expiresAt: new Date(expiresAtMs).toISOString() })
  const atMs = world.clock.nowMs()
  for (let done = 1; done < count; done += batch) {
    const ids = Array.from({ length: Math.min(batch, count - done) }, () => randomUUID())
    const claimed = ids.filter((_, i) => i % 2 === 0)
    await world.ownerDatabase.transact(async tx => {
      await tx.query({ name: '', text: copyEnvelopes }, [opened.id, ids])
      await tx.query({ name: '', text: copyShares }, [opened.id, ids])
      await postTransfers(
        tx,
        ids.map(id => fundEscrow({ id, hider, currency }, { amountMinor: 300n, atMs })),
      )
      const claims = claimed.map(envelopeId => claimIdOf(envelopeId, winner.id))
      await tx.query({ name: '', text: insertClaims }, [claims, claimed, winner.id, new Date(atMs)])
      await tx.query({ name: '', text: countClaims }, [claimed])
      await postTransfers(
        tx,
        claimed.map((envelopeId, i) => ({
          id: claims[i] as string,
          kind: 'claim' as const,
          debit: escrowOf(envelopeId, currency),
          credit: walletOf(winner.id, currency),
          amountMinor: shareMinor,
          ...{ currency, envelopeId, createdAtMs: atMs },
        })),
      )
    })
  }
}

const columns = `hider_kind, hider_id, place, cell_r12, claim_radius_m, currency, total, share_count, split, share_cap,
  seed, commitment, audience, passphrase_mac, greeting, clue, brand, state, opens_at, expires_at, created_at`

const copyEnvelopes = `
  insert into envelopes (id, ${columns})
  select copy, ${columns} from envelopes, unnest($2::uuid[]) as copy where id = $1`

const copyShares = `
  insert into envelope_shares (envelope_id, share_no, amount)
  select copy, share_no, amount from envelope_shares, unnest($2::uuid[]) as copy where envelope_id = $1`

const insertClaims = `
  insert into claims (id, envelope_id, player_id, share_no, amount, currency, claimed_at)
  select id, envelope_id, $3, 1, 100, 'CNY', $4 from unnest($1::uuid[], $2::uuid[]) as claim (id, envelope_id)`

const countClaims =
  'update envelopes set claimed_shares = 1, claimed_amount = 100, epoch = 2 where id = any($1::uuid[])'
