import { DurableError } from '../base/index.ts'
import { alarmOf, prepareAlarm } from './object-database.ts'
import {
  type DatabaseSync,
  isSqliteError,
  objectTables,
  openWithoutLimits,
  removeSideFiles,
} from './sqlite.ts'
import { findFault, missingTables } from './stored-database.ts'

/** What is in a database that was adopted. */
export interface AdoptedDatabase {
  readonly keyCount: number
  /** In the program's own tables. */
  readonly rowCount: number
  readonly alarmAt: number | null
}

/**
 * Makes a database that the reference has written into one of ours: takes in the `-wal` beside it, and
 * makes the tables that the reference makes only when it needs them. The caller syncs the file.
 *
 * @param path a copy that nobody else has open
 * @returns undefined when nothing was ever written to it
 * @throws DurableError when it is damaged
 */
export function adoptDatabase(path: string): AdoptedDatabase | undefined {
  return withDatabase(path, adopt)
}

/**
 * The names in the list of alarms that the reference keeps for each namespace, by id; it has no others.
 *
 * @param path a copy that nobody else has open
 * @throws DurableError when it is damaged
 */
export function readAlarmNames(path: string): Map<string, string> {
  return withDatabase(path, (db) => {
    const names = new Map<string, string>()
    if (db.prepare("SELECT 1 FROM sqlite_schema WHERE name = '_cf_ALARM'").get() === undefined) {
      return names
    }
    // Id, time in nanoseconds, and name; older versions have no names.
    const statement = db.prepare('SELECT * FROM _cf_ALARM')
    statement.setReturnArrays(true)
    statement.setReadBigInts(true)
    for (const row of statement.all()) {
      const [id, , name] = row as unknown as [string, bigint, string | null | undefined]
      if (typeof name === 'string') names.set(id, name)
    }
    return names
  })
}

function withDatabase<T>(path: string, act: (db: DatabaseSync) => T): T {
  try {
    const db = openWithoutLimits(path)
    try {
      return act(db)
    } finally {
      db.close()
    }
  } catch (error) {
    if (!isSqliteError(error)) throw error
    throw new DurableError(`it is damaged: ${error.message}`, { cause: error })
  } finally {
    removeSideFiles(path)
  }
}

function adopt(db: DatabaseSync): AdoptedDatabase | undefined {
  db.exec('PRAGMA journal_mode = WAL')
  if (count(db, 'sqlite_schema') === 0) return undefined
  const missing = missingTables(db)
  for (const table of missing) db.exec(objectTables[table] ?? '')
  const fault = findFault(db)
  if (fault !== undefined) throw new DurableError(`it is damaged: ${fault}`)
  const tables = db
    .prepare(
      "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type IN ('table', 'virtual') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND name NOT LIKE '\\_cf\\_%' ESCAPE '\\'",
    )
    .all()
    .map((row) => row['name'] as string)
  let rowCount = 0
  for (const table of tables) rowCount += count(db, table)
  const adopted = {
    keyCount: count(db, '_cf_KV'),
    rowCount,
    alarmAt: alarmOf(prepareAlarm(db)),
  }
  const checkpoint = db.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get()
  if (checkpoint?.['busy'] !== 0) throw new DurableError('its -wal cannot be taken in')
  return adopted
}

function count(db: DatabaseSync, table: string): number {
  const row = db.prepare(`SELECT count(*) AS n FROM "${table.replaceAll('"', '""')}"`).get()
  return row?.['n'] as number
}
