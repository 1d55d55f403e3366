import assert from 'node:assert/strict'
import * as fc from 'fast-check'
import t from 'tap'
import { locateCell } from '../../src/geo/cell.ts'
import { travelFrom } from '../../src/geo/distance.ts'
import type { Point } from '../../src/geo/point.ts'
import { cooldownMs, remainingCooldownMs } from '../../src/positions/cooldown.ts'
import type { ReportedFix } from '../../src/positions/fix.ts'
import type { Pace } from '../../src/positions/pace.ts'
import { judgePresence, measureReach, rewardAt } from '../../src/positions/presence.ts'
import {
  countFailedTry,
  givePermitBack,
  judgeTry,
  type Quotas,
  reseedPermits,
  takePermit,
  unusedQuotas,
} from '../../src/positions/quotas.ts'
import { emptyTrack, judgeFix, lastFixOf, type Track } from '../../src/positions/track.ts'

const HOME: Point = { lat: 45.772175, lng: 14.357659 }
const START_MS = 1_700_000_000_000
const MINUTE_MS = 60_000

function east(distanceM: number, from: Point = HOME): Point {
  return travelFrom(from, { bearingDeg: 90, distanceM })
}

function fixAt(point: Point, more: Partial<ReportedFix> = {}): ReportedFix {
  return { cell: locateCell(point), accuracyM: 10, ...more }
}

function at(seconds: number, timeScale = 1): Pace {
  return { nowMs: START_MS + (seconds * 1000) / timeScale, timeScale }
}

/** A track after fixes `[metres east, at second]` that must all be accepted. */
function walked(...steps: [distanceM: number, seconds: number][]): Track {
  return steps.reduce((track, [distanceM, seconds]) => {
    const verdict = judgeFix(track, fixAt(east(distanceM)), at(seconds))
    assert.equal(verdict.status, 'accepted')
    return verdict.track
  }, emptyTrack)
}

t.test('what concerns the player alone, in order of precedence', async t => {
  const track = rewardAt(walked([0, 0]), locateCell(east(-900)), START_MS)
  const worst = { accuracyM: 121, atMs: START_MS - 1 }
  const before = { ...track, accepted: track.accepted.map(fix => ({ ...fix, atMs: START_MS })) }
  const table = [
    { reason: 'accuracy', fix: fixAt(east(90_000), worst), figures: { accuracyM: 121, limitM: 120 } },
    { reason: 'stale', fix: fixAt(east(90_000), { atMs: START_MS - 1 }), figures: { olderByMs: 1 } },
    { reason: 'jump', fix: fixAt(east(90_000), { atMs: START_MS }) },
    { reason: 'speed', fix: fixAt(east(150), { atMs: START_MS }) },
    { reason: 'cooldown', fix: fixAt(east(10), { atMs: START_MS }) },
  ]
  for (const { reason, fix, figures } of table) {
    const verdict = judgePresence(before, fix, at(10))
    assert.equal(verdict.status, 'refused')
    t.equal(verdict.reason, reason)
    if (figures) t.same(verdict.figures, figures)
  }
  t.equal(judgePresence(before, fixAt(east(10)), at(120)).status, 'present')
})

t.test('accuracy: 120 m is good enough, NaN is not', async t => {
  t.equal(judgeFix(emptyTrack, fixAt(HOME, { accuracyM: 120 }), at(0)).status, 'accepted')
  t.equal(judgeFix(emptyTrack, fixAt(HOME, { accuracyM: 120.1 }), at(0)).status, 'refused')
  t.equal(judgeFix(emptyTrack, fixAt(HOME, { accuracyM: Number.NaN }), at(0)).status, 'refused')
})

t.test('a fix overtaken on its way is stale, a retry is not, a clock set back heals', async t => {
  const first = judgeFix(emptyTrack, fixAt(HOME, { atMs: 5000 }), at(0)).track
  t.match(judgeFix(first, fixAt(HOME, { atMs: 4999 }), at(1)), { status: 'refused', reason: 'stale' })
  t.equal(judgeFix(first, fixAt(HOME, { atMs: 5000 }), at(1)).status, 'accepted')
  t.equal(judgeFix(first, fixAt(HOME), at(1)).status, 'accepted', 'at is optional')
  t.equal(judgeFix(first, fixAt(HOME, { atMs: -9e6 }), at(601)).status, 'accepted')
})

