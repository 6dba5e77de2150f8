import { closeSync, fsyncSync, mkdirSync, openSync, unlinkSync } from 'node:fs'
import { dirname } from 'node:path'
import type { CommitLog } from '../base/index.ts'
import { delayConfirmations, FileLog, recoverLog, type RecoveryReport } from '../log/index.ts'
import { type PendingState, restoreDatabase } from '../storage/index.ts'
import { type DataFolder, takeDataFolder } from './data-folder.ts'
import { databasePath, type ObjectTable } from './object-table.ts'
import { systemClock, systemTimers } from './system-timers.ts'

export interface ShardLogOptions {
  readonly dataDirectory: string
  readonly confirmDelayMs: number
  readonly logSegmentBytes: number
}

// How many objects are checkpointed at once: each takes a little of the event loop.
const checkpointsAtOnce = 8

/**
 * The durable side of one shard: recovers what the last process left in the log, goes on with the same
 * log, and checkpoints objects so that its segments can go.
 */
export class ShardLog {
  /** Where the stores enlist; confirmations may be delayed. */
  readonly commits: CommitLog
  /** What recovery found in the log and in no database file; for the object table. */
  readonly pending: Map<string, PendingState>
  readonly #folder: DataFolder
  readonly #log: FileLog
  #table: ObjectTable | undefined
  #checkpointing: Promise<boolean> | undefined
  #deadlineMs = Number.POSITIVE_INFINITY

  private constructor(folder: DataFolder, options: ShardLogOptions) {
    const { report, pending } = recover(folder)
    this.pending = pending
    this.#folder = folder
    this.#log = new FileLog({
      directory: folder.logDirectory,
      firstSegment: report.nextSegment,
      recovered: report.segments,
      segmentBytesMax: options.logSegmentBytes,
      onSegmentFull: () => void this.#checkpointFull(),
    })
    const { confirmDelayMs } = options
    this.commits =
      confirmDelayMs > 0 ? delayConfirmations(this.#log, confirmDelayMs, systemTimers) : this.#log
  }

  /** @throws when the folder is in use, of a newer format, or its log is damaged */
  static open(options: ShardLogOptions): ShardLog {
    const folder = takeDataFolder(options.dataDirectory)
    try {
      return new ShardLog(folder, options)
    } catch (error) {
      folder.release()
      throw error
    }
  }

  get objectsDirectory(): string {
    return this.#folder.objectsDirectory
  }

  /** The table whose objects are checkpointed: now those that recovery found in the log. */
  checkpointWith(table: ObjectTable): void {
    this.#table = table
    void this.#checkpointFull()
  }

  /**
   * Brings everything into the database files and deletes the log, for `budgetMs` at most: what is
   * left then is recovered at the next start. No object may run any more.
   */
  async checkpointAll(budgetMs: number): Promise<void> {
    this.#deadlineMs = systemClock.monotonicMs() + budgetMs
    const late = Promise.withResolvers<void>()
    const timer = systemTimers.after(budgetMs, late.resolve)
    await Promise.race([this.#checkpointRest(), late.promise])
    timer.cancel()
  }

  /** Ends the log. Every store must be closed. */
  async close(): Promise<void> {
    await this.#log.close()
    this.#folder.release()
  }

  // The checkpoints themselves write to the log: the last segment goes in a second round.
  async #checkpointRest(): Promise<void> {
    while (this.#log.segments().length > 0 && !this.#isLate) {
      this.#log.endSegment()
      if (!(await this.#checkpointFull())) return
    }
  }

  /** @returns whether it went well */
  #checkpointFull(): Promise<boolean> {
    this.#checkpointing ??= this.#checkpoint()
      .then(
        () => true,
        (error: unknown) => {
          console.error('sluice: cannot checkpoint; the log keeps growing:', error)
          return false
        },
      )
      .finally(() => {
        this.#checkpointing = undefined
      })
    return this.#checkpointing
  }

  // All that are full now in one round, so that each object's file is written and synced once. An
  // object that is checkpointed while it writes goes on writing to later segments.
  async #checkpoint(): Promise<void> {
    for (;;) {
      const full = this.#log.fullSegments()
      const last = full.at(-1)
      if (last === undefined) return
      const keys = [...new Set(full.flatMap(({ objects }) => [...objects]))]
      await this.#checkpointObjects(keys)
      if (this.#isLate) return
      const paths = keys.map((key) => databasePath(this.#folder.objectsDirectory, key))
      await this.#log.syncFiles(paths)
      await this.#log.dropSegments(last.number)
    }
  }

  async #checkpointObjects(keys: readonly string[]): Promise<void> {
    const left = keys.values()
    const work = async (): Promise<void> => {
      for (const key of left) {
        if (this.#isLate) return
        await this.#table?.checkpoint(key)
      }
    }
    await Promise.all(Array.from({ length: checkpointsAtOnce }, work))
  }

  get #isLate(): boolean {
    return systemClock.monotonicMs() > this.#deadlineMs
  }
}

// [CL7] Writes the pages that the log holds into the database files. Nothing is synced and the log
// stays: a crash in between, or at any later time, recovers again.
function recover(folder: DataFolder): {
  report: RecoveryReport
  pending: Map<string, PendingState>
} {
  const pending = new Map<string, PendingState>()
  const report = recoverLog(folder.logDirectory, (recovered) => {
    const { object, pageSize, databasePages, pages, kv, alarmAt } = recovered
    if (databasePages > 0) {
      const path = databasePath(folder.objectsDirectory, object)
      mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
      restoreDatabase({ path, pageSize, databasePages, pages })
    }
    if (kv.size > 0 || alarmAt !== undefined) pending.set(object, { kv, alarmAt })
  })
  for (const path of report.deadPaths) unlinkSync(path)
  if (report.deadPaths.length > 0) syncDirectory(folder.logDirectory)
  return { report, pending }
}

function syncDirectory(path: string): void {
  const fd = openSync(path, 'r')
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}
