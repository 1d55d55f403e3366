/**
 * Which secrets of a configuration an outsider could guess: ones that stand in examples, ones with too little chance in
 * them, and ones that do two jobs, so that whoever sees one of them has the other. Says names, never values.
 */

/** By variable, what has to be unguessable: without prefixes that everybody knows. */
export type Secrets = Readonly<Record<string, readonly string[]>>

export type SecretFault = { name: string; fault: string }

/** Bits of Shannon entropy over a secret's characters: 32 random hexadecimal digits have about 120. */
const leastBits = 80

/** Words that somebody types, or that an example has; a random secret has none of them (below 1e-6 for each). */
const words = [
  ...['change.?me', 'replace.?me', 'fill.?in', 'password', 'passw0rd', 'secret', 'example', 'placeholder'],
  ...['insecure', 'default', 'sandbox', 'hexbao', 'development', '12345678', 'abcdefgh', 'qwerty'],
]
const typed = new RegExp(words.join('|'), 'i')

/** Passwords that every list of passwords begins with; those of images and compose files among them. */
const wellKnown = new Set([
  ...[
    'postgres',
    'password',
    'admin',
    'root',
    'redis',
    'secret',
    'hexbao',
    'test',
    'guest',
    'changeme',
    'default',
  ],
  ...['example', 'password1', 'passw0rd', '12345678', '123456789', '1234567890', 'qwertyuiop', 'letmein1'],
])

/** Every fault of every secret, in the order of `secrets`; none is told twice. */
export function judgeSecrets(secrets: Secrets): SecretFault[] {
  const named = Object.entries(secrets).flatMap(([name, values]) => values.map(value => ({ name, value })))
  const faults = named.flatMap(({ name, value }) => {
    const fault = findWeakness(value)
    return fault === undefined ? [] : [{ name, fault }]
  })
  const twins = named.flatMap(({ name, value }, i) => {
    const twin = named.find((other, j) => j !== i && other.name !== name && other.value === value)
    return twin === undefined ? [] : [{ name, fault: `is the same as ${twin.name}` }]
  })
  const all = [...faults, ...twins]
  return all.filter((one, i) => all.findIndex(o => o.name === one.name && o.fault === one.fault) === i)
}

function findWeakness(value: string): string | undefined {
  if (typed.test(value)) return 'holds a word of an example'
  return isRepetition(value) || isSequence(value) || entropyBits(value) < leastBits
    ? 'can be guessed'
    : undefined
}

/** A URL may carry no password, where PostgreSQL or Redis knows its callers otherwise; a guessable one is a fault. */
export function judgePassword(name: string, url: string): SecretFault[] {
  const { username, password } = new URL(url)
  const [user, said] = [
    decodeURIComponent(username).toLowerCase(),
    decodeURIComponent(password).toLowerCase(),
  ]
  if (said === '') return []
  const isKnown = wellKnown.has(said) || said === user || said.length < 8 || isRepetition(said)
  return isKnown ? [{ name, fault: 'has a password that can be guessed' }] : []
}

/** Some block over and over, the last time perhaps cut short. */
function isRepetition(value: string): boolean {
  for (let size = 1; size <= value.length / 2; size++) {
    if (value.slice(size) === value.slice(0, -size)) return true
  }
  return false
}

/** Mostly neighbours of the alphabet, one after the other. */
function isSequence(value: string): boolean {
  let steps = 0
  for (let i = 1; i < value.length; i++) {
    if (Math.abs(value.charCodeAt(i) - value.charCodeAt(i - 1)) === 1) steps++
  }
  return steps > value.length / 2
}

function entropyBits(value: string): number {
  const counts = new Map<string, number>()
  for (const char of value) counts.set(char, (counts.get(char) ?? 0) + 1)
  const shares = [...counts.values()].map(count => count / value.length)
  return -value.length * shares.reduce((sum, share) => sum + share * Math.log2(share), 0)
}