t.test('an implausible fix never replaces the stored one', async t => {
  const track = walked([0, 0])
  const verdict = judgeFix(track, fixAt(east(2000)), at(5))
  t.match(verdict, { status: 'refused', reason: 'jump', figures: { distanceM: 2002, limitM: 320 } })
  t.same(verdict.track.accepted, track.accepted)
  t.same(judgeFix(verdict.track, fixAt(east(5)), at(6)).track.candidates, [], 'the next good fix forgets it')
})

t.test('how far is plausible: 40 m/s, 100 from 10 km, 270 from 500 km', async t => {
  const track = walked([0, 0])
  const limits = [
    { distanceM: 9_000, fastEnoughS: 225 },
    { distanceM: 100_000, fastEnoughS: 1_000 },
    { distanceM: 2_000_000, fastEnoughS: 7_408 },
  ]
  for (const { distanceM, fastEnoughS } of limits) {
    const fix = fixAt(east(distanceM))
    t.equal(judgeFix(track, fix, at(fastEnoughS)).status, 'accepted', `${distanceM} m`)
    t.equal(judgeFix(track, fix, at(fastEnoughS * 0.97)).status, 'refused', `${distanceM} m too soon`)
  }
})

t.test('three implausible fixes that agree restart the track there, with the cool-down', async t => {
  let track = walked([0, -5], [0, 0])
  for (const seconds of [10, 12]) {
    const verdict = judgePresence(track, fixAt(east(50_000)), at(seconds))
    t.match(verdict, { status: 'refused', reason: 'jump' })
    track = verdict.track
  }
  const third = judgePresence(track, fixAt(east(50_010)), at(14))
  assert.equal(third.status, 'refused')
  t.equal(third.reason, 'cooldown')
  t.equal(lastFixOf(third.track)?.cell, locateCell(east(50_010)), 'the track is there now')
  const waitS = (third.retryAfterMs ?? 0) / 1000 + 14
  t.ok(Math.abs(waitS - cooldownMs(50_010) / 1000) < 1, 'from where and when it was last seen')
  t.equal(judgePresence(third.track, fixAt(east(50_010)), at(waitS + 1)).status, 'present')
})

t.test(
  'a first fix that none agrees with, often an old one of the phone, costs two fixes and no cool-down',
  async t => {
    let track = walked([0, 0])
    for (const seconds of [1, 2, 3]) track = judgeFix(track, fixAt(east(50_000)), at(seconds)).track
    t.equal(lastFixOf(track)?.cell, locateCell(east(50_000)))
    t.equal(judgePresence(track, fixAt(east(50_000)), at(4)).status, 'present')
    for (const seconds of [5, 6, 7]) track = judgeFix(track, fixAt(HOME), at(seconds)).track
    t.ok(remainingCooldownMs(track, locateCell(HOME), at(8)) > 14 * MINUTE_MS, 'but only the first')
    const rewarded = rewardAt(walked([0, 0]), locateCell(HOME), START_MS)
    const moved = [1, 2, 3].reduce((t, s) => judgeFix(t, fixAt(east(50_000)), at(s)).track, rewarded)
    t.match(
      judgePresence(moved, fixAt(east(50_000)), at(4)),
      { reason: 'cooldown' },
      'and no reward is shaken off',
    )
  },
)

t.test(
  'a train: who rides goes on at its speed however seldom heard, who opens the game on it is ignored once',
  async t => {
    const refusedOf = (fixes: readonly (readonly [metres: number, seconds: number])[]) => {
      let track = emptyTrack
      const refused = fixes.filter(([metres, seconds]) => {
        const verdict = judgeFix(track, fixAt(east(metres)), at(seconds))
        track = verdict.track
        return verdict.status === 'refused'
      })
      t.equal(track.leftBehind, undefined)
      return refused.map(([, seconds]) => seconds)
    }
    const seconds = (everyS: number) => Array.from({ length: 20 }, (_, i) => i * everyS)
    for (const everyS of [5, 10, 15]) {
      t.same(
        refusedOf(seconds(everyS).map(s => [97 * s, s])),
        [everyS],
        `opened at 97 m/s, every ${everyS} s`,
      )
      const movedM = (s: number) => (s < 160 ? 0.3 * s * s : 0.3 * 160 * 160 + 96 * (s - 160))
      t.same(refusedOf(seconds(everyS).map(s => [movedM(s), s])), [], `from the station, every ${everyS} s`)
    }
    t.same(
      refusedOf([
        [0, 0],
        [1_000, 10],
        [1_000, 11],
        [1_000, 12],
      ]),
      [10, 11, 12].slice(0, 2),
      'standing is no ride',
    )
  },
)

