import type { OpenReads } from './open-reads.ts'
import { countParameters, splitStatements } from './sql-split.ts'
import {
  constants,
  type DatabaseSync,
  describeSqliteError,
  isSqliteError,
  type StatementSync,
} from './sqlite.ts'

export type SqlValue = number | string | ArrayBuffer | null
type Binding = number | string | Uint8Array | null

interface Prepared {
  readonly statement: StatementSync
  readonly sql: string
  readonly columnNames: readonly string[]
  /** Whether running it may change the database. */
  readonly writes: boolean
}

/** Lets a statement run: inside a transaction when it writes. */
export type StatementRunner = <T>(statement: { readonly writes: boolean; run(): T }) => T

/** The rows of one statement, and what it cost. */
export interface SqlResult {
  readonly columnNames: readonly string[]
  /** The next row; undefined after the last. */
  next(): SqlValue[] | undefined
  readonly rowsWritten: number
}

const cacheTextMax = 1024 * 1024

/** SQL of the user's program over the object's database (reference 1.10). */
export class SqlDatabase {
  readonly #db: DatabaseSync
  readonly #reads: OpenReads
  readonly #run: StatementRunner
  // Statements not in use, by their text; least recently used first.
  readonly #cache = new Map<string, Prepared>()
  #cachedText = 0
  // Set while the user's SQL is compiled; the store's own statements are not judged.
  #judgement: { writes: boolean } | undefined
  #mayFailAtCommit: boolean
  #hasSettings = false
  readonly #changes: StatementSync

  constructor(db: DatabaseSync, reads: OpenReads, run: StatementRunner) {
    this.#db = db
    this.#reads = reads
    this.#run = run
    this.#changes = db.prepare('SELECT total_changes() AS n')
    db.setAuthorizer((...action) => this.#authorize(...action))
    const deferred = db
      .prepare("SELECT 1 FROM sqlite_schema WHERE sql LIKE '%DEFERR%' LIMIT 1")
      .get()
    this.#mayFailAtCommit = deferred !== undefined
  }

  /**
   * Whether a COMMIT may be refused: the schema has had, or the program asked for, deferred checks.
   * Stays up once it is: to commit at the end of each turn costs speed only.
   */
  get mayFailAtCommit(): boolean {
    return this.#mayFailAtCommit
  }

  /** The program has changed a setting of the connection, which closing it would lose. */
  get hasSettings(): boolean {
    return this.#hasSettings
  }

  /** Bytes of the database that are in use. */
  get databaseSize(): number {
    const count = (name: string): number => {
      const row = this.#db.prepare(`PRAGMA ${name}`).get() as Record<string, number>
      return row[name] ?? 0
    }
    return (count('page_count') - count('freelist_count')) * count('page_size')
  }

  /**
   * Runs every statement in `query`; the values belong to the last one, whose rows are the result.
   *
   * @throws Error with the reference's text
   */
  exec(query: string, values: readonly unknown[]): SqlResult {
    const statements = splitStatements(query)
    const last = statements.pop()
    if (last === undefined) throw new Error('SQL code did not contain a statement.')
    const bindings = values.map(toBinding)
    for (const sql of statements) {
      if (countParameters(sql) > 0) {
        throw new Error(
          'When executing multiple SQL statements in a single call, only the last statement can have parameters.',
        )
      }
      this.#execute(sql, [])
    }
    if (countParameters(last) !== bindings.length) {
      throw new Error('Wrong number of parameter bindings for SQL query.')
    }
    return this.#execute(last, bindings)
  }

  /** Drops every table, view, trigger and index of the user. */
  dropEverything(): void {
    this.#cache.clear()
    this.#cachedText = 0
    // Rows that refer to each other go in any order; nothing is left to check at commit.
    this.#db.exec('PRAGMA defer_foreign_keys = ON')
    const list = this.#db.prepare(
      `SELECT type, name FROM sqlite_schema WHERE type IN ('view', 'trigger', 'table')
       AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND name NOT LIKE '\\_cf\\_%' ESCAPE '\\'
       ORDER BY type = 'table', sql NOT LIKE 'CREATE VIRTUAL%'`,
    )
    for (const { type, name } of list.all() as { type: string; name: string }[]) {
      // A virtual table takes its shadow tables along.
      this.#db.exec(`DROP ${type} IF EXISTS "${name.replaceAll('"', '""')}"`)
    }
  }

