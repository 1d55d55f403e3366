/**
 * Text frames of RFC 6455 (section 5.2) as a server sends them: whole, unmasked, without extensions. `ws` writes a head
 * and a payload for each frame; many frames as one buffer cost one allocation and one system call. What is told to many
 * differs between them only by its number: so it is turned into bytes once, and copied from then on.
 */

/** The JSON of a frame without its number, never empty: told to one, or to many. */
export type FrameText = string | SharedText
/** The same object for everybody who is told the same. */
export type SharedText = { readonly json: string; bytes: Buffer | undefined }

export const shareText = (json: string): SharedText => ({ json, bytes: undefined })

export const jsonOf = (text: FrameText): string => (typeof text === 'string' ? text : text.json)

const FIN_TEXT = 0x81
/** The largest length that stands in the second byte, and the largest in the two bytes behind it. */
const [SHORT, MEDIUM] = [125, 0xffff]
const FOLLOWS_16 = 126
const FOLLOWS_64 = 127
/** What stands before the number. */
const OPENING = Buffer.from('{"seq":')
const [COMMA, ZERO] = [0x2c, 0x30]

/** Each begins with its number: `seq`, then those that follow. */
export function frameTexts(seq: number, texts: readonly FrameText[]): Buffer {
  const sizes: number[] = []
  let bytes = 0
  for (const text of texts) {
    const size = sizeOf(text, digitsOf(seq + sizes.length))
    sizes.push(size)
    bytes += headBytes(size) + size
  }
  const frames = Buffer.allocUnsafe(bytes)
  let at = 0
  let next = 0
  for (const text of texts) at = writeFrame(frames, { text, seq: seq + next, size: sizes[next++] ?? 0, at })
  return frames
}

/** The comma takes the place of the brace. */
const sizeOf = (text: FrameText, digits: number): number =>
  OPENING.length + digits + (typeof text === 'string' ? Buffer.byteLength(text) : bytesOf(text).length)

const bytesOf = (text: SharedText): Buffer => (text.bytes ??= Buffer.from(text.json))

function digitsOf(seq: number): number {
  let digits = 1
  for (let above = 10; above <= seq; above *= 10) digits++
  return digits
}

const headBytes = (size: number): number => (size <= SHORT ? 2 : size <= MEDIUM ? 4 : 10)

type Numbered = { text: FrameText; seq: number; size: number; at: number }

/** Returns where the next one begins. A few bytes are set one by one: a call of the buffer costs more than that. */
function writeFrame(frames: Buffer, { text, seq, size, at }: Numbered): number {
  const digits = digitsOf(seq)
  frames[at] = FIN_TEXT
  if (size <= SHORT) frames[at + 1] = size
  else if (size <= MEDIUM) {
    frames[at + 1] = FOLLOWS_16
    frames[at + 2] = size >> 8
    frames[at + 3] = size & 0xff
  } else {
    frames[at + 1] = FOLLOWS_64
    frames.writeBigUInt64BE(BigInt(size), at + 2)
  }
  const start = at + headBytes(size)
  const behind = start + OPENING.length + digits
  if (typeof text === 'string') frames.write(text, behind)
  else frames.set(bytesOf(text), behind)
  frames[behind] = COMMA
  let left = seq
  for (let place = behind - 1; place >= start + OPENING.length; place--) {
    frames[place] = ZERO + (left % 10)
    left = Math.floor(left / 10)
  }
  for (let i = 0; i < OPENING.length; i++) frames[start + i] = OPENING[i] as number
  return start + size
}
