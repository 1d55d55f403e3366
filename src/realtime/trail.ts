/**
 * The numbers of a session's frames, and the latest of them, for a client whose socket broke: it names the last one
 * that came and is sent exactly those behind it. They are kept as they are shared between sessions, without numbers,
 * until a pong says that they came: a ping carries the number of the last frame before it, and its answer the same one.
 */
import { limits } from '#protocol/limits.ts'

export type Trail = {
  /** Keeps the next frame, the JSON of one without `seq`; returns its number. */
  number(json: string): number
  lastSeq(): number
  /** The client has frame `seq`, and all before it; what is no number of a frame says nothing. */
  forget(seq: number): void
  /** What came after frame `seq`, without numbers; nothing where that is not kept any more, or is yet to come. */
  since(seq: number): string[] | undefined
}

const { resumeFrames, resumeChars } = limits.socket

export const createTrail = (): Trail => new KeptTrail()

const none: readonly string[] = []

class KeptTrail implements Trail {
  private last = 0
  private chars = 0
  /** Nothing where there is nothing to keep: so it is with most, who are told nothing for minutes. */
  private kept: string[] | undefined

  number(json: string): number {
    this.last++
    this.chars += json.length
    this.kept ??= []
    this.kept.push(json)
    while (this.kept.length > resumeFrames || this.chars > resumeChars) {
      this.chars -= this.kept.shift()?.length ?? 0
    }
    return this.last
  }

  lastSeq(): number {
    return this.last
  }

  forget(seq: number): void {
    const missed = this.since(seq)
    if (missed === undefined) return
    this.kept = missed.length > 0 ? missed : undefined
    this.chars = missed.reduce((chars, json) => chars + json.length, 0)
  }

  since(seq: number): string[] | undefined {
    const { last, kept = none } = this
    const missing = last - seq
    // What is no number is in no order with one.
    return missing >= 0 && missing <= kept.length ? kept.slice(kept.length - missing) : undefined
  }
}