t.test('fixes that contradict each other, and one fix sent three times, restart nothing', async t => {
  let erratic = walked([0, 0])
  for (const [i, distanceM] of [50_000, 80_000, 50_000, 90_000, 60_000].entries()) {
    const verdict = judgeFix(erratic, fixAt(east(distanceM)), at(10 + i))
    t.match(verdict, { status: 'refused', reason: 'jump' })
    erratic = verdict.track
  }
  let retried = walked([0, 0])
  for (const seconds of [1, 2, 3, 4, 5]) {
    retried = judgeFix(retried, fixAt(east(50_000), { atMs: START_MS }), at(seconds)).track
  }
  t.equal(lastFixOf(retried)?.cell, locateCell(HOME))
})

t.test('a second restart near the first does not shake off its cool-down', async t => {
  let track = walked([0, -5], [0, 0])
  for (let i = 1; i <= 3; i++) track = judgeFix(track, fixAt(east(2_000_000)), at(i)).track
  for (let i = 4; i <= 6; i++) track = judgeFix(track, fixAt(east(2_001_500)), at(i)).track
  t.equal(lastFixOf(track)?.cell, locateCell(east(2_001_500)))
  t.ok(remainingCooldownMs(track, locateCell(east(2_001_500)), at(7)) > 119 * MINUTE_MS)
})

t.test('many small leaps make no big one for free', async t => {
  let track = walked([0, 0])
  let reachedM = 0
  let reachedBeforeRestartM = 0
  for (let i = 1; i <= 100; i++) {
    const verdict = judgeFix(track, fixAt(east(reachedM + 200), { accuracyM: 110 }), at(i / 10))
    track = verdict.track
    if (verdict.status === 'refused') continue
    reachedM += 200
    if (!track.leftBehind) reachedBeforeRestartM = reachedM
  }
  t.ok(reachedBeforeRestartM <= 320 + 100 * 10, `${reachedBeforeRestartM} m in 10 s with one slack`)
  const waitMs = remainingCooldownMs(track, locateCell(east(reachedM)), at(10))
  t.ok(waitMs > cooldownMs(reachedM - 1320) - 11_000, `the rest, ${reachedM} m, costs its whole cool-down`)
})

t.test('a made-up ride gains 2 m/s a second at most, however boldly it is made up', async t => {
  let track = walked([0, -2], [0, 0])
  let reachedM = 0
  for (let s = 1; s <= 90; s++) {
    // As far as it goes without a restart, in steps of 10 m.
    for (let farM = reachedM + 700; farM > reachedM; farM -= 10) {
      const verdict = judgeFix(track, fixAt(east(farM), { accuracyM: 100 }), at(s))
      if (verdict.status !== 'accepted' || verdict.track.leftBehind) continue
      track = verdict.track
      reachedM = farM
    }
  }
  const [slackM, farthestM] = [320, 100 * 90 + 90 ** 2]
  t.ok(reachedM > 4_000 && reachedM <= farthestM + slackM, `${reachedM} m in 90 s`)
})

t.test('too fast is above 16 km/h over the last 30 s, less the accuracies', async t => {
  const pacedFrom = (mps: number) => {
    let [track, tooFast, speedMps] = [emptyTrack, false, 0]
    for (let s = 0; s <= 60; s += 2) {
      const verdict = judgeFix(track, fixAt(east(s * mps)), at(s))
      assert.equal(verdict.status, 'accepted')
      ;({ track, tooFast, speedMps } = verdict)
    }
    return { track, tooFast, speedMps }
  }
  t.equal(pacedFrom(1.4).tooFast, false, 'walking')
  t.equal(pacedFrom(4).tooFast, false, 'running')
  const riding = pacedFrom(10)
  t.equal(riding.tooFast, true)
  t.ok(Math.abs(riding.speedMps - 280 / 30) < 1, `${riding.speedMps}`)
  t.match(judgePresence(riding.track, fixAt(east(620)), at(62)), {
    reason: 'speed',
    figures: { limitKmh: 16 },
  })

  const arrived = [70, 80, 91].reduce(
    (track, s) => judgeFix(track, fixAt(east(600)), at(s)).track,
    riding.track,
  )
  t.equal(
    judgePresence(arrived, fixAt(east(600)), at(92)).status,
    'present',
    'half a minute after getting off',
  )
})

