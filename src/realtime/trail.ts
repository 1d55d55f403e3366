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

const numbered = (seq: number, json: string): string => `{"seq":${seq},${json.slice(1)}`

export const createTrail = (): Trail => new KeptTrail()

class KeptTrail implements Trail {
  private lastSeq = 0
  private chars = 0
  private readonly kept: string[] = []

  number(json: string): string {
    this.lastSeq++
    this.chars += json.length
    this.kept.push(json)
    while (this.kept.length > resumeFrames || this.chars > resumeChars) {
      this.chars -= this.kept.shift()?.length ?? 0
    }
    return numbered(this.lastSeq, json)
  }

  since(seq: number): string[] | undefined {
    const missing = this.lastSeq - seq
    if (missing < 0 || missing > this.kept.length) return undefined
    return this.kept.slice(this.kept.length - missing).map((json, i) => numbered(seq + 1 + i, json))
  }
}
