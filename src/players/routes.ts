/** HTTP: sandbox sign-up and oneself. */
import {
  banPlayer as banPlayerOperation,
  getMe,
  liftBan as liftBanOperation,
  signUpPlayer as signUpPlayerOperation,
} from '#protocol/rest/players.ts'
import { answer, type Bind } from '#platform/http.ts'
import { isRefusal, refuse } from '#platform/problem.ts'
import { banPlayer, type BanPorts, liftBan } from './ban.ts'
import type { Caller } from './caller.ts'
import type { Player } from './player.ts'
import { type SignUpPorts, signUpPlayer } from './sign-up.ts'

export function registerPlayerRoutes(bind: Bind<Caller>, ports: SignUpPorts): void {
  bind(signUpPlayerOperation, async ({ body }) => {
    const outcome = await signUpPlayer(ports, {
      timeScale: body.timeScale ?? 1,
      isMinor: body.minor ?? false,
    })
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

/** The operator's part. */
export function registerBanRoutes(bind: Bind<Caller>, ports: BanPorts): void {
  bind(banPlayerOperation, async ({ params, body }) => {
    const outcome = await banPlayer(ports, { playerId: params.id, reason: body.reason })
    return isRefusal(outcome) ? outcome : answer(200, describeBan(outcome.player))
  })

  bind(liftBanOperation, async ({ params }) => {
    const outcome = await liftBan(ports, params.id)
    return isRefusal(outcome) ? outcome : answer(200, describeBan(outcome.player))
  })
}

const describeBan = ({ id, ban }: Player) => ({
  playerId: id,
  ...(ban !== undefined && { ban: { bannedAt: new Date(ban.atMs).toISOString(), reason: ban.reason } }),
})

const describePlayer = ({ id, timeScale, createdAtMs }: Player) => ({
  id,
  timeScale,
  createdAt: new Date(createdAtMs).toISOString(),
})
