import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  unlinkSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { type CommitLog, type CommitRecord, DurableError } from '../base/index.ts'
import {
  delayConfirmations,
  FileLog,
  LostSyncError,
  recoverLog,
  type RecoveryReport,
} from '../log/index.ts'
import { type PendingState, readStoredAlarm, restoreDatabase } from '../storage/index.ts'
import { Catalogue, catalogueKey, type RecentEntry } from './catalogue.ts'
import { type DataFolder, takeDataFolder } from './data-folder.ts'
import { databasePath, type ObjectTable } from './object-table.ts'
import { systemClock, systemTimers } from './system-timers.ts'

export interface ShardLogOptions {
  readonly dataDirectory: string
  readonly confirmDelayMs: number
  readonly logSegmentBytes: number
}

// How many objects are checkpointed at once: each takes a little of the event loop.
const checkpointsAtOnce = 16
// How many files are synced in one go: commits wait for the writer thread meanwhile.
const syncsAtOnce = 8

/** Hears of every durable commit that sets or deletes an alarm. */
export type AlarmListener = (key: string, alarmAt: number | null) => void

/**
 * The durable side of one shard: recovers what the last process left in the log, goes on with the same
 * log, keeps the catalogue, and checkpoints objects so that segments can go.
 */
export class ShardLog {
  /** Where the stores enlist; confirmations may be delayed. */
  readonly commits: CommitLog
  /** What recovery found in the log and in no database file; for the object table. */
  readonly pending: Map<string, PendingState>
  /** Objects whose files recovery has written to, without a sync. */
  readonly restored: readonly string[]
  /** What recovery did, in words; undefined when there was no log: an orderly end leaves none. [CL18] */
  readonly recovery: string | undefined
  readonly catalogue: Catalogue
  readonly #folder: DataFolder
  readonly #log: FileLog
  #table: ObjectTable | undefined
  #alarmListener: AlarmListener | undefined
  #checkpointing: Promise<boolean> | undefined
  #deadlineMs = Number.POSITIVE_INFINITY
  // [CL16] Only the log has for certain what the files were to get: nothing of it may go.
  #lostSync: DurableError | undefined

