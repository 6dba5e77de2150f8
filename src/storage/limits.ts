// How much an object may store: what the reference's local build allows, or what the hosted one does
// (reference 1.19).

/** Limits of one object's storage; a limit that is absent is none. */
export interface StorageLimits {
  /** Of a row of SQLite, of a text and of a blob, and of a key with its value. */
  readonly rowBytes: number
  /** Of a key as UTF-8. */
  readonly keyBytes?: number
  /** Of a value; its header may exceed it. */
  readonly valueBytes?: number
  /** Of keys in one call. */
  readonly pairs?: number
  /** Of the database, with all that is written to it. */
  readonly databaseBytes?: number
  /** Of arguments of an SQL function. */
  readonly functionArguments: number
}

export const localLimits: StorageLimits = { rowBytes: 8_388_642, functionArguments: 127 }

const hostedPairs = 128

/** Of the hosted runtime, for classes with SQL. "2 MB" and "10 GB" are decimal. */
export const hostedLimits: StorageLimits = {
  rowBytes: 2_000_000,
  pairs: hostedPairs,
  databaseBytes: 10_000_000_000,
  functionArguments: 32,
}

/** Of the hosted runtime, for classes without SQL. */
export const hostedKvLimits: StorageLimits = {
  ...localLimits,
  keyBytes: 2048,
  valueBytes: 131_072,
  pairs: hostedPairs,
}

// V8's header, and what the reference adds.
const valueSlackBytes = 34

/** @throws RangeError with the reference's text */
export function requireKey(key: string, { keyBytes }: StorageLimits): void {
  if (keyBytes === undefined || 3 * key.length <= keyBytes) return
  const bytes = Buffer.byteLength(key)
  if (bytes <= keyBytes) return
  throw new RangeError(
    `Keys cannot be larger than ${keyBytes} bytes. A key of size ${bytes} was provided.`,
  )
}

/** @throws RangeError with the reference's text */
export function requireValue({ byteLength }: Uint8Array, { valueBytes }: StorageLimits): void {
  if (valueBytes === undefined || byteLength <= valueBytes + valueSlackBytes) return
  throw new RangeError(
    `Values cannot be larger than ${valueBytes} bytes. A value of size ${byteLength} was provided.`,
  )
}

/** @throws RangeError with the reference's text */
export function requirePairs(count: number, { pairs }: StorageLimits): void {
  if (pairs === undefined || count <= pairs) return
  throw new RangeError(
    `Maximum number of key value pairs is ${pairs}. ${count} pairs were provided.`,
  )
}

/**
 * Refuses a row of `_cf_KV` that SQLite would refuse when it is applied, by the same count. [ST23]
 *
 * @throws Error with SQLite's text
 */
export function requireRow(key: string, value: Uint8Array, { rowBytes }: StorageLimits): void {
  if (3 * key.length + value.byteLength + 32 < rowBytes) return
  const keyBytes = Buffer.byteLength(key)
  // A record begins with its header: its own length, and a number that tells type and length of each
  // column.
  const headerBytes = 1 + varintBytes(2 * keyBytes + 13) + varintBytes(2 * value.byteLength + 12)
  if (headerBytes + keyBytes + value.byteLength > rowBytes) {
    throw new Error('string or blob too big: SQLITE_TOOBIG')
  }
}

function varintBytes(value: number): number {
  let bytes = 1
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) bytes += 1
  return bytes
}
