/**
 * The attacks, small: each finds the envelope on a naive build to a metre, which proves that it is one; none of them
 * gets below the hint cell on the server that ships, or below the claim cell by trying on the spot.
 */
import t from 'tap'
import { reachOperations } from './attacks.ts'
import { startGame } from './game.ts'
import { readMeter } from './meter.ts'
import { listPlaces } from './places-told.ts'
import type { Site } from './sites.ts'
import { attackGame, attackNaive, precisionM } from './trial.ts'

/** On the naive build every attack is cheap, and has to be exact. */
const naive = { own: 1, others: 2, effort: { rays: 3, precisionM, repeats: 5_000 } }
const size = { own: 1, others: 2, effort: { rays: 3, precisionM: 1, repeats: 20 } }

/** A reveal puts its anchor anywhere in the claim cell, maybe beside the envelope; `reveal.test.ts` judges anchors. */
const withoutAnchor = (text: string): string => text.replace(/"anchor":\{[^}]*\}/, '')

t.test('every attack finds an envelope on a naive build', async t => {
  const findings = await attackNaive({ seed: 1, size: naive })
  for (const { attack, worstErrorM, verdict, isRight } of findings) {
    t.ok(worstErrorM <= 1, `${attack}: ${worstErrorM.toFixed(2)} m`)
    t.same([verdict, isRight], ['leaks', true], attack)
  }
})

t.test('no attack gets below the hint cell on ours', async t => {
  const game = await startGame(t)
  const heard: string[] = []
  const sites: Site[] = []
  const findings = await attackGame(game, {
    ...{ size, atOnce: 4 },
    onText: text => void heard.push(text),
    onPlace: site => void sites.push(site),
  })
  for (const { attack, build, verdict, isRight, areaM2, boundaryM2, hypotheses } of findings) {
    const name = `${attack} on ${build}`
    t.equal(verdict, 'holds', `${name}: ${areaM2.toFixed(0)} of ${boundaryM2.toFixed(0)} m² are left`)
    t.ok(isRight, `${name}: it is there`)
    t.ok(hypotheses.length > 0, `${name}: the attacker knows how the server measures: ${hypotheses.join()}`)
  }

  const meter = await readMeter(game, reachOperations)
  t.match(meter, { ofOne: 10, inAll: 150, holds: true }, 'failed tries are metered')

  const everything = [...heard.map(withoutAnchor), game.log()]
  t.ok(heard.length > 1_000 && game.log().length > 0)
  const places = sites.map(({ place }) => place)
  t.same(listPlaces(everything, places), [], 'nobody was told where they are, nor the log')
  t.same(listPlaces(heard, places, 1e-7), [], 'no anchor is the place itself')
})
