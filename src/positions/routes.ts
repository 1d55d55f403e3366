import { sendPosition } from '#protocol/rest/players.ts'
import { answer, type Bind } from '#platform/http.ts'
import type { Caller } from '../players/caller.ts'
import type { Positions } from './positions.ts'

export function registerPositionRoutes(bind: Bind<Caller>, { positions }: { positions: Positions }): void {
  bind(sendPosition, async ({ caller, body }) => {
    const { status, ...moved } = await positions.move(caller, body.fix)
    const reason = 'reason' in moved ? { reason: moved.reason } : {}
    const paused = 'paused' in moved ? { paused: moved.paused } : {}
    return answer(200, { accepted: status === 'accepted', ...reason, ...paused })
  })
}
