/** What a sweeper asks the record: nothing of what its server has settled itself. */
import t from 'tap'
import type { OutboxEntry } from '../../src/claims/gate.ts'
import type { Claim } from '../../src/claims/record.ts'
import { sweepPartition, type SweepPorts } from '../../src/claims/sweep.ts'

const entryOf = (playerId: string, shareNo: number): OutboxEntry => ({
  ...{ envelopeId: 'e', playerId, shareNo, epoch: 1, partition: 0, entryId: `${shareNo}-0` },
})
const claimOf = ({ playerId, shareNo }: OutboxEntry) => ({ envelopeId: 'e', playerId, shareNo }) as Claim

t.test('what is recalled is not asked for, marked like the rest, and put right where it is torn', async t => {
  const [own, recorded, missing] = [entryOf('own', 1), entryOf('recorded', 2), entryOf('missing', 3)]
  const torn = entryOf('torn', 4)
  const asked: string[] = []
  const happened: string[] = []
  const players = (entries: readonly { playerId: string }[]) =>
    entries.map(({ playerId }) => playerId).join(' ')
  await sweepPartition(
    {
      gate: {
        identity: async () => 'redis',
        readOutbox: async () => [own, recorded, missing, torn],
        mark: async (entries: OutboxEntry[]) => void happened.push(`marked ${players(entries)}`),
        trimOutbox: async () => {},
      },
      record: {
        readCursor: async () => undefined,
        listDeadLetters: async () => [],
        storeCursor: async () => void happened.push('cursor'),
        async findEnvelopes() {
          happened.push('looked at the torn one')
          return []
        },
        async findClaims(entries: OutboxEntry[]) {
          asked.push(...entries.map(({ playerId }) => playerId))
          return [claimOf(recorded)]
        },
      },
      async settle(entries: OutboxEntry[]) {
        happened.push(`settled ${players(entries)}`)
        return entries.map(entry => ({ status: 'settled', claim: claimOf(entry) }))
      },
      recall: (_: string, playerId: string) =>
        [claimOf(own), { ...claimOf(torn), shareNo: 9 }].find(claim => claim.playerId === playerId),
      ...{ nowMs: () => 0, onLateWin: () => {}, reach: () => {} },
    } as unknown as SweepPorts<unknown>,
    0,
  )
  t.same(asked, ['recorded', 'missing'])
  t.same(happened, ['settled missing', 'marked own recorded missing', 'looked at the torn one', 'cursor'])
})
