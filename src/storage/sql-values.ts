export type SqlValue = number | bigint | string | ArrayBuffer | null
export type Binding = number | bigint | string | Uint8Array | null

/**
 * How integers pass: `number` as on the reference, where those beyond 2^53 lose precision and a BigInt
 * is refused; `bigint` without loss.
 */
export type SqlIntegers = 'number' | 'bigint'

/** @throws TypeError for what cannot be stored */
export function toBinding(value: unknown, integers: SqlIntegers): Binding {
  switch (typeof value) {
    case 'number':
      return Number.isNaN(value) ? null : value
    case 'string':
      return value
    case 'undefined':
      return null
    case 'bigint':
      if (integers === 'bigint') return value
      throw new TypeError('Cannot convert a BigInt value to a number')
    case 'symbol':
      throw new TypeError('Cannot convert a Symbol value to a string')
    default:
      if (value === null) return null
      if (value instanceof ArrayBuffer || value instanceof SharedArrayBuffer) {
        return new Uint8Array(value)
      }
      if (ArrayBuffer.isView(value)) {
        return new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
      }
      return String(value)
  }
}

/**
 * Makes the values of a row what programs get, in place. Integers were read as BigInt, which cannot
 * overflow.
 */
export function toValues(row: unknown[], integers: SqlIntegers): SqlValue[] {
  for (let i = 0; i < row.length; i += 1) {
    const value = row[i]
    if (typeof value === 'bigint') {
      if (integers === 'number') row[i] = Number(value)
    } else if (value instanceof Uint8Array) {
      row[i] = bufferOf(value)
    }
  }
  return row as SqlValue[]
}

function bufferOf({ buffer, byteOffset, byteLength }: Uint8Array): ArrayBuffer {
  if (byteOffset === 0 && byteLength === buffer.byteLength) return buffer as ArrayBuffer
  return buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer
}
