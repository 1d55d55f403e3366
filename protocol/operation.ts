/**
 * What an operation is: one object that the server binds a handler to, validates with, and generates the
 * documents from. Handlers never name a path.
 */
import type { TObject, TSchema } from 'typebox'
import type { ErrorCode } from './errors.ts'

export type CallerKind = 'player' | 'merchant' | 'operator'
export type Scope = 'read' | 'campaigns' | 'finance' | 'admin' | 'till'
export const scopes = ['read', 'campaigns', 'finance', 'admin', 'till'] as const satisfies readonly Scope[]

export type UploadType = 'text/csv' | 'application/geo+json'

export type Operation = {
  /** camelCase, unique: the operationId of the document. */
  id: string
  method: 'GET' | 'POST' | 'PATCH' | 'DELETE'
  /** OpenAPI form: /v1/envelopes/{id}. */
  path: string
  tag: string
  summary: string
  description?: string
  /** Who may call; empty means anyone, without a credential. */
  callers: readonly CallerKind[]
  /** What a merchant key must be allowed to do. */
  scope?: Scope
  sandboxOnly?: boolean
  /**
   * required: the answer is kept under the key. refused: a repetition would act twice, so a key must not look as if it
   * helped. Absent: safe to repeat, and a key changes nothing.
   */
  idempotencyKey?: 'required' | 'refused'
  /** The answer is a version, its `version` the ETag. */
  versioned?: boolean
  /** The request says in `If-Match` which version it changes. */
  ifMatch?: 'required'
  /** The body is signed by the Standard Webhooks specification; that is the credential. */
  signed?: boolean
  /** Instead of JSON, files of these types: the body is handed on as it comes. */
  consumes?: readonly UploadType[]
  params?: TObject
  query?: TObject
  body?: TObject
  /**
   * What it answers with instead of JSON, as a stream; its schema in `answers` is text. Who asks for events may say
   * which they have, as `Last-Event-ID`.
   */
  produces?: 'text/csv' | 'application/geo+json' | 'text/event-stream'
  /** Answers by status. */
  answers: Readonly<Record<number, TSchema>>
  errors: readonly ErrorCode[]
}

/** An operation with the errors that follow from what it is, however few it names. */
export const operation = <const O extends Operation>(o: O): O => ({
  ...o,
  errors: [...new Set<ErrorCode>([...o.errors, ...impliedErrors(o)])],
})

/** Whose caller is a player, the device may be refused; where HTTP allows a body, a wrong one is, wanted or not. */
const impliedErrors = ({ callers, method }: Operation): readonly ErrorCode[] => [
  ...(callers.includes('player') ? playerErrors : []),
  ...(method === 'GET' ? [] : bodyErrors),
]

/** Errors that any operation may answer. */
export const commonErrors = [
  'bad_request',
  'too_many_requests',
  'unavailable',
  'internal',
] as const satisfies ErrorCode[]
/** Errors that any operation but a GET may answer. */
export const bodyErrors = ['payload_too_large', 'unsupported_media_type'] as const satisfies ErrorCode[]
/** Errors that any operation with a credential may answer. */
export const callerErrors = ['unauthorized', 'forbidden', 'banned'] as const satisfies ErrorCode[]
/** Errors that any operation of a player may answer. */
export const playerErrors = [...callerErrors, 'device_refused'] as const satisfies ErrorCode[]
/** Errors that any operation with a required Idempotency-Key may answer. */
export const idempotencyErrors = [
  'idempotency_key_missing',
  'idempotency_in_flight',
  'idempotency_mismatch',
] as const satisfies ErrorCode[]
