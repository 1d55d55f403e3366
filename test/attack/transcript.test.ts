/**
 * The promise, at its word: all points of one res-10 cell are the same in every byte that is sent to others, outside
 * claims in reach; and with them all points of one res-12 cell. Many cells at once, in each one world after the other,
 * which are then compared, the thorough ones and the others among themselves.
 */
import { cellToCenterChild, cellToChildren } from 'h3-js'
import t, { type Test } from 'tap'
import type { Point } from '../../src/geo/point.ts'
import { createDice } from '../../src/bin/play/dice.ts'
import { chooseCells, fillCell } from './cells.ts'
import { listPlaces } from './places-told.ts'
import { createTranscriptStage } from './transcript-stage.ts'
import { claimAround, playWorld, setScene } from './transcript.ts'

const cellCount = Number(process.env.TRANSCRIPT_CELLS ?? 24)
const pointCount = Number(process.env.TRANSCRIPT_POINTS ?? 20)
const seed = Number(process.env.TRANSCRIPT_SEED ?? 1)
/** Of so many points, at one everything is asked, and at the others only what has to do with places. */
const thoroughEvery = Number(process.env.TRANSCRIPT_THOROUGH_EVERY ?? 10)
/** Cells that are played in at a time. */
const atOnce = 8

const stage = await createTranscriptStage(t)

/** Replays one world for each point; the first difference between any of them and the first fails the test. */
async function compare(
  t: Test,
  { cell, points, at }: { cell: string; points: readonly Point[]; at: number },
  inReach?: ReturnType<typeof claimAround>,
): Promise<number> {
  const scene = await setScene(stage, cell, at % 2 === 0)
  // The first time, outlines of cells are sent along, once for each session.
  await playWorld(scene, { place: points[0] as Point, isThorough: true, inReach })
  const first = new Map<boolean, string[]>()
  let bytes = 0
  for (const [i, place] of points.entries()) {
    const isThorough = i % thoroughEvery === 0
    const transcript = await playWorld(scene, { place, isThorough, inReach })
    const expected = first.get(isThorough) ?? transcript
    first.set(isThorough, expected)
    bytes += transcript.reduce((sum, { length }) => sum + length, 0)
    const different = transcript.findIndex((text, i) => text !== expected[i])
    if (different !== -1 || transcript.length !== expected.length) {
      t.same(transcript.slice(different), expected.slice(different), `${cell}: ${place.lat}, ${place.lng}`)
      break
    }
    const told = listPlaces(transcript, [place])
    if (told.length > 0) t.fail(`the place or a finer cell is told: ${told.join()}`)
  }
  await scene.strike()
  t.ok((first.get(true)?.length ?? 0) > 15, `${cell}: ${points.length} times the same`)
  return bytes
}

async function compareAll(t: Test, act: (cell: string, at: number) => Promise<number>): Promise<void> {
  const waiting = [...chooseCells(cellCount, createDice(seed)).entries()]
  const sums: number[] = []
  const work = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift())
      sums.push(await act(next[1], next[0]))
  }
  await Promise.all(Array.from({ length: atOnce }, work))
  const bytes = sums.reduce((sum, one) => sum + one, 0)
  t.comment(
    `${cellCount} cells, ${pointCount} points in each, ${(bytes / 1e6).toFixed(1)} MB compared, seed ${seed}`,
  )
}

t.setTimeout(7_200_000)

t.test('all points of a hint cell look the same from everywhere', t =>
  compareAll(t, (cell, at) => compare(t, { cell, points: fillCell(cell, 10, pointCount), at })),
)

t.test('all points of a claim cell look the same to whoever tries on the spot', t =>
  compareAll(t, (cell, at) => {
    const cells = cellToChildren(cell, 12)
    const cell12 = cells[(7 * at) % cells.length] ?? cellToCenterChild(cell, 12)
    return compare(t, { cell, points: fillCell(cell12, 12, pointCount), at }, claimAround(stage, cell12))
  }),
)

t.test('the log has no place in it', async t => {
  const log = stage.logged()
  t.notMatch(log, /\b8[b-f][0-9a-f]{13}\b/, 'no cell finer than the hint cell')
  t.notMatch(log, /-?\d{1,3}\.\d{4,}/, 'and no coordinate')
})
