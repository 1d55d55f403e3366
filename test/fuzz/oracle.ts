/** What has to be true of every answer, judged by the document alone. Pure: an answer in, what is wrong with it out. */
import type { ErrorObject } from 'ajv'
import { Ajv2020 } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import { type ErrorCode, errors } from '#protocol/errors.ts'
import { limits } from '#protocol/limits.ts'
import type { ApiDocument, Shape } from './document.ts'
import type { Request } from './request.ts'

export type Answer = {
  status: number
  headers: Readonly<Record<string, string>>
  text: string
  /** Only the beginning was read: events do not end. */
  isCut?: boolean
}

export type Judge = (request: Request, answer: Answer | undefined) => string[]

/** Refusals that HTTP itself brings about, whatever the operation is. */
const ofHttp: readonly ErrorCode[] = ['bad_request', 'not_found']

export function createJudge(document: ApiDocument): Judge {
  const ajv = new Ajv2020({ strict: false, validateSchema: false, allErrors: false })
  addFormats.default(ajv)
  ajv.addSchema(document.root, 'api')
  const compiled = new Map<string, ReturnType<typeof ajv.compile>>()

  /** Why `value` does not fit the schema that stands at `pointer` of the document. */
  function misfit(pointer: string, value: unknown): string | undefined {
    let validate = compiled.get(pointer)
    if (validate === undefined) {
      const $ref = `api#${pointer.slice(1).split('/').map(encodeURIComponent).join('/')}`
      validate = ajv.compile({ $ref })
      compiled.set(pointer, validate)
    }
    return validate(value) ? undefined : describeMisfit(validate.errors?.[0])
  }

  return (request, answer) => {
    if (answer === undefined) return request.raw === undefined ? ['no answer'] : []
    const faults = [...judgeStatus(request, answer), ...judgeSecrets(request, answer)]
    // What is no request of HTTP is refused by Node.js and by `ws`, in words of their own.
    if (request.raw !== undefined) return faults
    if (answer.status >= 400) faults.push(...judgeProblem(request, answer))
    if (request.shape === undefined) return faults
    return [...faults, ...judgeByDocument(request.shape, request, answer, misfit)]
  }
}

const describeMisfit = (error: ErrorObject | undefined): string =>
  `${error?.instancePath} ${error?.message} ${JSON.stringify(error?.params)}`

/**
 * Refused for overload: the server measures how late its event loop is and how long wins wait for PostgreSQL, and a
 * test cannot say how busy its machine may be, while its own clock runs ahead. A run counts them. What is unavailable
 * for another reason has another wait, and is in the log as well.
 */
export const isShed = ({ status, headers, text }: Answer): boolean =>
  status === 503 &&
  codeOf(text) === 'unavailable' &&
  headers['retry-after'] === String(limits.overload.retryAfterMs / 1_000)

function judgeStatus({ only }: Request, answer: Answer): string[] {
  const { status, text } = answer
  if (isShed(answer)) return []
  const faults: string[] = []
  if (status < 200 || status > 599) faults.push(`${status} is no final status`)
  // What the operator froze is refused with the one 5xx that is a rule of the game.
  if (status >= 500 && codeOf(text) !== 'frozen') faults.push(`${status}: a fault of ours`)
  if (only !== undefined && !only.includes(status)) faults.push(`${status} instead of ${only.join(' or ')}`)
  return faults
}

export function codeOf(text: string): string | undefined {
  try {
    return (JSON.parse(text) as { code?: string }).code
  } catch {
    return undefined
  }
}

/** A refusal quotes no credential, and nothing says where we run. */
function judgeSecrets({ headers }: Request, { status, text }: Answer): string[] {
  const credential =
    headers
      .find(([name]) => name === 'authorization')?.[1]
      .split(' ')
      .at(-1) ?? ''
  const faults: string[] = []
  if (status >= 400 && credential.length > 20 && text.includes(credential))
    faults.push('quotes the credential')
  if (/\bat .*\.[jt]s:\d+|node_modules|relation "|syntax error at/.test(text))
    faults.push('tells of the inside')
  return faults
}

function judgeProblem({ method }: Request, { status, headers, text }: Answer): string[] {
  if (method === 'HEAD') return []
  if (headers['content-type'] !== 'application/problem+json')
    return [`${status} as ${headers['content-type']} instead of application/problem+json`]
  const problem = parse(text) as { code?: ErrorCode; status?: number; retryAfterMs?: number } | undefined
  const known =
    problem?.code !== undefined && Object.hasOwn(errors, problem.code) ? errors[problem.code] : undefined
  const faults: string[] = []
  if (known === undefined) return [`${status} without a code of the list`]
  if (problem?.status !== status || known.status !== status) faults.push(`${problem?.code} is not ${status}`)
  if (problem?.retryAfterMs !== undefined && headers['retry-after'] === undefined)
    faults.push('no Retry-After')
  if (status === 401 && headers['www-authenticate'] === undefined) faults.push('no WWW-Authenticate')
  return faults
}

function judgeByDocument(
  { answers, id }: Shape,
  { method, spoilt }: Request,
  { status, headers, text, isCut }: Answer,
  misfit: (pointer: string, value: unknown) => string | undefined,
): string[] {
  if (headers['request-id'] === undefined && spoilt.length === 0) return ['no request id']
  // Another address may be that of no operation.
  const isElsewhere = spoilt.some(one => one.startsWith('address'))
  if (isElsewhere && ofHttp.some(code => codeOf(text) === code)) return []
  if (isElsewhere && method === 'HEAD' && status < 500) return []
  const shape = answers.get(status)
  if (shape === undefined) return [`${id} has no ${status} in the document (${codeOf(text)})`]
  if (method === 'HEAD') return []
  const [type] = (headers['content-type'] ?? '').split(';')
  if (type !== shape.type) return [`${status} as ${type} instead of ${shape.type}`]
  const isJson = shape.type.endsWith('json') && !shape.pointer.includes('geo+json')
  const value = isJson ? parse(text) : text
  if (isJson && value === undefined) return [`${status} with what is no JSON`]
  const why = isCut ? undefined : misfit(shape.pointer, value)
  return why === undefined ? [] : [`${status} does not fit its schema: ${why}`]
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}

/** What the log may not say of a request: that we failed, whose it was, where they are. */
export function judgeLog({ headers, body = '' }: Request, lines: readonly string[]): string[] {
  const credential =
    headers
      .find(([name]) => name === 'authorization')?.[1]
      .split(' ')
      .at(-1) ?? ''
  const places = [...body.matchAll(/-?\d+\.\d{5,}/g)].map(([place]) => place)
  return lines.flatMap(line => {
    const said = `: ${line.slice(0, 3_000)}`
    return [
      ...(/^\{"level":(50|60)/.test(line) ? [`the log has a fault${said}`] : []),
      ...(credential.length > 20 && line.includes(credential) ? [`the log has the credential${said}`] : []),
      ...(places.some(place => line.includes(place)) ? [`the log has a place${said}`] : []),
    ]
  })
}
