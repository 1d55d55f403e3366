/** An example of an operation, typed by the operation: a request and every answer it may have. */
import type { Static, TSchema } from 'typebox'
import type { Operation, UploadType } from '../operation.ts'

type Of<S> = S extends TSchema ? Static<S> : undefined
type Part<Name extends string, S> = S extends TSchema ? { [K in Name]: Of<S> } : { [K in Name]?: undefined }

export type ExampleOf<O extends Operation> = Part<'params', O['params']> &
  Part<'body', O['body']> & {
    query?: Of<O['query']>
    files?: Readonly<Partial<Record<UploadType, string>>>
    answers: { [S in keyof O['answers']]: Of<O['answers'][S]> }
  }

export type Example = {
  operation: Operation
  params?: Record<string, unknown> | undefined
  query?: Record<string, unknown> | undefined
  body?: unknown
  /** A file of each type that the operation takes. */
  files?: Readonly<Partial<Record<UploadType, string>>>
  answers: Readonly<Record<number, unknown>>
}

export const exampleOf = <const O extends Operation>(operation: O, example: ExampleOf<O>): Example => ({
  operation,
  ...example,
})
