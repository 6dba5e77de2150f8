import { Overlay, type PendingState } from './overlay.ts'
import { ObjectDatabase, alarmOf, prepareAlarm } from './object-database.ts'
import {
  type DatabaseSync,
  isSqliteError,
  objectTables,
  openUnchanging,
  pageSize,
  removeSideFiles,
} from './sqlite.ts'
import { assert } from '../base/index.ts'

/** What SQLite says of a stored value: integers are bigints. */
export type StoredValue = bigint | number | string | Uint8Array | null

/**
 * The database file of an object that no store has open, for tools: reads it as it stands and changes
 * nothing on disk. What is damaged in it is thrown as SQLite's error by whatever meets it.
 */
export class StoredDatabase {
  readonly #db: DatabaseSync

  constructor(path: string) {
    this.#db = openUnchanging(path)
  }

  /** What is wrong with the file, if anything: SQLite's own check, and the tables of every object. */
  fault(): string | undefined {
    try {
      return findFault(this.#db)
    } catch (error) {
      if (isSqliteError(error)) return error.message
      throw error
    }
  }

  /** Wall-clock milliseconds; null when there is none. */
  readAlarm(): number | null {
    return alarmOf(prepareAlarm(this.#db))
  }

  /** Rows as lists of values, one after the other. */
  *rows(sql: string, ...values: (string | number)[]): Generator<StoredValue[]> {
    const statement = this.#db.prepare(sql)
    statement.setReturnArrays(true)
    statement.setReadBigInts(true)
    for (const row of statement.iterate(...values)) yield row as unknown as StoredValue[]
  }

  close(): void {
    this.#db.close()
  }
}

/** What is wrong with a database, if anything. @throws SqliteError when SQLite cannot even tell */
export function findFault(db: DatabaseSync): string | undefined {
  const lines = db
    .prepare('PRAGMA integrity_check')
    .all()
    .map((row) => row['integrity_check'])
  if (lines.length !== 1 || lines[0] !== 'ok') {
    const more = lines.length > 1 ? ` (and ${lines.length - 1} more)` : ''
    return `${String(lines[0])}${more}`
  }
  const size = db.prepare('PRAGMA page_size').get()?.['page_size']
  if (size !== pageSize) return `its pages have ${String(size)} bytes, ${pageSize} were wanted`
  const missing = missingTables(db)
  return missing.length === 0 ? undefined : `it has no table ${missing.join(' and no table ')}`
}

export function missingTables(db: DatabaseSync): string[] {
  const find = db.prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?")
  return Object.keys(objectTables).filter((name) => find.get(name) === undefined)
}

/**
 * Writes what only the log has into the copy of a database, which is made when there is none. The log
 * knows nothing of it: never to be done to an object's own file.
 */
export function mergePending(path: string, pending: PendingState): void {
  const database = new ObjectDatabase(path, ({ run }) => run())
  try {
    database.db.exec('BEGIN')
    database.apply(new Overlay(pending))
    database.db.exec('COMMIT')
    assert(database.truncateWal(), 'a database that was just opened is being read')
  } finally {
    database.close()
  }
  removeSideFiles(path)
}
