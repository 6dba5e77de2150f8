import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import {
  assert,
  type CommitLog,
  type CommitRecord,
  type CommitSource,
  DurableError,
  type PendingCommit,
} from '../base/index.ts'
import type { WriterReply, WriterRequest } from './log-writer.ts'
import { encodeBatch, segmentHeaderBytes } from './record.ts'
import type { RecoveredSegment } from './recovery.ts'

export interface FileLogOptions {
  /** Holds the segments and nothing else; must exist. */
  readonly directory: string
  /** Number of the first segment to write; no file of that number or a higher one may exist. */
  readonly firstSegment: number
  /** Segments that recovery read, oldest first; they stay until they are dropped. */
  readonly recovered?: readonly RecoveredSegment[]
  /** A segment that is larger gets no further batch. */
  readonly segmentBytesMax: number
  /** A record is durable; called in order, before whoever committed it hears of that. */
  readonly onConfirmed?: (record: CommitRecord) => void
  /** A segment is full: its objects should be checkpointed, then it can be dropped. */
  readonly onSegmentFull?: () => void
  /** For tests: URL of a module that exports `files: LogFiles`. */
  readonly filesModule?: string
}

/**
 * A sync has failed. The system may have dropped what it was to write, and says so once only: a sync
 * that goes well afterwards means nothing. [CL16]
 */
export class LostSyncError extends DurableError {}

export interface Segment {
  readonly number: number
  readonly path: string
  /** Every object with a confirmed record in it. */
  readonly objects: ReadonlySet<string>
}

interface OpenSegment extends Segment {
  readonly objects: Set<string>
  // Confirmed bytes only: what a failed batch may have left behind them does not count.
  bytes: number
}

interface Batch {
  readonly commits: readonly PendingCommit[]
  readonly bytes: number
  /** The segment that was opened for this batch, or behind it; it exists only if that worked. */
  opened: OpenSegment | undefined
  error: string | undefined
  /** It was refused, and the header of the next segment says so, or is to. */
  isCutOff: boolean
  repliesExpected: number
}

const zerosAheadBytesMax = 1024 * 1024

/**
 * The commit log of one shard, in files. While one batch is being made durable, the next one
 * gathers: under load every fdatasync confirms many objects. [CL1]
 */
export class FileLog implements CommitLog {
  readonly #options: FileLogOptions
  readonly #writer: Worker
  // Oldest first; batches go to the last one.
  readonly #segments: OpenSegment[] = []
  // Files of segments that were refused at their creation. A header among them may name a segment
  // that is dropped later, and would then look like a gap: they go first.
  #refusedPaths: string[] = []
  readonly #requests = new Map<number, (error: Error | undefined) => void>()
  #sources = new Set<CommitSource>()
  #inFlight: Batch | undefined
  // Raised at the start, when a segment is full, and when the disk refused a batch. [CL5]
  #needsSegment = true
  #nextSegmentNumber: number
  #batchCount = 0
  #requestCount = 0
  #whenIdle: (() => void) | undefined
  #writerError: Error | undefined
  #isClosing = false
  #closed: Promise<void> | undefined

