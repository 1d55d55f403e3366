/** What lies around, as the frames tell it one after the other. */
import type { RequestItem } from '../rest/service-requests.ts'
import type { HintItem, ServerFrame } from '../ws/server.ts'

export type Surroundings = {
  readonly hints: Map<string, HintItem>
  readonly zones: Map<string, NonNullable<HintItem['zone']>>
  /** Service requests near, where they are watched. */
  readonly requests: Map<string, RequestItem>
  warmth: Pick<Extract<ServerFrame, { type: 'warmth' }>, 'within1Km' | 'within2Km'> | undefined
  apply(frame: ServerFrame): void
  clear(): void
}

export function createSurroundings(): Surroundings {
  const around: Surroundings = {
    hints: new Map(),
    zones: new Map(),
    requests: new Map(),
    warmth: undefined,
    apply(frame) {
      if (frame.type === 'snapshot') {
        around.hints.clear()
        frame.hints.forEach(note)
      } else if (frame.type === 'hint') note(frame)
      else if (frame.type === 'gone') around.hints.delete(frame.envelopeId)
      else if (frame.type === 'warmth') around.warmth = frame
      else if (frame.type === 'watching') around.requests.clear()
      else if (frame.type === 'request.opened' || frame.type === 'request.changed') {
        around.requests.set(frame.serviceRequestId, frame)
        if (frame.zone !== undefined) around.zones.set(frame.cell, frame.zone)
      } else if (frame.type === 'request.gone') around.requests.delete(frame.serviceRequestId)
    },
    clear() {
      around.hints.clear()
      around.zones.clear()
      around.requests.clear()
      around.warmth = undefined
    },
  }
  /** The outline comes once for each cell. */
  function note(hint: HintItem): void {
    around.hints.set(hint.envelopeId, hint)
    if (hint.zone !== undefined) around.zones.set(hint.cell, hint.zone)
  }
  return around
}
