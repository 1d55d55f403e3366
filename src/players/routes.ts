/** HTTP: sandbox sign-up and oneself. */
import { getMe, signUpPlayer as signUpPlayerOperation } from '#protocol/rest/players.ts'
import { answer, type Bind } from '#platform/http.ts'
import { isRefusal, refuse } from '#platform/problem.ts'
import type { Caller } from './caller.ts'
import type { Player } from './player.ts'
import { type SignUpPorts, signUpPlayer } from './sign-up.ts'

export function registerPlayerRoutes(bind: Bind<Caller>, ports: SignUpPorts): void {
  bind(signUpPlayerOperation, async ({ body }) => {
    const outcome = await signUpPlayer(ports, { timeScale: body.timeScale ?? 1 })
    if (isRefusal(outcome)) return outcome
    const { player, token, expiresAtMs } = outcome
    const expiresAt = new Date(expiresAtMs).toISOString()
    return answer(201, { player: describePlayer(player), token, expiresAt })
  })

  bind(getMe, async ({ caller }) => {
    const player = await ports.players.find(ports.database, caller.id)
    if (player === undefined) return refuse('unauthorized', { detail: 'The player is gone.' })
    return answer(200, describePlayer(player))
  })
}

const describePlayer = ({ id, timeScale, createdAtMs }: Player) => ({
  id,
  timeScale,
  createdAt: new Date(createdAtMs).toISOString(),
})
