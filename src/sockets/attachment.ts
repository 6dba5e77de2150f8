import { Deserializer, Serializer } from 'node:v8'

const attachmentBytesMax = 16_384

// V8's own way to let an embedder choose the error class; Node leaves it undocumented.
class AttachmentSerializer extends Serializer {
  _getDataCloneError = (message: string): DOMException =>
    new DOMException(message, 'DataCloneError')
}

/**
 * The bytes that are kept of an attachment while its object is not in memory.
 *
 * @throws DataCloneError for what cannot be cloned; Error when larger than 16,384 bytes
 */
export function encodeAttachment(value: unknown): Uint8Array {
  const serializer = new AttachmentSerializer()
  serializer.writeHeader()
  serializer.writeValue(value)
  const bytes = serializer.releaseBuffer()
  if (bytes.byteLength > attachmentBytesMax) {
    // The missing space is the reference's.
    throw new Error(
      `A WebSocket 'attachment' cannot be larger than ${attachmentBytesMax} bytes.'attachment' was ${bytes.byteLength} bytes.`,
    )
  }
  return bytes
}

export function decodeAttachment(bytes: Uint8Array): unknown {
  const deserializer = new Deserializer(bytes)
  deserializer.readHeader()
  return deserializer.readValue()
}
