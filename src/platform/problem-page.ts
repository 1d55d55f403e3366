/** The page of an error: what it means and what a client does next, said once in the protocol's list of errors. */
import { createHash } from 'node:crypto'
import type { ErrorEntry } from '#protocol/error-entry.ts'
import { type ErrorCode, errorCodes, errors } from '#protocol/errors.ts'
import { operations } from '#protocol/rest/operations.ts'
import { exchanges } from '#protocol/ws/exchanges.ts'

const style = `
  :root { color-scheme: light dark; }
  body { font: 16px/1.6 system-ui, sans-serif; max-width: 42rem; margin: 3rem auto; padding: 0 1.25rem; }
  h1 { font-size: 1.5rem; line-height: 1.3; }
  h2 { font-size: 1rem; margin-top: 2rem; }
  code { font: 0.9em ui-monospace, monospace; }
  .status { color: #c8102e; font-weight: 600; }
  table { border-collapse: collapse; width: 100%; }
  td { padding: 0.3rem 1rem 0.3rem 0; border-top: 1px solid #8884; vertical-align: top; }
`

/** The pages load nothing and run nothing; only their own style is allowed. */
export const pagePolicy = [
  "default-src 'none'",
  `style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'`,
  "base-uri 'none'",
  "frame-ancestors 'none'",
  "form-action 'none'",
].join('; ')

export function renderIndex(): string {
  const rows = errorCodes.map(
    code =>
      `<tr><td class="status">${errors[code].status}</td>` +
      `<td><a href="/problems/${code}"><code>${code}</code></a></td><td>${format(errors[code].title)}</td></tr>`,
  )
  return page(
    'Errors',
    `<h1>Errors</h1>
<p>Every error that this server sends, over REST as <code>application/problem+json</code> and on the socket as an
<code>error</code> frame with the same <code>code</code>.</p>
<table>${rows.join('\n')}</table>`,
  )
}

export function renderProblem(code: ErrorCode): string {
  const { status, title, help, reasons = [] }: ErrorEntry = errors[code]
  const senders = listSenders(code)
  return page(
    code,
    `<p><a href="/problems">Errors</a></p>
<h1>${format(title)}</h1>
<p><span class="status">${status}</span> <code>${code}</code></p>
<p>${format(help)}</p>
${list('Reasons', reasons)}
${list('Sent by', senders)}`,
  )
}

/** Where a client can meet the error: operations by method and path, frames by their type. */
const listSenders = (code: ErrorCode): string[] => [
  ...operations.filter(({ errors }) => errors.includes(code)).map(({ method, path }) => `${method} ${path}`),
  ...Object.entries(exchanges)
    .filter(([, exchange]) => exchange.errors.includes(code))
    .map(([type]) => `${type} frame`),
]

const list = (heading: string, items: readonly string[]): string =>
  items.length === 0
    ? ''
    : `<h2>${heading}</h2>\n<ul>${items.map(item => `<li><code>${escape(item)}</code></li>`).join('\n')}</ul>`

const page = (title: string, body: string): string => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escape(title)} · hexbao</title>
<style>${style}</style>
</head>
<body>
${body}
</body>
</html>
`

const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }

const escape = (text: string): string =>
  text.replace(/[&<>"]/g, character => entities[character] ?? character)

/** The list of errors is written with `code` in backticks. */
const format = (text: string): string => escape(text).replace(/`([^`]+)`/g, '<code>$1</code>')
