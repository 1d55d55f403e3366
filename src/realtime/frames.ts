/**
 * Frames at the door: text becomes a frame of the protocol or a reason why not. Dispatched on `type`, then checked by
 * that branch alone, compiled once. Shapes are closed, so a `__proto__` or `constructor` key, which JSON.parse makes an
 * own property, is refused like any unknown field; the table is a Map, so that no `type` finds an inherited name.
 */
import type { TSchema } from 'typebox'
import { Compile } from 'typebox/compile'
import { type ClientFrame, clientFrames } from '#protocol/ws/client.ts'

export type FrameFault = { pointer: string; message: string }

export type ParsedFrame =
  | { status: 'frame'; frame: ClientFrame }
  | { status: 'bad_frame'; ref?: string; errors: FrameFault[] }
  /** Not JSON: whoever sends that speaks another protocol. */
  | { status: 'not_json' }

type Check = {
  isFrame(value: unknown): value is ClientFrame
  faultsOf(value: unknown): FrameFault[]
}

const checks = new Map<unknown, Check>(
  Object.entries(clientFrames).map(([type, schema]) => [type, compileCheck(schema)]),
)

const FAULTS_NAMED = 5

export function parseFrame(text: string): ParsedFrame {
  const value = parseJson(text)
  if (value === undefined) return { status: 'not_json' }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return { status: 'bad_frame', errors: [{ pointer: '', message: 'must be an object' }] }
  }
  const { type, id } = value as { type?: unknown; id?: unknown }
  const ref = typeof id === 'string' && id.length <= 64 ? { ref: id } : {}
  const check = checks.get(type)
  if (check === undefined) {
    const message = `must be one of ${[...checks.keys()].join(', ')}`
    return { status: 'bad_frame', ...ref, errors: [{ pointer: '/type', message }] }
  }
  if (!check.isFrame(value)) return { status: 'bad_frame', ...ref, errors: check.faultsOf(value) }
  return { status: 'frame', frame: value }
}

function compileCheck(schema: TSchema): Check {
  const validator = Compile(schema)
  return {
    isFrame: (value): value is ClientFrame => validator.Check(value),
    faultsOf: value =>
      validator
        .Errors(value)
        .slice(0, FAULTS_NAMED)
        .map(({ instancePath, message }) => ({ pointer: instancePath, message })),
  }
}

/** `undefined` for what is not JSON, which no JSON text means. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