  #execute(sql: string, bindings: readonly Binding[]): SqlResult {
    const prepared = this.#take(sql)
    return this.#translate(() =>
      this.#run({
        writes: prepared.writes,
        run: () =>
          prepared.writes ? this.#runAll(prepared, bindings) : this.#runLazily(prepared, bindings),
      }),
    )
  }

  // A statement that writes runs to its end at once: COMMIT must not meet it half done.
  #runAll(prepared: Prepared, bindings: readonly Binding[]): SqlResult {
    const before = this.#totalChanges()
    const rows = prepared.statement.all(...bindings) as unknown as unknown[][]
    const rowsWritten = this.#totalChanges() - before
    this.#giveBack(prepared)
    let at = 0
    return {
      columnNames: prepared.columnNames,
      rowsWritten,
      next: () => {
        const row = rows[at]
        at += 1
        return row?.map(toValue)
      },
    }
  }

  #runLazily(prepared: Prepared, bindings: readonly Binding[]): SqlResult {
    const read = this.#reads.open(prepared.statement.iterate(...bindings))
    let isOver = false
    return {
      columnNames: prepared.columnNames,
      rowsWritten: 0,
      next: () => {
        if (isOver) return undefined
        const row = this.#translate(() => this.#run({ writes: false, run: () => read.next() }))
        if (row !== undefined) return row.map(toValue)
        isOver = true
        this.#giveBack(prepared)
        return undefined
      },
    }
  }

  #take(sql: string): Prepared {
    const cached = this.#cache.get(sql)
    if (cached !== undefined) {
      this.#cache.delete(sql)
      this.#cachedText -= sql.length
      return cached
    }
    const judgement = { writes: false }
    this.#judgement = judgement
    try {
      refuseTransactionControl(sql)
      const statement = this.#translate(() => this.#db.prepare(sql))
      statement.setReturnArrays(true)
      statement.setReadBigInts(true)
      if (judgement.writes && /\bDEFERRABLE\b/i.test(sql)) this.#mayFailAtCommit = true
      const columnNames = statement.columns().map(({ name }) => name)
      return { statement, sql, columnNames, writes: judgement.writes }
    } finally {
      this.#judgement = undefined
    }
  }

  #giveBack(prepared: Prepared): void {
    this.#cache.set(prepared.sql, prepared)
    this.#cachedText += prepared.sql.length
    for (const sql of this.#cache.keys()) {
      if (this.#cachedText <= cacheTextMax) break
      this.#cache.delete(sql)
      this.#cachedText -= sql.length
    }
  }

  #totalChanges(): number {
    return Number((this.#changes.get() as { n: number }).n)
  }

  #translate<T>(act: () => T): T {
    try {
      return act()
    } catch (error) {
      if (isSqliteError(error)) throw new Error(describeSqliteError(error))
      throw error
    }
  }

  #authorize(
    action: number,
    first: string | null,
    second: string | null,
    _database: string | null,
    _trigger: string | null,
  ): number {
    if (this.#judgement === undefined) return constants.SQLITE_OK
    if (isOwnName(first) || isOwnName(second)) return constants.SQLITE_DENY
    switch (action) {
      case constants.SQLITE_SELECT:
      case constants.SQLITE_READ:
      case constants.SQLITE_RECURSIVE:
        return constants.SQLITE_OK
      case constants.SQLITE_FUNCTION:
        return allowIf(!deniedFunction.test(second ?? ''))
      case constants.SQLITE_PRAGMA:
        return this.#authorizePragma(first ?? '', second)
      case constants.SQLITE_CREATE_VTABLE:
        this.#judgement.writes = true
        return allowIf(allowedModules.has((second ?? '').toLowerCase()))
      default:
        this.#judgement.writes = true
        return allowIf(!deniedActions.has(action))
    }
  }

  #authorizePragma(name: string, value: string | null): number {
    const pragma = name.toLowerCase()
    if (readPragmas.has(pragma)) return allowIf(value === null)
    if (!switchPragmas.has(pragma) && !queryPragmas.has(pragma)) return constants.SQLITE_DENY
    if (switchPragmas.has(pragma) && value !== null) this.#hasSettings = true
    if (pragma === 'defer_foreign_keys' && this.#judgement !== undefined) {
      // It lasts until the next COMMIT, so there must be a transaction.
      this.#judgement.writes = true
      this.#mayFailAtCommit = true
    }
    return constants.SQLITE_OK
  }
}

