// What user code may put into a stream of bytes.

const encoder = new TextEncoder()

/** The bytes of a chunk, uncopied: a buffer, a view of one, or text; undefined when it has none. */
export function bytesOfChunk(chunk: unknown): Uint8Array | undefined {
  if (typeof chunk === 'string') return encoder.encode(chunk)
  if (chunk instanceof ArrayBuffer) return new Uint8Array(chunk)
  if (!ArrayBuffer.isView(chunk)) return undefined
  return new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength)
}

/**
 * What is written to a stream of bytes, as a copy: the writer may use its buffer again.
 *
 * @throws TypeError with the reference's text when it is not bytes
 */
export function requireWrittenBytes(chunk: unknown): Uint8Array {
  if (chunk === undefined) return new Uint8Array()
  const bytes = bytesOfChunk(chunk)
  if (bytes !== undefined) return bytes.slice()
  throw new TypeError(
    'This TransformStream is being used as a byte stream, but received an object of non-ArrayBuffer/ArrayBufferView type on its writable side.',
  )
}
