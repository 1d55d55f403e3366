/**
 * Text frames of RFC 6455 (section 5.2) as a server sends them: whole, unmasked, without extensions. `ws` writes a head
 * and a payload for each frame; many frames as one buffer cost one allocation and one system call.
 */
const FIN_TEXT = 0x81
/** The largest length that stands in the second byte, and the largest in the two bytes behind it. */
const [SHORT, MEDIUM] = [125, 0xffff]
const FOLLOWS_16 = 126
const FOLLOWS_64 = 127

export function frameTexts(texts: readonly string[]): Buffer {
  const sizes: number[] = []
  let bytes = 0
  for (const text of texts) {
    const size = Buffer.byteLength(text)
    sizes.push(size)
    bytes += headBytes(size) + size
  }
  const frames = Buffer.allocUnsafe(bytes)
  let at = 0
  let next = 0
  for (const text of texts) at = writeFrame(frames, { text, size: sizes[next++] ?? 0, at })
  return frames
}

const headBytes = (size: number): number => (size <= SHORT ? 2 : size <= MEDIUM ? 4 : 10)

/** Returns where the next one begins. */
function writeFrame(frames: Buffer, { text, size, at }: { text: string; size: number; at: number }): number {
  frames[at] = FIN_TEXT
  if (size <= SHORT) frames[at + 1] = size
  else if (size <= MEDIUM) {
    frames[at + 1] = FOLLOWS_16
    frames.writeUInt16BE(size, at + 2)
  } else {
    frames[at + 1] = FOLLOWS_64
    frames.writeBigUInt64BE(BigInt(size), at + 2)
  }
  const start = at + headBytes(size)
  frames.write(text, start)
  return start + size
}