const readPragmas: ReadonlySet<string> = new Set(['data_version', 'page_size'])
const switchPragmas: ReadonlySet<string> = new Set([
  'case_sensitive_like',
  'defer_foreign_keys',
  'foreign_keys',
  'ignore_check_constraints',
  'legacy_alter_table',
  'recursive_triggers',
  'reverse_unordered_selects',
])
const queryPragmas: ReadonlySet<string> = new Set([
  'foreign_key_check',
  'foreign_key_list',
  'index_info',
  'index_list',
  'index_xinfo',
  'optimize',
  'quick_check',
  'table_info',
  'table_list',
  'table_xinfo',
])
const allowedModules: ReadonlySet<string> = new Set(['fts5', 'fts5vocab', 'rtree', 'rtree_i32'])
const deniedFunction = /^(sqlite_|load_extension$|fts3_tokenizer$)/i
const deniedActions: ReadonlySet<number> = new Set([
  constants.SQLITE_ATTACH,
  constants.SQLITE_DETACH,
  constants.SQLITE_CREATE_TEMP_INDEX,
  constants.SQLITE_CREATE_TEMP_TABLE,
  constants.SQLITE_CREATE_TEMP_TRIGGER,
  constants.SQLITE_CREATE_TEMP_VIEW,
  constants.SQLITE_DROP_TEMP_INDEX,
  constants.SQLITE_DROP_TEMP_TABLE,
  constants.SQLITE_DROP_TEMP_TRIGGER,
  constants.SQLITE_DROP_TEMP_VIEW,
  constants.SQLITE_SAVEPOINT,
  constants.SQLITE_TRANSACTION,
])

function allowIf(condition: boolean): number {
  return condition ? constants.SQLITE_OK : constants.SQLITE_DENY
}

function isOwnName(name: string | null): boolean {
  return name !== null && name.slice(0, 4).toLowerCase() === '_cf_'
}

function refuseTransactionControl(sql: string): void {
  const bare = sql.replace(/^(?:\s|--[^\n]*\n|\/\*[\s\S]*?\*\/)+/, '')
  if (!/^(BEGIN|COMMIT|END|ROLLBACK|SAVEPOINT|RELEASE)\b/i.test(bare)) return
  throw new Error(
    "To execute a transaction, please use the state.storage.transaction() or state.storage.transactionSync() APIs instead of the SQL BEGIN TRANSACTION or SAVEPOINT statements. The JavaScript API is safer because it will automatically roll back on exceptions, and because it interacts correctly with Durable Objects' automatic atomic write coalescing.",
  )
}

function toBinding(value: unknown): Binding {
  switch (typeof value) {
    case 'number':
    case 'string':
      return value
    case 'undefined':
      return null
    case 'bigint':
      throw new TypeError('Cannot convert a BigInt value to a number')
    default:
      if (value === null) return null
      if (value instanceof ArrayBuffer) return new Uint8Array(value)
      if (ArrayBuffer.isView(value)) {
        return new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
      }
      return String(value)
  }
}

// Integers are read as BigInt, which cannot overflow, and given as the reference gives them.
function toValue(value: unknown): SqlValue {
  if (typeof value === 'bigint') return Number(value)
  if (value instanceof Uint8Array) {
    const { buffer, byteOffset, byteLength } = value
    return buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer
  }
  return value as number | string | null
}
