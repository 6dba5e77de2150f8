import { crc32 } from 'node:zlib'
import type { CommitRecord, KvOperation, PageImage } from '../base/index.ts'

// The bytes of a log segment: docs/spec/commit-log.md. All integers are little-endian.

// Version 1 had neither KV operations nor flags, and every record named the alarm: it reads alike.
export const formatVersion = 2
export const segmentHeaderBytes = 32
export const batchHeaderBytes = 32

const segmentMagic = 0x534c4c31 // "1LLS"
const batchMagic = 0x534c4231 // "1BLS"
const noAlarm = -0x8000_0000_0000_0000n
const sameAlarm = noAlarm + 1n
const flagKvApplied = 1
const flagHasName = 2

/** What is wrong with a log, and where. */
export class LogFormatError extends Error {
  override readonly name = 'LogFormatError'
}

/** The segment before, and how much of it counts. */
export interface PreviousSegment {
  /** 0 when there is none. A segment of a number in between never counted. */
  readonly number: number
  /** What follows there was refused, or never confirmed, and must not be recovered. [CL3] */
  readonly bytes: number
}

export function encodeSegmentHeader(segment: number, previous: PreviousSegment): Buffer {
  const header = Buffer.alloc(segmentHeaderBytes)
  header.writeUInt32LE(segmentMagic, 0)
  header.writeUInt32LE(formatVersion, 4)
  header.writeUInt32LE(segment, 8)
  header.writeUInt32LE(previous.number, 12)
  header.writeBigUInt64LE(BigInt(previous.bytes), 16)
  header.writeUInt32LE(crc32(header.subarray(0, 28)), 28)
  return header
}

/** @throws LogFormatError when this is no segment, or one of a newer format [CL4] */
export function decodeSegmentHeader(header: Buffer, path: string): PreviousSegment {
  if (header.length < segmentHeaderBytes || header.readUInt32LE(0) !== segmentMagic) {
    throw new LogFormatError(`Cannot read '${path}': it is not a log segment of Sluice`)
  }
  const version = header.readUInt32LE(4)
  if (version > formatVersion) {
    throw new LogFormatError(
      `Cannot read '${path}': it has log format ${version}, this Sluice understands up to ${formatVersion}`,
    )
  }
  if (crc32(header.subarray(0, 28)) !== header.readUInt32LE(28)) {
    throw new LogFormatError(`Cannot read '${path}': the segment header is damaged`)
  }
  return { number: header.readUInt32LE(12), bytes: Number(header.readBigUInt64LE(16)) }
}

/**
 * The header that precedes the records of one batch. A batch counts only as a whole: its checksum
 * covers all of its records, so no record of a torn batch is ever applied. [CL2]
 */
export function encodeBatchHeader(sequence: number, parts: readonly Uint8Array[]): Buffer {
  const header = Buffer.alloc(batchHeaderBytes)
  let bytes = 0
  let checksum = 0
  for (const part of parts) {
    bytes += part.byteLength
    checksum = crc32(part, checksum)
  }
  header.writeUInt32LE(batchMagic, 0)
  header.writeUInt32LE(checksum, 4)
  header.writeBigUInt64LE(BigInt(bytes), 8)
  header.writeBigUInt64LE(BigInt(sequence), 16)
  header.writeUInt32LE(crc32(header.subarray(0, 28)), 28)
  return header
}

export interface BatchHeader {
  readonly bytes: number
  readonly checksum: number
  readonly sequence: number
}

/** @returns undefined when these bytes are not a whole batch header */
export function decodeBatchHeader(header: Buffer): BatchHeader | undefined {
  if (header.length < batchHeaderBytes || header.readUInt32LE(0) !== batchMagic) return undefined
  if (crc32(header.subarray(0, 28)) !== header.readUInt32LE(28)) return undefined
  return {
    checksum: header.readUInt32LE(4),
    bytes: Number(header.readBigUInt64LE(8)),
    sequence: Number(header.readBigUInt64LE(16)),
  }
}

