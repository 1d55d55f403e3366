/**
 * Arrays as PostgreSQL reads them (https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO). Statements of the
 * hot paths carry whole batches, a column an array; `pg` would quote every id and every number, and write each moment
 * in the zone of the machine.
 */

/** What needs no quotes: ids, numbers, names. */
const bare = /^[\w.:+-]+$/

/** The literal; `undefined` where something in it is better left to `pg`. */
export function formatArray(values: readonly unknown[]): string | undefined {
  let text = '{'
  for (const [i, value] of values.entries()) {
    const element = formatElement(value)
    if (element === undefined) return undefined
    text += i === 0 ? element : `,${element}`
  }
  return `${text}}`
}

function formatElement(value: unknown): string | undefined {
  switch (typeof value) {
    case 'string':
      return bare.test(value) && !/^null$/i.test(value) ? value : quote(value)
    case 'number':
    case 'bigint':
    case 'boolean':
      return String(value)
    case 'object':
      if (value === null) return 'NULL'
      if (value instanceof Date) return quote(value.toISOString())
      if (Buffer.isBuffer(value)) return String.raw`"\\x${value.toString('hex')}"`
      return undefined
    default:
      return undefined
  }
}

const quote = (text: string): string => `"${text.replace(/["\\]/g, String.raw`\$&`)}"`
