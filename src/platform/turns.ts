/**
 * Answers that are ready in the same turn of the event loop leave together. A write that wakes a sleeping receiver on
 * the same machine (a proxy, a load generator) costs several times one that finds it awake, and whoever is woken by the
 * first answer is still awake for the next. Nothing waits longer than the turn, or than for so many answers.
 */
import type { FastifyInstance } from 'fastify'

export const answersAtOnce = 64

export function answerTogether(http: FastifyInstance): void {
  let ready: (() => void)[] = []
  let isDue = false

  function leave(): void {
    const all = ready
    ready = []
    for (const send of all) send()
  }

  function endTurn(): void {
    isDue = false
    leave()
  }

  http.addHook('onSend', (_request, _reply, payload, done) => {
    ready.push(() => done(null, payload))
    if (ready.length >= answersAtOnce) return leave()
    if (isDue) return
    isDue = true
    setImmediate(endTurn)
  })
}
