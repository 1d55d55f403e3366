/**
 * The numbers of a session's frames, and the latest of them, for a client whose socket broke: it names the last one
 * that came and is sent exactly those behind it. They are kept as they are shared between sessions, without numbers.
 */
import { limits } from '#protocol/limits.ts'

export type Trail = {
  /** The next frame, from the JSON of one without `seq`. */
  number(json: string): string
  /** What came after frame `seq`; nothing where that is not kept any more, or is yet to come. */
  since(seq: number): string[] | undefined
}

const { resumeFrames, resumeChars } = limits.socket

export function createTrail(): Trail {
  let lastSeq = 0
  let chars = 0
  const kept: string[] = []
  const numbered = (seq: number, json: string) => `{"seq":${seq},${json.slice(1)}`

  return {
    number(json) {
      lastSeq++
      chars += json.length
      kept.push(json)
      while (kept.length > resumeFrames || chars > resumeChars) chars -= kept.shift()?.length ?? 0
      return numbered(lastSeq, json)
    },
    since(seq) {
      const missing = lastSeq - seq
      if (missing < 0 || missing > kept.length) return undefined
      return kept.slice(kept.length - missing).map((json, i) => numbered(seq + 1 + i, json))
    },
  }
}