/** One record as a list of buffers, fit for `writev`; page images are not copied. */
export function encodeRecord(record: CommitRecord): Uint8Array[] {
  const object = Buffer.from(record.object)
  const name = encodeName(record.name)
  const head = Buffer.alloc(48 + object.length + name.length + 4 * record.pages.length)
  head.writeUInt32LE(object.length, 0)
  head.writeUInt32LE(record.pageSize, 4)
  head.writeUInt32LE(record.databasePages, 8)
  head.writeUInt32LE(record.pages.length, 12)
  head.writeUInt32LE(record.kv.length, 16)
  head.writeBigUInt64LE(BigInt(record.fence), 20)
  head.writeBigUInt64LE(BigInt(record.sequence), 28)
  head.writeBigInt64LE(encodeAlarm(record.alarmAt), 36)
  const hasName = record.name === undefined ? 0 : flagHasName
  head.writeUInt32LE(hasName | (record.kvApplied ? flagKvApplied : 0), 44)
  object.copy(head, 48)
  name.copy(head, 48 + object.length)
  let at = 48 + object.length + name.length
  for (const page of record.pages) at = head.writeUInt32LE(page.pageNumber, at)
  const parts: Uint8Array[] = [head]
  for (const page of record.pages) parts.push(page.bytes)
  for (const operation of record.kv) parts.push(...encodeKv(operation))
  return parts
}

function encodeName(name: string | undefined): Buffer {
  if (name === undefined) return Buffer.alloc(0)
  const bytes = Buffer.from(name)
  const length = Buffer.alloc(4)
  length.writeUInt32LE(bytes.length, 0)
  return Buffer.concat([length, bytes])
}

function encodeAlarm(alarmAt: number | null | undefined): bigint {
  if (alarmAt === undefined) return sameAlarm
  return alarmAt === null ? noAlarm : BigInt(alarmAt)
}

function decodeAlarm(value: bigint): number | null | undefined {
  if (value === sameAlarm) return undefined
  return value === noAlarm ? null : Number(value)
}

function encodeKv({ key, value }: KvOperation): Uint8Array[] {
  const keyBytes = Buffer.from(key)
  const head = Buffer.alloc(8)
  head.writeUInt32LE(keyBytes.length, 0)
  head.writeUInt32LE(value === undefined ? 0xffff_ffff : value.byteLength, 4)
  return value === undefined ? [head, keyBytes] : [head, keyBytes, value]
}

/**
 * The records of one batch, whose checksum was verified before.
 *
 * @throws LogFormatError when they do not fill the batch exactly
 */
export function decodeRecords(batch: Buffer): CommitRecord[] {
  const reader = new Reader(batch)
  const records: CommitRecord[] = []
  while (!reader.isAtEnd) records.push(decodeRecord(reader))
  return records
}

function decodeRecord(reader: Reader): CommitRecord {
  const head = reader.take(48)
  const pageSize = head.readUInt32LE(4)
  const pageCount = head.readUInt32LE(12)
  const object = reader.take(head.readUInt32LE(0)).toString()
  const flags = head.readUInt32LE(44)
  const name =
    (flags & flagHasName) === 0 ? undefined : reader.take(reader.take(4).readUInt32LE(0)).toString()
  const numbers = reader.take(4 * pageCount)
  const pages: PageImage[] = []
  for (let i = 0; i < pageCount; i += 1) {
    pages.push({ pageNumber: numbers.readUInt32LE(4 * i), bytes: reader.take(pageSize) })
  }
  const kv: KvOperation[] = []
  for (let i = head.readUInt32LE(16); i > 0; i -= 1) {
    const lengths = reader.take(8)
    const key = reader.take(lengths.readUInt32LE(0)).toString()
    const valueBytes = lengths.readUInt32LE(4)
    kv.push({ key, value: valueBytes === 0xffff_ffff ? undefined : reader.take(valueBytes) })
  }
  return {
    object,
    ...(name === undefined ? {} : { name }),
    fence: Number(head.readBigUInt64LE(20)),
    sequence: Number(head.readBigUInt64LE(28)),
    pageSize,
    databasePages: head.readUInt32LE(8),
    pages,
    kv,
    kvApplied: (flags & flagKvApplied) !== 0,
    alarmAt: decodeAlarm(head.readBigInt64LE(36)),
  }
}

class Reader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length
  }

  take(count: number): Buffer {
    if (this.#at + count > this.#bytes.length) {
      throw new LogFormatError('Cannot decode a log record: it is longer than its batch')
    }
    this.#at += count
    return this.#bytes.subarray(this.#at - count, this.#at)
  }
}
