// What a statement cost, as nearly as stock SQLite lets it be told. The reference counts each step of
// each cursor over a table or an index; here that is worked out afterwards, when a program asks, from
// the plan of the statement and from what it changed. How near that comes: docs/design/storage.md.

import type { SqlAction, SqlEffects } from './sql-rules.ts'
import { tokensOf } from './sql-tokens.ts'
import { constants, type DatabaseSync } from './sqlite.ts'

export interface Run {
  readonly sql: string
  readonly effects: SqlEffects
  readonly didChangeSchema: boolean
  /** Rows inserted, updated or deleted by the statement itself. */
  readonly changes: number
  /** Rows that it gave. */
  readonly returned: number
}

/** Entries written to tables and indexes. */
export function countWritten(db: DatabaseSync, run: Run): number {
  const { target, changed, columns } = run.effects
  if (run.effects.changesSchema) {
    if (!run.didChangeSchema) return 0
    return changed === undefined ? 0 : countChanged(db, changed)
  }
  if (target === undefined || run.changes === 0) return 0
  if (target.code === constants.SQLITE_DELETE) return run.changes
  const indexes = readIndexes(db, target.table)
  if (target.code === constants.SQLITE_INSERT) return run.changes * (1 + indexes.length)
  const rowId = rowIdColumn(db, target.table)
  const movesRow = rowId !== undefined && columns.has(rowId)
  const touched = indexes.filter((index) => movesRow || index.some((name) => columns.has(name)))
  return run.changes * (1 + touched.length)
}

/** Rows visited. */
export function countRead(db: DatabaseSync, run: Run): number {
  const { target, changed, changesSchema } = run.effects
  if (changesSchema) return run.didChangeSchema ? countLookups(changed?.code) : 0
  if (/^\s*(?:explain|pragma)\b/i.test(run.sql)) return 0
  if (target?.code === constants.SQLITE_INSERT) return countKeyChecks(db, run)
  const plan = db
    .prepare(`EXPLAIN QUERY PLAN ${run.sql}`)
    .all()
    .map((row) => String(row['detail']))
  const visits = plan.filter((line) => /^(?:SCAN|SEARCH) (?!(?:\d+ )?CONSTANT)/.test(line))
  if (visits.length === 0) return 0
  const found = target === undefined ? run.returned : run.changes
  const again = target === undefined ? 0 : run.returned
  const [visit = ''] = visits
  if (visits.length > 1) return found + again
  return Math.max(countVisited(db, run, { plan, visit, found }), 1) + again
}

function countVisited(
  db: DatabaseSync,
  run: Run,
  { plan, visit, found }: { plan: readonly string[]; visit: string; found: number },
): number {
  if (/^SEARCH \S+ USING INTEGER PRIMARY KEY \(rowid=\?\)/.test(visit)) return found
  if (/^SEARCH \S+ USING/.test(visit)) {
    // Where a range has an upper end, the row behind it is visited too.
    const isOver = /[<=]\?\)$/.test(visit) && !/sqlite_autoindex|USING PRIMARY KEY/.test(visit)
    return found + (isOver ? 1 : 0)
  }
  const rows = countRows(db, /^(?:SCAN|SEARCH) (\S+)/.exec(visit)?.[1] ?? '')
  if (rows === undefined) return found
  const deleted = run.effects.target?.code === constants.SQLITE_DELETE ? run.changes : 0
  const sorted = plan.some((line) => line === 'USE TEMP B-TREE FOR ORDER BY') ? rows : 0
  const grouped = plan.some((line) => line === 'USE TEMP B-TREE FOR GROUP BY') ? rows : 0
  return isLimited(run.sql) && sorted === 0 ? found : rows + deleted + sorted + grouped
}

// What is found in the schema for a new entry in it.
function countLookups(code: number | undefined): number {
  switch (code) {
    case constants.SQLITE_CREATE_INDEX:
      return 2
    case constants.SQLITE_CREATE_TABLE:
    case constants.SQLITE_CREATE_VIEW:
    case constants.SQLITE_CREATE_VTABLE:
      return 1
    default:
      return 0
  }
}

// A row inserted with a rowid of its own is looked up first.
function countKeyChecks(db: DatabaseSync, run: Run): number {
  if (rowIdColumn(db, run.effects.target?.table ?? '') === undefined) return run.returned
  const opcodes = db.prepare(`EXPLAIN ${run.sql}`).all()
  return opcodes.some((row) => row['opcode'] === 'NotExists')
    ? run.changes + run.returned
    : run.returned
}

/** The INTEGER PRIMARY KEY of a table, if it has one. */
function rowIdColumn(db: DatabaseSync, table: string): string | undefined {
  if (!isRowId(db, table)) return undefined
  const key = db.prepare('SELECT name, type FROM pragma_table_info(?) WHERE pk > 0').all(table)
  const isAlias = key.length === 1 && /^integer$/i.test(String(key[0]?.['type']))
  return isAlias ? String(key[0]?.['name']) : undefined
}

function countChanged(db: DatabaseSync, { code, first, second }: SqlAction): number {
  switch (code) {
    case constants.SQLITE_CREATE_INDEX:
      return 1 + (countRows(db, second ?? '') ?? 0)
    case constants.SQLITE_ALTER_TABLE:
    case constants.SQLITE_CREATE_TRIGGER:
      return 1
    case constants.SQLITE_CREATE_TABLE:
      return 2 + readIndexes(db, first ?? '').length
    default:
      return 2
  }
}

/** The columns of each index of a table, besides the table itself. */
function readIndexes(db: DatabaseSync, table: string): readonly (readonly string[])[] {
  const isOwnKey = !isRowId(db, table)
  const list = db.prepare('SELECT name, origin FROM pragma_index_list(?)').all(table)
  const columns = db.prepare('SELECT name FROM pragma_index_info(?)')
  return list
    .filter(({ origin }) => !(isOwnKey && origin === 'pk'))
    .map(({ name }) => columns.all(String(name)).map((row) => String(row['name'])))
}

function isRowId(db: DatabaseSync, table: string): boolean {
  const row = db.prepare("SELECT wr FROM pragma_table_list(?) WHERE schema = 'main'").get(table)
  return row?.['wr'] === 0
}

function countRows(db: DatabaseSync, table: string): number | undefined {
  const isTable = db
    .prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?")
    .get(table)
  if (isTable === undefined && !/^sqlite_(?:master|schema)$/i.test(table)) return undefined
  return Number(
    db.prepare(`SELECT count(*) AS n FROM "${table.replaceAll('"', '""')}"`).get()?.['n'],
  )
}

function isLimited(sql: string): boolean {
  for (const { text } of tokensOf(sql)) if (text.toUpperCase() === 'LIMIT') return true
  return false
}
