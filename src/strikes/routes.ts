/** HTTP: how a player stands with the rules, for the player and for the operator; appeals. */
import {
  endAppeal as endOperation,
  getPlayerStanding,
  getStanding,
  listAppeals,
  sendAppeal as sendOperation,
} from '#protocol/rest/standing.ts'
import { answer, type Bind } from '#platform/http.ts'
import { readPage, toPage } from '#platform/page.ts'
import { isRefusal, refuse } from '#platform/problem.ts'
import type { Caller } from '../players/caller.ts'
import type { Player, PlayerRecord } from '../players/player.ts'
import type { Allowance } from '../positions/allowance.ts'
import type { Walker } from '../positions/judging.ts'
import { type Appeal, type AppealPorts, endAppeal, sendAppeal } from './appeal.ts'
import { counts, pausedUntilMs, type Strike } from './strike.ts'

export type StrikeRoutePorts = AppealPorts & {
  players: Pick<PlayerRecord, 'find'>
  /** What is left of a player's quotas, by account and device. */
  allowanceOf: (player: Walker) => Promise<Allowance>
}

export function registerStrikeRoutes(bind: Bind<Caller>, ports: StrikeRoutePorts): void {
  const { strikes, appeals, database, clock } = ports

  /** What is on record; where the gate of positions believed something else, it is told. */
  async function look(player: Walker) {
    const [known, appeal, allowance] = await Promise.all([
      strikes.list(database, player.id),
      appeals.latest(database, player.id),
      ports.allowanceOf(player),
    ])
    const counting = known.filter(strike => counts(strike, clock.nowMs()))
    const untilMs = pausedUntilMs(counting)
    if (untilMs !== allowance.pausedUntilMs) await ports.onPause(player.id, untilMs)
    return { known, counting, appeal, body: describeAllowance(allowance, untilMs) }
  }

  bind(getStanding, async ({ caller }) => {
    const { counting, appeal, body } = await look(caller)
    return answer(200, {
      ...body,
      strikes: counting.map(describeStrike),
      ...(appeal !== undefined && { appeal: describeAppeal(appeal) }),
    })
  })

  bind(sendOperation, async ({ caller, body }) => {
    const outcome = await sendAppeal(ports, { playerId: caller.id, text: body.text })
    if (isRefusal(outcome)) return outcome
    return answer(outcome.status === 'sent' ? 201 : 200, describeAppeal(outcome.appeal))
  })

  bind(getPlayerStanding, async ({ params: { id } }) => {
    const player: Player | undefined = await ports.players.find(database, id)
    if (player === undefined) return refuse('not_found')
    const { known, appeal, body } = await look(player)
    return answer(200, {
      ...{ playerId: id, ...body, strikes: known.map(describeForOperator) },
      ...(appeal !== undefined && { appeal: describeAppealForOperator(appeal) }),
    })
  })

  bind(listAppeals, async ({ query }) => {
    const page = readPage(query)
    if (isRefusal(page)) return page
    const { status = 'open' } = query
    const found = await appeals.list(database, status, page)
    const request = { path: listAppeals.path, limit: page.limit, filter: { status } }
    const key = ({ sentAtMs, id }: Appeal) => ({ atMs: sentAtMs, id })
    return answer(200, toPage(found, request, { item: describeAppealForOperator, key }))
  })

  bind(endOperation, async ({ params, body }) => {
    const outcome = await endAppeal(ports, { id: params.id, ...body })
    return isRefusal(outcome) ? outcome : answer(200, describeAppealForOperator(outcome.appeal))
  })
}

const timeOf = (atMs: number): string => new Date(atMs).toISOString()

const describeAllowance = ({ left, cooldownMs }: Allowance, untilMs: number | undefined) => ({
  left,
  ...(cooldownMs > 0 && { cooldownMs }),
  ...(untilMs !== undefined && { rewardsPausedUntil: timeOf(untilMs) }),
})

const describeStrike = ({ reason, givenAtMs, expiresAtMs }: Strike) => ({
  reason,
  ...{ givenAt: timeOf(givenAtMs), expiresAt: timeOf(expiresAtMs) },
})

const describeForOperator = (strike: Strike) => ({
  ...describeStrike(strike),
  figures: { ...strike.figures },
  ...(strike.liftedAtMs !== undefined && { liftedAt: timeOf(strike.liftedAtMs) }),
})

const describeAppeal = ({ id, state, text, sentAtMs, endedAtMs }: Appeal) => ({
  ...{ id, status: state, text, sentAt: timeOf(sentAtMs) },
  ...(endedAtMs !== undefined && { endedAt: timeOf(endedAtMs) }),
})

const describeAppealForOperator = (appeal: Appeal) => ({
  ...describeAppeal(appeal),
  playerId: appeal.playerId,
  ...(appeal.reason !== undefined && { reason: appeal.reason }),
})