  private constructor(folder: DataFolder, options: ShardLogOptions) {
    const { report, pending, entries, restored } = recover(folder)
    this.pending = pending
    if (report.segments.length > 0) this.recovery = describeRecovery(report, entries.length)
    this.restored = restored
    this.#folder = folder
    this.#log = new FileLog({
      directory: folder.logDirectory,
      firstSegment: report.nextSegment,
      recovered: report.segments,
      segmentBytesMax: options.logSegmentBytes,
      onConfirmed: (record) => this.#onConfirmed(record),
      onSegmentFull: () => void this.#checkpointFull(),
    })
    try {
      this.catalogue = openCatalogue(folder, this.#log)
    } catch (error) {
      void this.#log.close()
      throw error
    }
    for (const entry of entries) this.catalogue.know(entry)
    const { confirmDelayMs } = options
    this.commits =
      confirmDelayMs > 0 ? delayConfirmations(this.#log, confirmDelayMs, systemTimers) : this.#log
  }

  /** @throws when the folder is in use, of a newer format, or its log or catalogue is damaged */
  static async open(options: ShardLogOptions): Promise<ShardLog> {
    const folder = takeDataFolder(options.dataDirectory)
    try {
      const opened = new ShardLog(folder, options)
      if (folder.needsCatalogue) await opened.#makeCatalogue()
      return opened
    } catch (error) {
      folder.release()
      throw error
    }
  }

  get objectsDirectory(): string {
    return this.#folder.objectsDirectory
  }

  /** Everything is in the database files, and in the catalogue. */
  get isEmpty(): boolean {
    return this.#log.segments().length === 0
  }

  /** The table whose objects are checkpointed: now those that recovery found in the log. */
  checkpointWith(table: ObjectTable): void {
    this.#table = table
    void this.#checkpointFull()
  }

  /** `listener` is called for each confirmed commit of an alarm, after the catalogue knows of it. */
  onAlarm(listener: AlarmListener): void {
    this.#alarmListener = listener
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
    try {
      await this.catalogue.close()
    } catch (error) {
      console.error('sluice: cannot close the catalogue; the next start recovers it:', error)
    }
    await this.#log.close()
    this.#folder.release()
  }

  // [CT5] The format says that there is a catalogue when all of it is confirmed.
  async #makeCatalogue(): Promise<void> {
    await this.catalogue.write(scanObjects(this.#folder))
    await this.catalogue.whenConfirmed()
    this.#folder.upgraded()
  }

  #onConfirmed(record: CommitRecord): void {
    if (record.object === catalogueKey) return
    this.catalogue.confirmed(record)
    if (record.alarmAt !== undefined) this.#alarmListener?.(record.object, record.alarmAt)
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
      if (this.#lostSync !== undefined) throw this.#lostSync
      const full = this.#log.fullSegments()
      const last = full.at(-1)
      if (last === undefined) return
      const keys = [...new Set(full.flatMap(({ objects }) => [...objects]))]
      await this.#checkpointObjects(keys)
      if (this.#isLate) return
      await this.#syncFiles(keys)
      // [CT2] After their files: whatever is in the catalogue has one. What has none is carried forward
      // in the log, with its name and alarm.
      await this.catalogue.update(keys.filter((key) => this.catalogue.hasFile(key)))
      if (this.#isLate) return
      await this.#log.dropSegments(last.number)
    }
  }

  async #checkpointObjects(keys: readonly string[]): Promise<void> {
    const left = keys.values()
    const errors: unknown[] = []
    const work = async (): Promise<void> => {
      for (const key of left) {
        if (this.#isLate) return
        await this.#checkpointObject(key).catch((error: unknown) => errors.push(error))
      }
    }
    await Promise.all(Array.from({ length: checkpointsAtOnce }, work))
    // The others are in their files; but no segment can go.
    if (errors.length > 0) throw errors[0]
  }

  async #checkpointObject(key: string): Promise<void> {
    if (key === catalogueKey) {
      await this.catalogue.checkpoint()
      return
    }
    try {
      await this.#table?.checkpoint(key, this.#deadlineMs === Number.POSITIVE_INFINITY)
    } catch (error) {
      // [CT3] Its file was deleted by hand: it refuses to open, and the others go on.
      const path = pathOf(this.#folder, key)
      if (existsSync(path) || !this.catalogue.hasFile(key)) throw error
      console.error(`sluice: ${(error as Error).message}`)
    }
  }

  async #syncFiles(keys: readonly string[]): Promise<void> {
    const unsynced = this.#table?.takeUnsynced(keys) ?? []
    // The catalogue is no object of the table, and as good as always changed.
    if (keys.includes(catalogueKey)) unsynced.push(catalogueKey)
    try {
      for (let i = 0; i < unsynced.length; i += syncsAtOnce) {
        await this.#syncSome(unsynced.slice(i, i + syncsAtOnce))
      }
    } catch (error) {
      this.#table?.notSynced(unsynced)
      if (error instanceof LostSyncError) {
        this.#lostSync = new DurableError(
          `Cannot sync the databases: ${error.message}; the log is kept, and the next start writes them again`,
          { cause: error },
        )
      }
      throw this.#lostSync ?? error
    }
  }

  async #syncSome(keys: readonly string[]): Promise<void> {
    const paths = keys.map((key) => pathOf(this.#folder, key))
    try {
      await this.#log.syncFiles(paths)
    } catch (error) {
      const missing = new Set(paths.filter((path) => !existsSync(path)))
      if (missing.size === 0 || !(error as Error).message.startsWith('ENOENT')) throw error
      // [CT3] As above; and an object whose store is open is refused when it comes again.
      for (const path of missing) console.error(`sluice: the database '${path}' is missing`)
      await this.#log.syncFiles(paths.filter((path) => !missing.has(path)))
    }
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
  entries: RecentEntry[]
  restored: string[]
} {
  const entries: RecentEntry[] = []
  const restored: string[] = []
  const pending = new Map<string, PendingState>()
  const report = recoverLog(folder.logDirectory, (recovered) => {
    const { object, name, pageSize, databasePages, pages, kv, alarmAt, lastAlarmAt } = recovered
    const hasFile = databasePages > 0
    if (object !== catalogueKey) {
      entries.push({ key: object, name, alarmAt: lastAlarmAt, hasFile })
    }
    if (hasFile) {
      const path = pathOf(folder, object)
      mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
      if (!tryRestore({ path, pageSize, databasePages, pages })) return
      restored.push(object)
    }
    if (kv.size > 0 || alarmAt !== undefined) pending.set(object, { kv, alarmAt })
  })
  for (const path of report.deadPaths) unlinkSync(path)
  if (report.deadPaths.length > 0) syncDirectory(folder.logDirectory)
  return { report, pending, entries, restored }
}

function describeRecovery(report: RecoveryReport, objectCount: number): string {
  const { recordCount, segments, tornBytes } = report
  const bytes = segments.reduce((sum, segment) => sum + segment.bytes, 0)
  const torn =
    tornBytes > 0 ? `; ${tornBytes} bytes of a batch that was not whole do not count` : ''
  return `recovered from the log: commits ${recordCount}, objects ${objectCount}, segments ${segments.length}, bytes ${bytes}${torn}`
}

// [CT3] An object whose file was deleted or cut by hand cannot be restored from the log alone. Without
// a file it refuses to open; what is left of it is kept aside. The others go on.
function tryRestore(database: Parameters<typeof restoreDatabase>[0]): boolean {
  try {
    restoreDatabase(database)
    return true
  } catch (error) {
    if (!(error instanceof DurableError)) throw error
    console.error(`sluice: ${error.message}; what is left of it is kept as '….damaged'`)
    if (existsSync(database.path)) renameSync(database.path, `${database.path}.damaged`)
    return false
  }
}

function openCatalogue(folder: DataFolder, log: FileLog): Catalogue {
  try {
    return new Catalogue({ path: folder.cataloguePath, log, mustExist: !folder.needsCatalogue })
  } catch (error) {
    if (!(error instanceof DurableError)) throw error
    throw new DurableError(
      `${error.message}; or, with '1' in the file 'format' of the folder, it is made anew from the objects, without their names`,
      { cause: error },
    )
  }
}

/** Where the database of `key` is, be it an object or the catalogue. */
function pathOf(folder: DataFolder, key: string): string {
  return key === catalogueKey ? folder.cataloguePath : databasePath(folder.objectsDirectory, key)
}

/** Every object that has a database, for a folder of a format that had no catalogue. */
function* scanObjects(folder: DataFolder): Iterable<RecentEntry> {
  const namespaces = readdirSync(folder.objectsDirectory, { withFileTypes: true })
  for (const { name: namespace } of namespaces.filter((entry) => entry.isDirectory())) {
    for (const file of readdirSync(join(folder.objectsDirectory, namespace))) {
      const hex = /^([0-9a-f]{64})\.sqlite$/.exec(file)?.[1]
      if (hex === undefined) continue
      const key = `${decodeURIComponent(namespace)}/${hex}`
      const stored = readStoredAlarm(pathOf(folder, key))
      if (stored === undefined) continue
      yield { key, name: undefined, alarmAt: stored.alarmAt, hasFile: true }
    }
  }
}

function syncDirectory(path: string): void {
  const fd = openSync(path, 'r')
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}
