/**
 * The audit chain: link n is SHA-256(hash of link n - 1 ‖ the text of its transfer), and link 1 follows 32 zero bytes.
 * Whoever noted one hash elsewhere can tell later whether anything up to there was rewritten. A walk along the links
 * says which row is not what was linked, as exactly as hashes can tell:
 *
 * - `changed`: the transfer is not what was linked (or the one before it is not, and its link was rewritten with it).
 * - `relinked`: the transfer is what was linked, only its link was changed.
 * - `moved`: the transfer is what was linked, but elsewhere or behind another one: links were reordered.
 * - `removed`: the transfer is gone. `cut`: links are gone.
 * - `rewritten`: a hash that was noted elsewhere is another one now: a row at or before it was changed, and every later
 *   link computed again.
 */
import { hash } from 'node:crypto'

export type Link = { sequence: number; transferId: string; hash: Uint8Array }

/** A link with the text of its transfer as it is now; undefined where the transfer is gone. */
export type LinkedRow = Link & { text: string | undefined }

export type Head = { sequence: number; hash: Uint8Array }

/** Before the first link. */
export const genesis: Head = { sequence: 0, hash: new Uint8Array(32) }

export const hashLink = (previous: Uint8Array, text: string): Uint8Array =>
  hash('sha256', Buffer.concat([previous, Buffer.from(text)]), 'buffer')

export type ChainFinding =
  | { kind: 'changed'; sequence: number; transferId: string; previousId: string | undefined; text: string }
  | { kind: 'relinked' | 'moved' | 'removed'; sequence: number; transferId: string }
  | { kind: 'cut'; sequence: number; until: number }
  | { kind: 'rewritten'; sequence: number; transferId: string; intactUntil: number }
  | { kind: 'unlinked' | 'late'; transferId: string }

type Suspect = Link & { text: string; previous: Uint8Array; finding: number }

export type ChainWalk = {
  head: Head
  headId: string | undefined
  /** What the next link may follow: the hash that is stored and, where that did not fit, the one that would have. */
  following: readonly Uint8Array[]
  /** The last of the noted heads that was found as noted. */
  intactUntil: number
  differences: number
  /** The first {@link namedFindings} of the differences. */
  findings: ChainFinding[]
  suspects: Suspect[]
}

export const namedFindings = 100
/** Among so many links that do not fit, places are looked for. */
const comparedSuspects = 32

export const startWalk = (): ChainWalk => ({
  ...{ head: genesis, headId: undefined, following: [genesis.hash], intactUntil: 0 },
  ...{ differences: 0, findings: [], suspects: [] },
})

const isSame = (a: Uint8Array | undefined, b: Uint8Array): boolean =>
  a !== undefined && Buffer.compare(a, b) === 0

export function reportFinding(walk: ChainWalk, finding: ChainFinding): void {
  walk.differences++
  if (walk.findings.length < namedFindings) walk.findings.push(finding)
}

/** Takes the next link, in order of the sequence; `noted` are heads that somebody wrote down elsewhere. */
export function stepWalk(walk: ChainWalk, link: LinkedRow, noted: readonly Head[]): void {
  if (link.sequence > walk.head.sequence + 1) {
    reportFinding(walk, { kind: 'cut', sequence: walk.head.sequence + 1, until: link.sequence - 1 })
    walk.following = []
  }
  compareRow(walk, link)
  walk.head = link
  walk.headId = link.transferId
  for (const { sequence, hash } of noted) {
    if (sequence !== link.sequence) continue
    if (isSame(hash, link.hash)) walk.intactUntil = sequence
    else {
      const { transferId } = link
      reportFinding(walk, { kind: 'rewritten', sequence, transferId, intactUntil: walk.intactUntil })
    }
  }
}

function compareRow(walk: ChainWalk, { text, ...link }: LinkedRow): void {
  const { sequence, transferId, hash } = link
  const [previous] = walk.following
  const fitting = text === undefined ? [] : walk.following.map(one => hashLink(one, text))
  walk.following = [hash]
  if (text === undefined) return reportFinding(walk, { kind: 'removed', sequence, transferId })
  // Behind missing links nothing is left to compare with.
  if (previous === undefined || isSame(fitting[0], hash)) return
  if (isSame(fitting[1], hash)) return acquitLast(walk)
  const finding = walk.findings.length
  reportFinding(walk, { kind: 'changed', sequence, transferId, previousId: walk.headId, text })
  if (fitting[0] !== undefined) walk.following = [hash, fitting[0]]
  if (walk.suspects.length < comparedSuspects) walk.suspects.push({ ...link, text, previous, finding })
}

/** The row before follows from the one before it, and this one from that: only the hash between them is wrong. */
function acquitLast(walk: ChainWalk): void {
  const last = walk.suspects.at(-1)
  if (last === undefined || last.sequence !== walk.head.sequence) return
  walk.suspects.pop()
  rename(walk, last, { kind: 'relinked', sequence: last.sequence, transferId: last.transferId })
}

function rename(walk: ChainWalk, { finding }: Suspect, renamed: ChainFinding): void {
  if (finding < walk.findings.length) walk.findings[finding] = renamed
}

/** Behind the last link: what is missing at the end, and which of the suspects only stand in each other's places. */
export function endWalk(walk: ChainWalk, noted: readonly Head[]): void {
  const until = Math.max(...noted.map(({ sequence }) => sequence))
  if (until > walk.head.sequence) {
    reportFinding(walk, { kind: 'cut', sequence: walk.head.sequence + 1, until })
  }
  for (const suspect of walk.suspects) {
    if (!isOutOfPlace(suspect, walk.suspects)) continue
    const { sequence, transferId } = suspect
    rename(walk, suspect, { kind: 'moved', sequence, transferId })
  }
}

/** The row fits another link, or its own link another predecessor. */
const isOutOfPlace = (suspect: Suspect, suspects: readonly Suspect[]): boolean =>
  suspects.some(other => {
    if (other === suspect) return false
    const here = hashLink(other.previous, suspect.text)
    return isSame(here, other.hash) || isSame(here, suspect.hash) || isBehind(suspect, other)
  })

const isBehind = ({ text, hash }: Suspect, other: Suspect): boolean =>
  isSame(hashLink(other.hash, text), hash)
