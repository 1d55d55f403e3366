/**
 * What an operation is: one object that the server binds a handler to, validates with, and generates the
 * documents from. Handlers never name a path.
 */
import type { TObject, TSchema, TString } from 'typebox'
import type { ErrorCode } from './errors.ts'

export type CallerKind = 'player' | 'merchant' | 'operator'
export type Scope = 'read' | 'campaigns' | 'finance' | 'admin' | 'till'
export const scopes = ['read', 'campaigns', 'finance', 'admin', 'till'] as const satisfies readonly Scope[]

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
  params?: TObject
  query?: TObject
  body?: TObject | TString
  /** The body is no JSON but this, and is read as a stream; its schema in `body` is text. */
  consumes?: 'text/csv'
  /** How large it may be, where that is not what every body may be. */
  bodyBytes?: number
  /** What it answers with instead of JSON, as a stream; its schema in `answers` is text. */
  produces?: 'text/csv'
  /** Answers by status. */
  answers: Readonly<Record<number, TSchema>>
  errors: readonly ErrorCode[]
}

export const operation = <const O extends Operation>(o: O): O => o

/** Errors that any operation may answer. */
export const commonErrors = [
  'bad_request',
  'too_many_requests',
  'unavailable',
  'internal',
] as const satisfies ErrorCode[]
/** Errors that any operation with a body may answer. */
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
