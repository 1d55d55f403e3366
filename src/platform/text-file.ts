/**
 * A file of text from the wire, a piece at a time, so that what is not read yet stays with the client: UTF-8 without
 * its byte order mark. Bytes that are no UTF-8 are not repaired.
 */
export class TextFault extends Error {
  override name = 'TextFault'
  readonly reason: 'too_large' | 'not_utf8'
  constructor(reason: TextFault['reason']) {
    super(reason)
    this.reason = reason
  }
}

/** @throws {TextFault} behind what can be read of it */
export async function* readText(
  pieces: AsyncIterable<Uint8Array>,
  mostBytes: number,
): AsyncGenerator<string, void, undefined> {
  const utf8 = new TextDecoder('utf-8', { fatal: true })
  const decode = (piece?: Uint8Array): string => {
    try {
      return piece === undefined ? utf8.decode() : utf8.decode(piece, { stream: true })
    } catch {
      throw new TextFault('not_utf8')
    }
  }
  let bytes = 0
  for await (const piece of pieces) {
    bytes += piece.byteLength
    if (bytes > mostBytes) throw new TextFault('too_large')
    yield decode(piece)
  }
  yield decode()
}