  constructor(options: FileLogOptions) {
    this.#options = options
    this.#nextSegmentNumber = options.firstSegment
    for (const { number, path, objects, bytes } of options.recovered ?? []) {
      this.#segments.push({ number, path, objects: new Set(objects), bytes })
    }
    const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
    this.#writer = new Worker(new URL(`./log-writer.${extension}`, import.meta.url), {
      workerData: {
        directory: options.directory,
        filesModule: options.filesModule,
        zerosAheadBytes: Math.min(zerosAheadBytesMax, Math.floor(options.segmentBytesMax / 16)),
      },
    })
    this.#writer.unref()
    this.#writer.on('message', (reply: WriterReply) => this.#onReply(reply))
    this.#writer.on('error', (error) => this.#onWriterLost(error))
    this.#writer.on('exit', () => this.#onWriterLost(new Error('the log writer has ended')))
  }

  enlist(source: CommitSource): void {
    this.#sources.add(source)
  }

  flush(): void {
    if (this.#inFlight !== undefined || this.#sources.size === 0) return
    const sources = this.#sources
    this.#sources = new Set()
    const commits: PendingCommit[] = []
    for (const source of sources) commits.push(...source.takeCommits())
    if (commits.length > 0) this.#write(commits)
  }

  /** The segments that hold records, oldest first. */
  segments(): readonly Segment[] {
    return this.#segments
  }

  /** Those of them that get no further batch. */
  fullSegments(): readonly Segment[] {
    return this.#needsSegment ? [...this.#segments] : this.#segments.slice(0, -1)
  }

  /** The segment that is written to gets no further batch. */
  endSegment(): void {
    this.#needsSegment = true
  }

  /**
   * Makes database files durable, in the writer thread.
   *
   * @throws LostSyncError when that will not work by trying again
   */
  syncFiles(paths: readonly string[]): Promise<void> {
    return this.#request((id) => ({ kind: 'sync', id, paths }))
  }

  /**
   * Deletes the segments up to number `last`: every object in them is in its own database file,
   * durably. When it fails, they stay segments of this log. [CL6]
   */
  async dropSegments(last: number): Promise<void> {
    const dropped = this.#segments.filter((segment) => segment.number <= last)
    if (dropped.length === 0) return
    if (dropped.length === this.#segments.length) this.#needsSegment = true
    const refused = this.#refusedPaths
    this.#refusedPaths = []
    const paths = [...refused, ...dropped.map(({ path }) => path)]
    try {
      await this.#request((id) => ({ kind: 'drop', id, paths }))
    } catch (error) {
      // Some may be left: until they are gone, none that is newer may go.
      this.#refusedPaths.unshift(...refused)
      throw error
    }
    this.#segments.splice(0, dropped.length)
  }

  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    for (this.flush(); this.#inFlight !== undefined; this.flush()) {
      await new Promise<void>((resolve) => {
        this.#whenIdle = resolve
      })
    }
    this.#isClosing = true
    if (this.#writerError !== undefined) return
    // [CL14] Whatever comes now is failed.
    this.#writerError = new Error('the log is closed')
    const ended = new Promise((resolve) => this.#writer.once('exit', resolve))
    this.#writer.ref()
    this.#writer.postMessage({ kind: 'close' } satisfies WriterRequest)
    await ended
  }

  #write(commits: readonly PendingCommit[]): void {
    const opened = this.#needsSegment ? this.#openSegment() : undefined
    this.#batchCount += 1
    const records = commits.map(({ record }) => record)
    const bytes = encodeBatch(this.#batchCount, records)
    this.#inFlight = {
      commits,
      bytes: bytes.byteLength,
      opened,
      error: undefined,
      isCutOff: false,
      repliesExpected: opened === undefined ? 1 : 2,
    }
    if (this.#writerError === undefined) {
      this.#writer.ref()
      this.#writer.postMessage({ kind: 'batch', bytes } satisfies WriterRequest, [bytes.buffer])
    } else {
      // Later: whoever enlisted must not hear of it from inside its own call.
      const { message } = this.#writerError
      setImmediate(() => this.#settle(message))
    }
  }

  #openSegment(): OpenSegment {
    const number = this.#nextSegmentNumber
    this.#nextSegmentNumber += 1
    const last = this.#segments.at(-1)
    const path = join(this.#options.directory, segmentName(number))
    const previous = { number: last?.number ?? 0, bytes: last?.bytes ?? 0 }
    if (this.#writerError === undefined) {
      const request: WriterRequest = { kind: 'segment', number, path, previous }
      this.#writer.postMessage(request)
    }
    const segment = { number, path, objects: new Set<string>(), bytes: segmentHeaderBytes }
    this.#segments.push(segment)
    this.#needsSegment = false
    return segment
  }

  #onReply(reply: WriterReply): void {
    if (reply.kind === 'done') {
      const finish = this.#requests.get(reply.id)
      this.#requests.delete(reply.id)
      const { error } = reply
      if (error === undefined) finish?.(undefined)
      else finish?.(reply.isLost === true ? new LostSyncError(error) : new DurableError(error))
      return
    }
    const batch = this.#inFlight
    assert(batch !== undefined, 'the log writer answers what it was not asked')
    batch.error ??= reply.error
    batch.repliesExpected -= 1
    if (batch.repliesExpected > 0) return
    if (reply.error !== undefined && batch.isCutOff) this.#dropOpened(batch)
    if (batch.error === undefined || batch.isCutOff) this.#settle(batch.error)
    else this.#cutOff(batch)
  }

  // [CL5] Before anybody hears that the batch failed: its bytes may be on disk all the same, and a crash
  // must not bring back what objects no longer stand on. When the disk refuses this as well, a later
  // segment does it.
  #cutOff(batch: Batch): void {
    this.#dropOpened(batch)
    batch.isCutOff = true
    batch.opened = this.#openSegment()
    batch.repliesExpected = 1
  }

  // A segment that got no batch does not count at all.
  #dropOpened(batch: Batch): void {
    this.#needsSegment = true
    if (batch.opened === undefined) return
    this.#segments.pop()
    this.#refusedPaths.push(batch.opened.path)
    batch.opened = undefined
  }

  #settle(error: string | undefined): void {
    const batch = this.#inFlight
    this.#inFlight = undefined
    this.#unrefWhenIdle()
    if (batch === undefined) return
    if (error === undefined) this.#confirm(batch)
    else this.#refuse(batch, error)
    this.flush()
    if (this.#inFlight === undefined) {
      this.#whenIdle?.()
      this.#whenIdle = undefined
    }
  }

  #confirm(batch: Batch): void {
    const segment = this.#segments.at(-1)
    assert(segment !== undefined, 'a batch was written to no segment')
    segment.bytes += batch.bytes
    for (const { record } of batch.commits) {
      segment.objects.add(record.object)
      this.#options.onConfirmed?.(record)
    }
    for (const commit of batch.commits) commit.confirmed()
    if (segment.bytes < this.#options.segmentBytesMax) return
    this.#needsSegment = true
    this.#options.onSegmentFull?.()
  }

  // [CL5] What the disk refused is never confirmed.
  #refuse(batch: Batch, reason: string): void {
    // The writer is gone: nothing was cut off, and nothing will be written any more.
    if (!batch.isCutOff) this.#dropOpened(batch)
    const error = new DurableError(`Cannot make a commit durable: ${reason}`)
    for (const commit of batch.commits) commit.failed(error)
  }

  #onWriterLost(error: Error): void {
    if (this.#isClosing || this.#writerError !== undefined) return
    this.#writerError = error
    for (const finish of this.#requests.values()) finish(error)
    this.#requests.clear()
    this.#settle(error.message)
  }

  #request(make: (id: number) => WriterRequest): Promise<void> {
    if (this.#writerError !== undefined) return Promise.reject(this.#writerError)
    this.#requestCount += 1
    const id = this.#requestCount
    this.#writer.ref()
    return new Promise((resolve, reject) => {
      this.#requests.set(id, (error) => {
        this.#unrefWhenIdle()
        if (error === undefined) resolve()
        else reject(error)
      })
      this.#writer.postMessage(make(id))
    })
  }

  #unrefWhenIdle(): void {
    // Whoever closes waits for the thread, also when it answers the last requests meanwhile. [CL14]
    if (this.#isClosing) return
    if (this.#inFlight === undefined && this.#requests.size === 0) this.#writer.unref()
  }
}

export function segmentName(number: number): string {
  return `${String(number).padStart(8, '0')}.log`
}
