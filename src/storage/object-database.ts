import { makeDatabaseFile } from './database-file.ts'
import { KvTable } from './kv-table.ts'
import { OpenReads } from './open-reads.ts'
import { localLimits, type StorageLimits } from './limits.ts'
import type { Overlay } from './overlay.ts'
import { SqlDatabase, type StatementRunner } from './sql-database.ts'
import {
  type DatabaseSync,
  isSqliteError,
  openDatabase,
  primaryCode,
  type StatementSync,
} from './sqlite.ts'
import { asError } from './failure.ts'
import { WalReader } from './wal.ts'

const alarmKey = 1
// The reference's own, for local development.
const bookmarkKey = 2
const codeLocked = 6

/** The SQLite database of one object, open. Its store says when it commits, and what of it counts. */
export class ObjectDatabase {
  readonly path: string
  /** The file was the bare template when it was opened: the log had nothing of it. */
  readonly isNew: boolean
  readonly db: DatabaseSync
  readonly kv: KvTable
  readonly sql: SqlDatabase
  readonly wal: WalReader
  readonly #kvReads = new OpenReads()
  readonly #sqlReads = new OpenReads()
  readonly #selectAlarm: StatementSync
  #insertAlarm: StatementSync | undefined

  constructor(path: string, run: StatementRunner, limits: StorageLimits = localLimits) {
    this.path = path
    this.isNew = makeDatabaseFile(path)
    this.db = openDatabase(path, limits)
    this.wal = new WalReader(path)
    try {
      this.kv = new KvTable(this.db, this.#kvReads)
      this.sql = new SqlDatabase(this.db, this.#sqlReads, run)
      this.#selectAlarm = prepareAlarm(this.db)
    } catch (error) {
      closeForGood(this.db)
      throw error
    }
  }

  /** Wall-clock milliseconds; null when there is none. [ST20] */
  readAlarm(): number | null {
    return alarmOf(this.#selectAlarm)
  }

  /** Writes what only the log had, into the transaction that is open. */
  apply(overlay: Overlay): void {
    for (const [key, value] of overlay.entries()) {
      this.kv.set(key, value === 'deleted' ? undefined : value)
    }
    if (overlay.alarmAt !== undefined) this.#storeAlarm(overlay.alarmAt)
  }

  /** How many bookmarks were taken before; 0 when none was. */
  readBookmark(): number {
    const row = this.db.prepare('SELECT value FROM _cf_METADATA WHERE key = ?').get(bookmarkKey)
    const value = row?.['value']
    return typeof value === 'number' ? value : 0
  }

  /** Into the transaction that is open. */
  storeBookmark(count: number): void {
    this.db
      .prepare('INSERT OR REPLACE INTO _cf_METADATA (key, value) VALUES (?, ?)')
      .run(bookmarkKey, count)
  }

  /** Empties every table, into the transaction that is open. Reads under way end with `reason`. */
  clear(reason: Error): void {
    this.closeReads(reason)
    this.sql.dropEverything()
    this.kv.clear()
  }

  /** A read is not at its end, or the program has set something that lasts as long as this is open. */
  get isInUse(): boolean {
    return !this.#kvReads.isEmpty || !this.#sqlReads.isEmpty || this.sql.hasSettings
  }

  /** Ends reads under way; each throws `reason` at its next step. */
  closeReads(reason: Error): void {
    this.#kvReads.close(reason)
    this.#sqlReads.close(reason)
  }

  /** Ends the statements that read, as SQLite does when it rolls back something under them. */
  abortStatements(): void {
    this.#sqlReads.close(
      new Error('abort due to ROLLBACK: SQLITE_ABORT (extended: SQLITE_ABORT_ROLLBACK)'),
    )
  }

  /** @param sql ROLLBACK, whole or to a savepoint */
  rollBack(sql: string): void {
    this.db.exec(sql)
    this.sql.rolledBack()
  }

  /**
   * Moves what was committed into the file and empties the `-wal`.
   *
   * @returns false when a read that is not at its end is in the way: SQLite says busy, or locked
   */
  truncateWal(): boolean {
    try {
      const row = this.db.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get()
      if (row?.['busy'] !== 0) return false
    } catch (error) {
      if (isSqliteError(error) && primaryCode(error) === codeLocked) return false
      throw error
    }
    this.wal.wasTruncated()
    return true
  }

  close(): void {
    this.wal.close()
    closeForGood(this.db)
  }

  #storeAlarm(atMs: number | null): void {
    if (atMs === null) {
      this.db.prepare('DELETE FROM _cf_METADATA WHERE key = ?').run(alarmKey)
      return
    }
    this.#insertAlarm ??= this.db.prepare(
      'INSERT OR REPLACE INTO _cf_METADATA (key, value) VALUES (?, ?)',
    )
    this.#insertAlarm.run(alarmKey, BigInt(atMs) * 1_000_000n)
  }
}

// The authorizer leads back to statements, and each of those keeps its connection alive, natively: the
// collector sees no cycle, and all of this would stay in memory for ever.
function closeForGood(db: DatabaseSync): void {
  db.setAuthorizer(null)
  db.close()
}

/** The statement of {@link alarmOf}. */
export function prepareAlarm(db: DatabaseSync): StatementSync {
  const statement = db.prepare('SELECT value FROM _cf_METADATA WHERE key = ?')
  // Nanoseconds of these days are no safe integers.
  statement.setReadBigInts(true)
  return statement
}

/** Wall-clock milliseconds; null when there is none. */
export function alarmOf(statement: StatementSync): number | null {
  const nanoseconds = statement.get(alarmKey)?.['value']
  return typeof nanoseconds === 'bigint' ? Number(nanoseconds / 1_000_000n) : null
}

/**
 * Brings the file of a database that was closed with refused commits cut off its `-wal` to its last
 * confirmed state. A connection that still believes in the frames that were cut off cannot do that:
 * a fresh one reads from the file what is there.
 */
export function recoverFromWal(path: string): void {
  let fresh: DatabaseSync | undefined
  try {
    fresh = openDatabase(path)
    fresh.exec('PRAGMA wal_checkpoint(TRUNCATE)')
  } catch (error) {
    throw new Error(`Cannot reset the database '${path}': ${asError(error).message}`, {
      cause: error,
    })
  } finally {
    fresh?.close()
  }
}
