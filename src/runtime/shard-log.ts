import { closeSync, fdatasyncSync, fsyncSync, mkdirSync, openSync, unlinkSync } from 'node:fs'
import { dirname } from 'node:path'
import type { CommitLog } from '../base/index.ts'
import { delayConfirmations, FileLog, recoverLog, type Segment } from '../log/index.ts'
import { restoreDatabase } from '../storage/index.ts'
import { type DataFolder, takeDataFolder } from './data-folder.ts'
import { databasePath, type ObjectTable } from './object-table.ts'
import { systemTimers } from './system-timers.ts'

export interface ShardLogOptions {
  readonly dataDirectory: string
  readonly confirmDelayMs: number
  readonly logSegmentBytes: number
}

/**
 * The durable side of one shard: recovers what the last process left in the log, then opens a new
 * log, and checkpoints objects so that segments can go.
 */
export class ShardLog {
  /** Where the stores enlist; confirmations may be delayed. */
  readonly commits: CommitLog
  readonly #folder: DataFolder
  readonly #log: FileLog
  #table: ObjectTable | undefined
  // Segments that are full, oldest first, and not yet dropped.
  readonly #full: Segment[] = []
  #isCheckpointing = false

  private constructor(folder: DataFolder, nextSegment: number, options: ShardLogOptions) {
    const { confirmDelayMs } = options
    this.#folder = folder
    this.#log = new FileLog({
      directory: folder.logDirectory,
      firstSegment: nextSegment,
      segmentBytesMax: options.logSegmentBytes,
      onSegmentFull: (segment) => {
        this.#full.push(segment)
        void this.#checkpoint()
      },
    })
    this.commits =
      confirmDelayMs > 0 ? delayConfirmations(this.#log, confirmDelayMs, systemTimers) : this.#log
  }

  /** @throws when the folder is in use, of a newer format, or its log is damaged */
  static open(options: ShardLogOptions): ShardLog {
    const folder = takeDataFolder(options.dataDirectory)
    try {
      const nextSegment = recover(folder)
      return new ShardLog(folder, nextSegment, options)
    } catch (error) {
      folder.release()
      throw error
    }
  }

  get objectsDirectory(): string {
    return this.#folder.objectsDirectory
  }

  /** The table whose objects are checkpointed when a segment is full. */
  checkpointWith(table: ObjectTable): void {
    this.#table = table
  }

  /** Ends the log. Every store must be closed, which means confirmed and checkpointed. */
  async close(): Promise<void> {
    // With every object checkpointed and synced, the log has nothing left to tell.
    const objects = new Set(this.#log.segments().flatMap(({ objects }) => [...objects]))
    const last = this.#log.segments().at(-1)?.number
    if (last !== undefined) {
      await this.#log.syncFiles(this.#pathsOf(objects))
      await this.#log.dropSegments(last)
    }
    await this.#log.close()
    this.#folder.release()
  }

  #pathsOf(objects: ReadonlySet<string>): string[] {
    return [...objects].map((key) => databasePath(this.#folder.objectsDirectory, key))
  }

  // One at a time; an object that cannot be checkpointed now (an open cursor, commits under way)
  // keeps the segment, and the next full one tries again.
  async #checkpoint(): Promise<void> {
    if (this.#isCheckpointing) return
    this.#isCheckpointing = true
    try {
      for (;;) {
        const segment = this.#full[0]
        if (segment === undefined || !this.#checkpointObjects(segment)) return
        await this.#log.syncFiles(this.#pathsOf(segment.objects))
        await this.#log.dropSegments(segment.number)
        this.#full.shift()
      }
    } catch (error) {
      console.error('sluice: cannot checkpoint; the log keeps growing:', error)
    } finally {
      this.#isCheckpointing = false
    }
  }

  #checkpointObjects(segment: Segment): boolean {
    for (const key of segment.objects) {
      if (this.#table?.storeOf(key)?.checkpoint() === false) return false
    }
    return true
  }
}

// [CL7] Everything restored is durable before the segments that hold it are deleted; a crash in
// between recovers again.
function recover(folder: DataFolder): number {
  const paths: string[] = []
  const report = recoverLog(folder.logDirectory, ({ object, pageSize, databasePages, pages }) => {
    const path = databasePath(folder.objectsDirectory, object)
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    restoreDatabase({ path, pageSize, databasePages, pages })
    paths.push(path)
  })
  for (const path of paths) withDescriptor(path, 'r+', fdatasyncSync)
  const folders = new Set([folder.objectsDirectory, ...paths.map((path) => dirname(path))])
  for (const path of folders) withDescriptor(path, 'r', fsyncSync)
  for (const path of report.segmentPaths) unlinkSync(path)
  if (report.segmentPaths.length > 0) withDescriptor(folder.logDirectory, 'r', fsyncSync)
  return report.nextSegment
}

function withDescriptor(path: string, flags: string, act: (fd: number) => void): void {
  const fd = openSync(path, flags)
  try {
    act(fd)
  } finally {
    closeSync(fd)
  }
}
