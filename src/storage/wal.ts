import { closeSync, openSync, readSync, truncateSync } from 'node:fs'
import { assert, type PageImage } from '../base/index.ts'
import { pageSize } from './sqlite.ts'

const walHeaderBytes = 32
const frameHeaderBytes = 24
const frameBytes = frameHeaderBytes + pageSize
const framesPerRead = 4
const slabBytes = 64 * framesPerRead * frameBytes

// What is read stays where it was read until the log has it. Many small commits share a buffer: to make
// one costs more than to read a page.
let slab = Buffer.alloc(0)

function takeFrames(): Buffer {
  if (slab.length < framesPerRead * frameBytes) slab = Buffer.allocUnsafeSlow(slabBytes)
  return slab.subarray(0, framesPerRead * frameBytes)
}

function keepFrames(count: number): void {
  slab = slab.subarray(count * frameBytes)
}

/** The frames of one commit, as SQLite appended them to the `-wal` file. */
export interface WalCommit {
  readonly pages: readonly PageImage[]
  /** Size of the database after the commit, in pages. */
  readonly databasePages: number
  /** Where the commit frame ends in the file. */
  readonly end: number
}

/**
 * Reads back what SQLite commits. SQLite itself says where a commit ends: the first frame that
 * carries a database size. What a rolled-back transaction spilled carries none, and is overwritten by
 * the next one, so reading never goes past that frame.
 */
export class WalReader {
  readonly #path: string
  #fd: number | undefined
  // End of the last commit read; 0 when the file is new or was truncated by a checkpoint.
  #end = 0
  // Every frame carries the same eight bytes until the file is truncated.
  readonly #salts = Buffer.alloc(8)

  /** @param databasePath the database file, beside which the `-wal` is */
  constructor(databasePath: string) {
    this.#path = `${databasePath}-wal`
  }

  open(): void {
    this.#fd ??= openSync(this.#path, 'r')
  }

  /** No commit was read since the file was last truncated. */
  get isEmpty(): boolean {
    return this.#end === 0
  }

  /** @returns undefined when the transaction changed nothing */
  readCommit(): WalCommit | undefined {
    const isFirst = this.#end === 0
    // A page that the transaction wrote twice counts once, as it was last.
    const pages = new Map<number, PageImage>()
    let at = this.#end === 0 ? walHeaderBytes : this.#end
    for (;;) {
      const frames = takeFrames()
      const count = Math.floor(this.#read(frames, at) / frameBytes)
      if (count === 0) return undefined
      keepFrames(count)
      for (let i = 0; i < count; i += 1) {
        const frame = frames.subarray(i * frameBytes, (i + 1) * frameBytes)
        if (isFirst && at === walHeaderBytes) frame.copy(this.#salts, 0, 8, 16)
        // The WAL was begun anew without our knowing: reading on would skip commits for ever.
        assert(this.#salts.equals(frame.subarray(8, 16)), 'a frame is of another -wal')
        const pageNumber = frame.readUInt32BE(0)
        const databasePages = frame.readUInt32BE(4)
        pages.set(pageNumber, { pageNumber, bytes: frame.subarray(frameHeaderBytes) })
        at += frameBytes
        if (databasePages === 0) continue
        this.#end = at
        return { pages: [...pages.values()], databasePages, end: at }
      }
    }
  }

  #read(frames: Buffer, at: number): number {
    assert(this.#fd !== undefined, 'a commit is read from a file that is not open')
    try {
      return readSync(this.#fd, frames, 0, frames.length, at)
    } catch (error) {
      const { message } = error as Error
      throw new Error(`Cannot read back what SQLite wrote to '${this.#path}': ${message}`, {
        cause: error,
      })
    }
  }

  /** A checkpoint has truncated the file: the next commit begins it anew. */
  wasTruncated(): void {
    this.#end = 0
  }

  /** Cuts the file behind the commit that ends at `end`: what follows was refused. */
  truncate(end: number): void {
    truncateSync(this.#path, end)
    this.#end = end
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd)
    this.#fd = undefined
  }
}
