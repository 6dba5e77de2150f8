import type { StoredDatabase, StoredValue } from '../storage/index.ts'

/**
 * A whole database as SQL text, statement by statement, which `sqlite3` reads back into an equal one:
 * tables and rows with their row ids first, then what hangs on them.
 */
export function* sqlText(database: StoredDatabase): Generator<string> {
  yield 'PRAGMA foreign_keys=OFF;'
  yield 'BEGIN TRANSACTION;'
  const objects = [
    ...database.rows(
      'SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY rowid',
    ),
  ].map(([type, name, sql]) => ({ type: String(type), name: String(name), sql: String(sql) }))
  const tables = objects.filter(({ type }) => type === 'table')
  const virtual = tables.filter(({ sql }) => /^CREATE VIRTUAL TABLE/i.test(sql))
  for (const table of tables.filter(({ name }) => !name.startsWith('sqlite_'))) {
    if (virtual.includes(table)) continue
    yield `${table.sql};`
    yield* insertsInto(database, table.name)
  }
  // The tables behind a virtual table are there already: making it would make them again.
  if (virtual.length > 0) {
    yield 'PRAGMA writable_schema=ON;'
    for (const { name, sql } of virtual) {
      const values = ['table', name, name].map(sqlLiteral).join(',')
      yield `INSERT INTO sqlite_schema(type,name,tbl_name,rootpage,sql)VALUES(${values},0,${sqlLiteral(sql)});`
    }
    yield 'PRAGMA writable_schema=OFF;'
  }
  for (const { name } of tables) {
    if (name === 'sqlite_sequence') {
      yield 'DELETE FROM sqlite_sequence;'
      yield* insertsInto(database, name)
    }
  }
  for (const { type, sql } of objects) if (type !== 'table') yield `${sql};`
  yield 'COMMIT;'
}

function* insertsInto(database: StoredDatabase, table: string): Generator<string> {
  const columns: string[] = []
  const keys: string[] = []
  // Generated columns are not written.
  const infos = database.rows(
    'SELECT name, type, pk FROM pragma_table_xinfo(?) WHERE hidden = 0',
    table,
  )
  for (const [name, type, key] of infos) {
    columns.push(String(name))
    if (Number(key) > 0) keys.push(String(type).toUpperCase())
  }
  const isRowId = keys.length === 1 && keys[0] === 'INTEGER'
  const rowId = isRowId ? undefined : rowIdOf(database, table, columns)
  const names = (rowId === undefined ? columns : [rowId, ...columns]).map(quoteName).join(',')
  const target = quoteName(table)
  for (const row of database.rows(`SELECT ${names} FROM ${target}`)) {
    yield `INSERT INTO ${target}(${names})VALUES(${row.map(sqlLiteral).join(',')});`
  }
}

/** A name for the row id, which a program can see; undefined when the table has none. */
function rowIdOf(
  database: StoredDatabase,
  table: string,
  columns: readonly string[],
): string | undefined {
  const [info] = database.rows("SELECT wr FROM pragma_table_list(?) WHERE schema = 'main'", table)
  if (info?.[0] !== 0n) return undefined
  const taken = new Set(columns.map((name) => name.toLowerCase()))
  return ['rowid', '_rowid_', 'oid'].find((name) => !taken.has(name))
}

function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

function sqlLiteral(value: StoredValue): string {
  if (value === null) return 'NULL'
  if (typeof value === 'bigint') return String(value)
  if (typeof value === 'number') return sqlNumber(value)
  if (typeof value !== 'string') return `X'${Buffer.from(value).toString('hex')}'`
  // A literal ends at a NUL.
  if (value.includes('\0')) return `CAST(X'${Buffer.from(value).toString('hex')}' AS TEXT)`
  return `'${value.replaceAll("'", "''")}'`
}

function sqlNumber(value: number): string {
  if (!Number.isFinite(value)) return value > 0 ? '9e999' : '-9e999'
  const text = String(value)
  // Without a point it would come back as an integer.
  return /[.e]/.test(text) ? text : `${text}.0`
}
