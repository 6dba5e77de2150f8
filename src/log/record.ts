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
 * A batch: a header, and its records. It counts only as a whole: the checksum in the header covers all
 * of its records, so no record of a torn batch is ever applied. [CL2]
 *
 * @returns bytes in a buffer of their own, which can be transferred
 */
export function encodeBatch(
  sequence: number,
  records: readonly CommitRecord[],
): Uint8Array<ArrayBuffer> {
  let size = batchHeaderBytes
  for (const record of records) size += recordBytes(record)
  const writer = new Writer(size, batchHeaderBytes)
  for (const record of records) encodeRecord(record, writer)
  const { buffer } = writer
  const header = buffer.subarray(0, batchHeaderBytes)
  header.writeUInt32LE(batchMagic, 0)
  header.writeUInt32LE(crc32(buffer.subarray(batchHeaderBytes)), 4)
  header.writeBigUInt64LE(BigInt(size - batchHeaderBytes), 8)
  header.writeBigUInt64LE(BigInt(sequence), 16)
  header.writeUInt32LE(crc32(header.subarray(0, 28)), 28)
  return buffer
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

const recordHeadBytes = 48

function recordBytes({ object, name, pages, pageSize, kv }: CommitRecord): number {
  let size = recordHeadBytes + Buffer.byteLength(object) + pages.length * (4 + pageSize)
  if (name !== undefined) size += 4 + Buffer.byteLength(name)
  for (const { key, value } of kv) size += 8 + Buffer.byteLength(key) + (value?.byteLength ?? 0)
  return size
}

function encodeRecord(record: CommitRecord, writer: Writer): void {
  const { object, name, pages, kv } = record
  const hasName = name === undefined ? 0 : flagHasName
  writer.uint32(Buffer.byteLength(object))
  writer.uint32(record.pageSize)
  writer.uint32(record.databasePages)
  writer.uint32(pages.length)
  writer.uint32(kv.length)
  writer.uint64(record.fence)
  writer.uint64(record.sequence)
  writer.int64(encodeAlarm(record.alarmAt))
  writer.uint32(hasName | (record.kvApplied ? flagKvApplied : 0))
  writer.text(object)
  if (name !== undefined) {
    writer.uint32(Buffer.byteLength(name))
    writer.text(name)
  }
  for (const { pageNumber } of pages) writer.uint32(pageNumber)
  for (const { bytes } of pages) writer.bytes(bytes)
  for (const { key, value } of kv) {
    writer.uint32(Buffer.byteLength(key))
    writer.uint32(value === undefined ? 0xffff_ffff : value.byteLength)
    writer.text(key)
    if (value !== undefined) writer.bytes(value)
  }
}

class Writer {
  readonly buffer: Buffer<ArrayBuffer>
  readonly #view: DataView
  #at: number

  constructor(size: number, at: number) {
    this.buffer = Buffer.allocUnsafeSlow(size)
    this.#view = new DataView(this.buffer.buffer)
    this.#at = at
  }

  uint32(value: number): void {
    this.#view.setUint32(this.#at, value, true)
    this.#at += 4
  }

  uint64(value: number): void {
    this.uint32(value % 2 ** 32)
    this.uint32(Math.floor(value / 2 ** 32))
  }

  int64(value: bigint): void {
    this.#view.setBigInt64(this.#at, value, true)
    this.#at += 8
  }

  text(value: string): void {
    this.#at += this.buffer.write(value, this.#at)
  }

  bytes(value: Uint8Array): void {
    this.buffer.set(value, this.#at)
    this.#at += value.byteLength
  }
}

function encodeAlarm(alarmAt: number | null | undefined): bigint {
  if (alarmAt === undefined) return sameAlarm
  return alarmAt === null ? noAlarm : BigInt(alarmAt)
}

function decodeAlarm(value: bigint): number | null | undefined {
  if (value === sameAlarm) return undefined
  return value === noAlarm ? null : Number(value)
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
