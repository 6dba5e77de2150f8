import { DurableError } from '../base/index.ts'
import { IdFactory } from '../names/index.ts'
import { decodeValue, StoredDatabase, type StoredValue } from '../storage/index.ts'
import { classOf, type FolderReader, type ListedObject } from './folder-reader.ts'
import { sqlText } from './sql-text.ts'

export interface DumpedTable {
  readonly name: string
  readonly columns: readonly string[]
  rows(): Iterable<StoredValue[]>
}

/** The state of one object; good until the function that it is given to returns. */
export interface DumpedObject {
  readonly object: ListedObject
  readonly alarmAt: number | null
  /** In their order, decoded. */
  keys(): Iterable<readonly [key: string, value: unknown]>
  /** The program's own. */
  readonly schema: readonly string[]
  readonly tables: readonly DumpedTable[]
  /** All of it, as SQL that makes the same database again. */
  sql(): Iterable<string>
}

/**
 * Hands the state of one object to `use`, with everything that the log holds of it. [DT5]
 *
 * @param object `Class/name`, `Class/<64 hex digits>` (with `.<number>` for a facet), or with the whole key of the namespace instead of
 *   the class
 * @throws DurableError when there is no such object, or several namespaces have the class
 */
export function dumpObject(
  reader: FolderReader,
  object: string,
  use: (dumped: DumpedObject) => void,
): void {
  const found = findObject(reader, object)
  const path = reader.databaseWithLog(found.key)
  if (path === undefined) {
    const wanted = reader.databasePath(found.key)
    throw new DurableError(`Cannot dump '${object}': its database '${wanted}' is missing`)
  }
  const database = new StoredDatabase(path)
  try {
    const fault = database.fault()
    if (fault !== undefined) {
      throw new DurableError(
        `Cannot dump '${object}': '${reader.databasePath(found.key)}' is damaged: ${fault}`,
      )
    }
    use(describe(found, database))
  } finally {
    database.close()
  }
}

function findObject(reader: FolderReader, object: string): ListedObject {
  const slash = object.indexOf('/')
  const [place, rest] = [object.slice(0, slash), object.slice(slash + 1)]
  if (slash <= 0 || rest === '') {
    throw new DurableError(`Cannot dump '${object}': Class/name or Class/id was wanted`)
  }
  const namespaces = reader.namespaces.filter((key) => key === place || classOf(key) === place)
  if (namespaces.length === 0) {
    const all = [...new Set(reader.namespaces.map(classOf))].join(', ')
    throw new DurableError(
      `Cannot dump '${object}': no class '${place}' has objects here; there are ${all || 'none'}`,
    )
  }
  const found = namespaces.flatMap((namespace) => {
    const name = new IdFactory(namespace).idFromName(rest).toString()
    const ids = /^[0-9a-fA-F]{64}(\.\d+)?$/.test(rest) ? [rest.toLowerCase(), name] : [name]
    return ids.flatMap((id) => reader.find(namespace, id) ?? [])
  })
  const [first, second] = found
  if (first === undefined)
    throw new DurableError(`Cannot dump '${object}': there is no such object`)
  if (second !== undefined) {
    const keys = found.map(({ key }) => key).join(', ')
    throw new DurableError(`Cannot dump '${object}': it may be any of ${keys}`)
  }
  return first
}

function describe(object: ListedObject, database: StoredDatabase): DumpedObject {
  const schema: string[] = []
  const tables: DumpedTable[] = []
  const rows = database.rows(
    "SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE '\\_cf\\_%' ESCAPE '\\' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY rowid",
  )
  for (const [type, name, sql] of rows) {
    schema.push(String(sql))
    if (type === 'table') tables.push(describeTable(database, String(name)))
  }
  return {
    object,
    alarmAt: database.readAlarm(),
    schema,
    tables,
    sql: () => sqlText(database),
    *keys() {
      for (const [key, value] of database.rows('SELECT key, value FROM _cf_KV ORDER BY key')) {
        yield [String(key), decode(object, String(key), value as Uint8Array)] as const
      }
    },
  }
}

function decode(object: ListedObject, key: string, bytes: Uint8Array): unknown {
  try {
    return decodeValue(bytes)
  } catch (error) {
    throw new DurableError(
      `Cannot dump '${object.key}': the value of '${key}' cannot be decoded: ${(error as Error).message}; --sql shows its bytes`,
      { cause: error },
    )
  }
}

function describeTable(database: StoredDatabase, name: string): DumpedTable {
  const columns: string[] = []
  for (const [column] of database.rows('SELECT name FROM pragma_table_info(?)', name)) {
    columns.push(String(column))
  }
  return {
    name,
    columns,
    rows: () => database.rows(`SELECT * FROM "${name.replaceAll('"', '""')}"`),
  }
}
