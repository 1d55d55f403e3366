/**
 * The numbers of a session's frames, and the latest of them, for a client whose socket broke: it names the last one
 * that came and is sent exactly those behind it. They are kept as they are shared between sessions, without numbers.
 */
import { limits } from '#protocol/limits.ts'

export type Trail = {
  /** Keeps the next frame, the JSON of one without `seq`; returns its number. */
  number(json: string): number
  /** What came after frame `seq`, without numbers; nothing where that is not kept any more, or is yet to come. */
  since(seq: number): string[] | undefined
}

const { resumeFrames, resumeChars } = limits.socket

export const createTrail = (): Trail => new KeptTrail()

class KeptTrail implements Trail {
  private lastSeq = 0
  private chars = 0
  private readonly kept: string[] = []

  number(json: string): number {
    this.lastSeq++
    this.chars += json.length
    this.kept.push(json)
    while (this.kept.length > resumeFrames || this.chars > resumeChars) {
      this.chars -= this.kept.shift()?.length ?? 0
    }
    return this.lastSeq
  }

  since(seq: number): string[] | undefined {
    const missing = this.lastSeq - seq
    if (missing < 0 || missing > this.kept.length) return undefined
    return this.kept.slice(this.kept.length - missing)
  }
}
