import { closeSync, fstatSync, openSync, readdirSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import type { CommitRecord } from '../base/index.ts'
import { segmentName } from './file-log.ts'
import {
  batchHeaderBytes,
  decodeBatchHeader,
  decodeRecords,
  decodeSegmentHeader,
  LogFormatError,
  type PreviousSegment,
  segmentHeaderBytes,
} from './record.ts'

/** The state of one object after its last logged commit, as far as the log holds it. */
export interface RecoveredObject {
  readonly object: string
  /** The last one in the log; undefined when the log holds none. */
  readonly name: string | undefined
  readonly sequence: number
  readonly pageSize: number
  /** 0 when the log holds no pages of the object. */
  readonly databasePages: number
  /** The newest image of each page that the log holds; 1-based. */
  readonly pages: ReadonlyMap<number, Uint8Array>
  /** What is in no page. */
  readonly kv: ReadonlyMap<string, Uint8Array | 'deleted'>
  /** An alarm that is in no page; undefined when the log sets none beyond the pages. */
  readonly alarmAt: number | null | undefined
  /** The alarm that the log set last, be it in a page or not; undefined when it never did. */
  readonly lastAlarmAt: number | null | undefined
}

/** One segment that recovery read. */
export interface RecoveredSegment {
  readonly number: number
  readonly path: string
  /** Every object with a record in it that counts. */
  readonly objects: ReadonlySet<string>
  readonly bytes: number
}

export interface RecoveryReport {
  /** The segments that count, oldest first; each can go when all of it is in synced files. */
  readonly segments: readonly RecoveredSegment[]
  /** Segments that never counted. */
  readonly deadPaths: readonly string[]
  /** A number above every segment that exists. */
  readonly nextSegment: number
  readonly objectCount: number
  readonly recordCount: number
  /** Bytes behind the last whole batch, which was being written when the process ended. */
  readonly tornBytes: number
}

interface OpenFile {
  readonly path: string
  readonly fd: number
}

interface SegmentFile extends OpenFile {
  readonly number: number
  /** Up to where the file counts; known from the next segment, or the end of the file. */
  bytes: number
  readonly previous: PreviousSegment
  readonly objects: Set<string>
}

interface ObjectIndex {
  name: string | undefined
  lastAlarmAt: number | null | undefined
  sequence: number
  pageSize: number
  databasePages: number
  readonly pages: Map<number, { readonly file: OpenFile; readonly offset: number }>
  readonly kv: Map<string, Uint8Array | 'deleted'>
  alarmAt: number | null | undefined
}

/**
 * Reads the log of a shard and hands over each object's last state. Reads only; running it twice
 * gives the same. [CL7]
 *
 * @param restore brings one object's database file to the given state
 * @throws LogFormatError when anything but the tail of the last segment is damaged: an older state
 *   must not be served as if it were current [CL3]
 */
export function recoverLog(
  directory: string,
  restore: (object: RecoveredObject) => void,
): RecoveryReport {
  const { segments, nextSegment, paths } = openSegments(directory)
  try {
    const objects = new Map<string, ObjectIndex>()
    let recordCount = 0
    let tornBytes = 0
    for (const [i, segment] of segments.entries()) {
      const isLast = i === segments.length - 1
      const end = readSegment(segment, (record, offsets) => {
        recordCount += 1
        indexRecord(objects, record, offsets, segment)
      })
      if (end === segment.bytes) continue
      if (!isLast) throw damaged(segment, end)
      tornBytes = requireTorn(segment, end)
      segment.bytes = end
    }
    for (const [object, index] of objects) restore(readObject(object, index))
    const counting = new Set(segments.map(({ path }) => path))
    return {
      segments: segments.map(({ number, path, objects, bytes }) => ({
        number,
        path,
        objects,
        bytes,
      })),
      deadPaths: paths.filter((path) => !counting.has(path)),
      nextSegment,
      objectCount: objects.size,
      recordCount,
      tornBytes,
    }
  } finally {
    for (const { fd } of segments) closeSync(fd)
  }
}

function openSegments(directory: string): {
  segments: SegmentFile[]
  nextSegment: number
  paths: string[]
} {
  const numbers = readdirSync(directory)
    .filter((name) => /^\d{8}\.log$/.test(name))
    .map((name) => Number.parseInt(name, 10))
    .sort((a, b) => b - a)
  const segments: SegmentFile[] = []
  let following: SegmentFile | undefined
  for (const number of numbers) {
    // A number between two that follow each other was refused by the disk at its creation. [CL5]
    if (following !== undefined && number > following.previous.number) continue
    if (following !== undefined && number < following.previous.number) {
      throw new LogFormatError(
        `Cannot recover from '${following.path}': segment ${following.previous.number}, which it follows, is missing`,
      )
    }
    const segment = openSegment(join(directory, segmentName(number)), number)
    if (segment === undefined) continue
    if (following?.previous.number === number) {
      if (segment.bytes < following.previous.bytes) throw damaged(segment, segment.bytes)
      segment.bytes = following.previous.bytes
    }
    segments.unshift(segment)
    following = segment
  }
  const paths = numbers.map((number) => join(directory, segmentName(number)))
  return { segments, nextSegment: (numbers[0] ?? 0) + 1, paths }
}

function openSegment(path: string, number: number): SegmentFile | undefined {
  const fd = openSync(path, 'r')
  try {
    const bytes = fstatSync(fd).size
    const header = readAt({ path, fd }, 0, Math.min(bytes, segmentHeaderBytes))
    // The process ended while the header was being written: no batch can be behind it.
    if (bytes <= segmentHeaderBytes && !isHeader(header, path)) {
      closeSync(fd)
      return undefined
    }
    const previous = decodeSegmentHeader(header, path)
    return { number, path, fd, bytes, previous, objects: new Set() }
  } catch (error) {
    closeSync(fd)
    throw error
  }
}

function isHeader(header: Buffer, path: string): boolean {
  try {
    decodeSegmentHeader(header, path)
    return true
  } catch (error) {
    if (error instanceof LogFormatError) return false
    throw error
  }
}

/** @returns where the whole batches end */
function readSegment(
  segment: SegmentFile,
  onRecord: (record: CommitRecord, pageOffset: (page: Uint8Array) => number) => void,
): number {
  let at = segmentHeaderBytes
  for (;;) {
    const batch = readBatch(segment, at)
    if (batch === undefined) return at
    const start = at + batchHeaderBytes
    for (const record of decodeRecords(batch)) {
      onRecord(record, (page) => start + page.byteOffset - batch.byteOffset)
    }
    at = start + batch.length
  }
}

function readBatch(segment: SegmentFile, at: number): Buffer | undefined {
  if (at + batchHeaderBytes > segment.bytes) return undefined
  const header = decodeBatchHeader(readAt(segment, at, batchHeaderBytes))
  if (header === undefined || at + batchHeaderBytes + header.bytes > segment.bytes) return undefined
  const batch = readAt(segment, at + batchHeaderBytes, header.bytes)
  return crc32(batch) === header.checksum ? batch : undefined
}

function indexRecord(
  objects: Map<string, ObjectIndex>,
  record: CommitRecord,
  pageOffset: (page: Uint8Array) => number,
  segment: SegmentFile,
): void {
  segment.objects.add(record.object)
  let index = objects.get(record.object)
  if (index === undefined) {
    const { sequence, pageSize } = record
    index = {
      name: undefined,
      lastAlarmAt: undefined,
      sequence,
      pageSize,
      databasePages: 0,
      pages: new Map(),
      kv: new Map(),
      alarmAt: undefined,
    }
    objects.set(record.object, index)
  } else if (record.sequence !== 1 && record.sequence !== index.sequence + 1) {
    throw new LogFormatError(
      `Cannot recover '${record.object}' from '${segment.path}': commit ${record.sequence} follows commit ${index.sequence}`,
    )
  }
  index.sequence = record.sequence
  index.name = record.name ?? index.name
  if (record.alarmAt !== undefined) index.lastAlarmAt = record.alarmAt
  if (record.databasePages > 0) {
    index.databasePages = record.databasePages
    for (const { pageNumber, bytes } of record.pages) {
      index.pages.set(pageNumber, { file: segment, offset: pageOffset(bytes) })
    }
    for (const pageNumber of index.pages.keys()) {
      if (pageNumber > record.databasePages) index.pages.delete(pageNumber)
    }
  }
  // [CL9] What a record applied is in its pages; older values must not come back over newer ones.
  if (record.kvApplied) {
    index.kv.clear()
    index.alarmAt = undefined
  } else if (record.alarmAt !== undefined) index.alarmAt = record.alarmAt
  // Copied: a view would keep its whole batch in memory.
  for (const { key, value } of record.kv) {
    index.kv.set(key, value === undefined ? 'deleted' : Uint8Array.from(value))
  }
}

function readObject(object: string, index: ObjectIndex): RecoveredObject {
  const images = new Map<number, Uint8Array>()
  for (const [pageNumber, { file, offset }] of index.pages) {
    images.set(pageNumber, readAt(file, offset, index.pageSize))
  }
  const { name, sequence, alarmAt, lastAlarmAt, pageSize, databasePages, kv } = index
  return {
    object,
    name,
    sequence,
    pageSize,
    databasePages,
    pages: images,
    kv,
    alarmAt,
    lastAlarmAt,
  }
}

// Zeros stand ahead of what is written. [CL17] A batch that was being written leaves no whole batch
// behind it. If there is one, the damage is in the middle, and what follows was confirmed.
// @returns how many bytes of it there are
function requireTorn(segment: SegmentFile, from: number): number {
  const rest = withoutZeros(readAt(segment, from, segment.bytes - from))
  for (let at = 1; at + batchHeaderBytes <= rest.length; at += 1) {
    if (rest[at] !== 0x31 || decodeBatchHeader(rest.subarray(at)) === undefined) continue
    if (readBatch(segment, from + at) !== undefined) throw damaged(segment, from)
  }
  return rest.length
}

function withoutZeros(bytes: Buffer): Buffer {
  let end = bytes.length
  while (end > 0 && bytes[end - 1] === 0) end -= 1
  return bytes.subarray(0, end)
}

function damaged(segment: SegmentFile, at: number): LogFormatError {
  return new LogFormatError(
    `Cannot recover from '${segment.path}': it is damaged at byte ${at}, before the end of what was confirmed`,
  )
}

function readAt(file: OpenFile, position: number, length: number): Buffer {
  const buffer = Buffer.alloc(length)
  let read = 0
  while (read < length) {
    const count = readSome(file, buffer, read, position + read)
    if (count === 0) return buffer.subarray(0, read)
    read += count
  }
  return buffer
}

function readSome({ path, fd }: OpenFile, into: Buffer, from: number, position: number): number {
  try {
    return readSync(fd, into, from, into.length - from, position)
  } catch (error) {
    const { message } = error as Error
    throw new Error(`Cannot recover from '${path}': ${message}`, { cause: error })
  }
}
