import { Deserializer, Serializer } from 'node:v8'
import { findForeign, HostValue } from './host-values.ts'
import { readHostValue, writeHostValue } from './host-format.ts'

/**
 * How errors are written: as the reference does, with all their own properties; or as V8 does, which the
 * reference did for projects with a compatibility date before 2026-04-21.
 */
export type ErrorFormat = 'reference' | 'v8'

class ValueSerializer extends Serializer {
  // V8's own way to let an embedder choose the error class; Node leaves it undocumented.
  _getDataCloneError = (message: string): DOMException =>
    new DOMException(message, 'DataCloneError')

  _writeHostObject(value: object): void {
    if (!(value instanceof HostValue)) {
      throw new DOMException(`#<${value.constructor.name}> could not be cloned.`, 'DataCloneError')
    }
    writeHostValue(this, value.value)
  }
}

class ValueDeserializer extends Deserializer {
  _readHostObject(): unknown {
    return readHostValue(this)
  }
}

/**
 * The bytes in which the reference stores a value (V8 serializer, version 15).
 *
 * @throws DataCloneError for functions, symbols, objects of the platform and the like
 */
export function encodeValue(value: unknown, errors: ErrorFormat = 'reference'): Uint8Array {
  const serializer = new ValueSerializer()
  serializer.writeHeader()
  serializer.writeValue(findForeign(value, errors))
  return serializer.releaseBuffer()
}

const headerByte = 0xff

/** What was written before there were headers is version 13. */
const headerOf13 = Uint8Array.of(headerByte, 13)

export function decodeValue(bytes: Uint8Array): unknown {
  const whole = bytes[0] === headerByte ? bytes : Buffer.concat([headerOf13, bytes])
  const deserializer = new ValueDeserializer(whole)
  deserializer.readHeader()
  return deserializer.readValue()
}
