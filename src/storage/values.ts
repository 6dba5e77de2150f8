import { Deserializer, Serializer } from 'node:v8'

// V8's own way to let an embedder choose the error class; Node leaves it undocumented.
class ValueSerializer extends Serializer {
  _getDataCloneError = (message: string): DOMException =>
    new DOMException(message, 'DataCloneError')
}

/**
 * The bytes in which the reference stores a value (V8 serializer, version 15).
 *
 * @throws DataCloneError for functions, symbols and the like
 */
export function encodeValue(value: unknown): Uint8Array {
  const serializer = new ValueSerializer()
  serializer.writeHeader()
  serializer.writeValue(value)
  return serializer.releaseBuffer()
}

export function decodeValue(bytes: Uint8Array): unknown {
  const deserializer = new Deserializer(bytes)
  deserializer.readHeader()
  return deserializer.readValue()
}
