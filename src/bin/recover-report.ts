/** What recovery did and could not do, as lines for a terminal. */
import type { Loss, LossReason, Recovery } from '../claims/recover.ts'

export type RecoveryReport = Recovery & { complete: boolean; isRehearsal: boolean }

const reasons: Record<LossReason, string> = {
  envelope_unknown: 'the envelope was hidden after the backup',
  player_unknown: 'the player signed up after the backup',
  banned: 'the player is banned; run it again once the ban is lifted',
  share_taken: 'another player has the share',
  other_share: 'the player has another share',
  ended: 'the envelope has ended',
  over_cap: 'a cap leaves no room: raise it and run this again',
  refused: 'PostgreSQL refuses it',
}

export function formatRecovery(report: RecoveryReport): string {
  const { envelopes, recorded, restored, tooLate, lost, isRehearsal } = report
  const did = (what: string, would: string) => (isRehearsal ? would : what)
  return [
    `${envelopes} envelopes ${did('start', 'would start')} a new epoch, above that of their gates.`,
    `${restored} wins ${did('are restored', 'would be restored')}, ${recorded} were on record already.`,
    ...(tooLate > 0 ? [`${tooLate} reservations had lost their race before and are left alone.`] : []),
    ...lost.map(formatLoss),
    summarise(report),
  ].join('\n')
}

function formatLoss({
  envelopeId,
  playerId,
  shareNo,
  reservedAtMs,
  wasSettled,
  reason,
  detail,
}: Loss): string {
  const when = reservedAtMs === undefined ? 'at an unknown time' : new Date(reservedAtMs).toISOString()
  const told = wasSettled ? 'was on record' : 'was reserved'
  const why = [reasons[reason], detail].filter(Boolean).join(': ')
  return `  envelope ${envelopeId} player ${playerId} share ${shareNo} ${told} ${when}: ${why}`
}

const summarise = ({ lost, isRehearsal }: RecoveryReport): string => {
  const end = isRehearsal ? ' Nothing was changed.' : ''
  if (lost.length === 0) return `Complete: every win that Redis knows is on record.${end}`
  return `NOT COMPLETE: ${lost.length} ${lost.length === 1 ? 'win' : 'wins'} cannot be restored.${end}`
}