t.test('after a gap the speed is measured over the gap', async t => {
  const track = walked([0, 0])
  t.match(judgeFix(track, fixAt(east(3000)), at(3600)), { status: 'accepted', tooFast: false })
  t.match(judgeFix(track, fixAt(east(3000)), at(100)), { status: 'accepted', tooFast: true })
})

t.test('jitter between two fixes a moment apart is not speed, nor is the same fix again', async t => {
  const track = walked([0, 0])
  t.match(judgeFix(track, fixAt(east(45)), at(0.02)), { status: 'accepted', tooFast: false })
  t.match(judgeFix(track, fixAt(HOME), at(0)), { status: 'accepted', tooFast: false, speedMps: 0 })
  t.match(
    judgeFix(track, fixAt(HOME), at(-3)),
    { status: 'accepted', tooFast: false },
    'another clock, a little behind',
  )
})

t.test('a track stays small and keeps the oldest fix of its window', async t => {
  let track = emptyTrack
  for (let i = 0; i < 2000; i++) {
    track = judgeFix(track, fixAt(east(i / 10)), at(i / 10)).track
    assert(track.accepted.length <= 17)
  }
  const ageMs = at(199.9).nowMs - (track.accepted[0]?.receivedAtMs ?? 0)
  t.ok(ageMs >= 27_000 && ageMs <= 30_000, `${ageMs} ms`)
  t.same(JSON.parse(JSON.stringify(track)), track, 'plain data')
})

t.test('cool-down by distance', async t => {
  const table = [
    [0, 0],
    [0.5, 0.5],
    [1, 1],
    [5, 2],
    [10, 6],
    [25, 11],
    [65, 22],
    [100, 35],
    [250, 45],
    [500, 60],
    [1350, 120],
    [20_000, 120],
  ] as const
  for (const [km, minutes] of table) t.equal(cooldownMs(km * 1000), minutes * MINUTE_MS, `${km} km`)
  t.equal(cooldownMs(3000), 1.5 * MINUTE_MS, 'linear between')
  fc.assert(
    fc.property(
      fc.double({ min: 0, max: 2e7, noNaN: true }),
      fc.double({ min: 0, max: 1000, noNaN: true }),
      (d, more) => cooldownMs(d) <= cooldownMs(d + more),
    ),
  )
})

t.test('a reward here makes a reward there wait, on the clock of the client', async t => {
  const track = rewardAt(emptyTrack, locateCell(HOME), START_MS)
  const there = locateCell(east(5000))
  const remaining = remainingCooldownMs(track, there, at(30))
  t.ok(Math.abs(remaining - 90_000) < 500)
  t.equal(remainingCooldownMs(track, locateCell(HOME), at(0)), 0, 'none in the same place')
  t.equal(remainingCooldownMs(track, there, at(121)), 0)
  t.ok(Math.abs(remainingCooldownMs(track, there, at(30, 60)) - 1500) < 20, 'a sixtieth at time scale 60')
  t.equal(remainingCooldownMs(emptyTrack, there, at(0)), 0)
})

t.test('reach is between the centres of two res-12 cells', async t => {
  const [fixCell, near, far] = [HOME, east(50), east(90)].map(locateCell)
  assert(fixCell && near && far)
  t.same(measureReach({ fixCell, envelopeCell: fixCell, radiusM: 0 }), { isWithin: true, distanceM: 0 })
  t.equal(measureReach({ fixCell, envelopeCell: near, radiusM: 60 + 12 }).isWithin, true)
  const reach = measureReach({ fixCell, envelopeCell: far, radiusM: 60 })
  t.equal(reach.isWithin, false)
  t.ok(Math.abs(reach.distanceM - 90) < 22, `${reach.distanceM}`)
})

function fail(quotas: Quotas, envelopeId: string, times: number, pace: Pace): Quotas {
  return Array.from({ length: times }).reduce<Quotas>(
    counted => countFailedTry(counted, envelopeId, pace),
    quotas,
  )
}

t.test('ten failed tries an envelope and hour, 150 a day', async t => {
  const nine = fail(unusedQuotas, 'a', 9, at(0))
  t.same(judgeTry(nine, 'a', at(1)), { status: 'allowed' })
  const ten = fail(nine, 'a', 1, at(1))
  t.same(judgeTry(ten, 'a', at(2)), { status: 'exhausted', retryAfterMs: 3_598_000 })
  t.same(judgeTry(ten, 'b', at(2)), { status: 'allowed' }, 'another envelope')
  t.same(judgeTry(ten, 'a', at(3600)), { status: 'allowed' }, 'an hour after the first')

  const many = Array.from({ length: 15 }, (_, i) => `e${i}`).reduce(
    (quotas, id) => fail(quotas, id, 10, at(10)),
    unusedQuotas,
  )
  t.same(judgeTry(many, 'new', at(11)), { status: 'exhausted', retryAfterMs: 86_399_000 })
  t.same(judgeTry(many, 'e0', at(11)), { status: 'exhausted', retryAfterMs: 86_399_000 }, 'the longer wait')
  t.same(judgeTry(many, 'new', at(86_410)), { status: 'allowed' }, 'a day after the first')
  t.same(
    Object.keys(fail(many, 'later', 1, at(4000)).triesByEnvelope),
    ['later'],
    'hours that ended are forgotten',
  )
})

t.test('permits: 200 claims a day, taken, given back, re-seeded', async t => {
  let quotas: Quotas = unusedQuotas
  for (let i = 0; i < 200; i++) {
    const verdict = takePermit(quotas, at(i))
    assert(verdict.status === 'taken')
    quotas = verdict.quotas
  }
  t.same(takePermit(quotas, at(200)), { status: 'exhausted', retryAfterMs: 86_200_000 })
  t.equal(takePermit(givePermitBack(quotas, at(200)), at(200)).status, 'taken')
  t.equal(takePermit(quotas, at(86_400)).status, 'taken', 'the next day')
  t.same(givePermitBack(unusedQuotas, at(0)), unusedQuotas, 'never below none')
  t.same(givePermitBack(quotas, at(90_000)), quotas, 'nothing of yesterday')
  t.equal(takePermit(reseedPermits(unusedQuotas, 200, at(0)), at(1)).status, 'exhausted')
  t.equal(takePermit(reseedPermits(unusedQuotas, 199, at(0)), at(1)).status, 'taken')
})

t.test('quotas run at the pace of the player', async t => {
  const ten = fail(unusedQuotas, 'a', 10, at(0, 60))
  t.same(
    judgeTry(ten, 'a', at(1800, 60)),
    { status: 'exhausted', retryAfterMs: 30_000 },
    'an hour is a minute',
  )
  t.same(judgeTry(ten, 'a', at(3600, 60)), { status: 'allowed' })
})

t.test('a leap of a receiver costs nothing: 184 m in 2 s after a pause', async t => {
  for (const [timeScale, lateS] of [
    [1, 0],
    [60, 1.2],
    [120, 2.4],
    [120, -2.4],
  ] as const) {
    let track = emptyTrack
    let refused = 0
    const steps = [
      [0, 0],
      [20, 2],
      [40, 4],
      [330, 48],
      [514, 50 + lateS],
      [530, 52],
      [550, 54],
      [570, 56],
    ] as const
    for (const [distanceM, seconds] of steps) {
      const verdict = judgeFix(track, fixAt(east(distanceM)), at(seconds, timeScale))
      if (verdict.status === 'refused') refused++
      track = verdict.track
    }
    t.ok(refused <= 2 && track.leftBehind === undefined, `time scale ${timeScale}: ${refused} ignored`)
    t.equal(lastFixOf(track)?.cell, locateCell(east(570)), 'and the track goes on')
  }
  t.equal(judgeFix(walked([0, 0]), fixAt(east(5341)), at(894)).status, 'accepted', '5,341 m in 894 s')
})
