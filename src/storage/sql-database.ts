import type { OpenReads } from './open-reads.ts'
import { findErrorOffset } from './sql-offset.ts'
import { countRead, countWritten, type Run } from './sql-row-counts.ts'
import { LazyRows, type SqlRows, WrittenRows } from './sql-rows.ts'
import { SqlEffects } from './sql-rules.ts'
import { findStatementEnd, parametersOf, tokensOf } from './sql-tokens.ts'
import { type Binding, type SqlIntegers, toBinding } from './sql-values.ts'
import {
  constants,
  type DatabaseSync,
  describeSqliteError,
  isSqliteError,
  primaryCode,
  type SqliteError,
  type StatementSync,
} from './sqlite.ts'

/** A compiled statement, and what is known of it. */
export interface Prepared {
  readonly statement: StatementSync
  readonly sql: string
  /** Names of the parameters by position; undefined for one without. */
  readonly parameters: readonly (string | undefined)[]
  readonly hasNames: boolean
  readonly effects: SqlEffects
  columnNames: readonly string[]
  /** The schema for which the names of the columns are right. */
  schema: number
  /** The rows of a run are not all taken: it cannot run again. */
  isBusy: boolean
}

/** Lets a statement run: inside a transaction when it writes. */
export type StatementRunner = <T>(statement: { readonly writes: boolean; run(): T }) => T

const cacheTextMax = 1024 * 1024
const textBytesMax = 100_000
const codeTooBig = 18
const codeAuth = 23

const transactionRefusal =
  "To execute a transaction, please use the state.storage.transaction() or state.storage.transactionSync() APIs instead of the SQL BEGIN TRANSACTION or SAVEPOINT statements. The JavaScript API is safer because it will automatically roll back on exceptions, and because it interacts correctly with Durable Objects' automatic atomic write coalescing."

/** SQL of the user's program over the object's database (reference 1.10). */
export class SqlDatabase {
  readonly #db: DatabaseSync
  readonly #reads: OpenReads
  readonly #run: StatementRunner
  // By their text; least recently used first.
  readonly #cache = new Map<string, Prepared>()
  #cachedText = 0
  // What the user's SQL does that is compiled or run now; the store's own statements are not judged.
  // SQLite compiles at a step as well: after a change of the schema, and for `pragma_…` tables.
  #judged: SqlEffects | undefined
  #mayFailAtCommit: boolean
  #hasSettings = false
  // Counts changes of the schema, which may change the columns of a compiled statement.
  #schema = 0
  readonly #schemaVersion: StatementSync

  constructor(db: DatabaseSync, reads: OpenReads, run: StatementRunner) {
    this.#db = db
    this.#reads = reads
    this.#run = run
    this.#schemaVersion = db.prepare('PRAGMA schema_version')
    db.setAuthorizer((code, first, second, database) =>
      this.#judged?.judge({ code, first, second, database }) === false
        ? constants.SQLITE_DENY
        : constants.SQLITE_OK,
    )
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
  exec(query: string, values: readonly unknown[], integers: SqlIntegers = 'number'): SqlRows {
    const bindings = values.map((value) => toBinding(value, integers))
    // A cached text is one statement.
    const cached = this.#cache.get(query)
    if (cached !== undefined) return this.#execute(this.#take(query), bindings, integers)
    let at = 0
    for (;;) {
      requireFits(query, at)
      const end = findStatementEnd(query, at)
      if (end === undefined) throw new Error('SQL code did not contain a statement.')
      const prepared = this.#take(query.slice(at, end))
      at = skipBlanks(query, end)
      if (at === query.length) return this.#execute(prepared, bindings, integers)
      if (prepared.parameters.length > 0) {
        throw new Error(
          'When executing multiple SQL statements in a single call, only the last statement can have parameters.',
        )
      }
      this.#execute(prepared, [], integers).end()
    }
  }

  /** Something was rolled back, the schema perhaps with it. */
  rolledBack(): void {
    this.#schema += 1
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

  /** Runs one step of a read. */
  step<T>(prepared: Prepared, run: () => T): T {
    return this.#translate(() =>
      this.#run({ writes: false, run: () => this.#judge(prepared, run) }),
    )
  }

  /** What the columns are called, once the statement has run: its first step may compile it anew. */
  columnNames(prepared: Prepared): readonly string[] {
    if (prepared.schema !== this.#schema) {
      prepared.columnNames = prepared.statement.columns().map(({ name }) => name)
      prepared.schema = this.#schema
    }
    return prepared.columnNames
  }

  /** Rows visited, or nearly so. */
  countRead(run: Run): number {
    return this.#count(run.returned, () => countRead(this.#db, run))
  }

  /** Entries written, or nearly so. */
  countWritten(run: Run): number {
    return this.#count(run.changes, () => countWritten(this.#db, run))
  }

  // What the statement was about may be gone, and its text with EXPLAIN before it too long.
  #count(otherwise: number, count: () => number): number {
    try {
      return this.#run({ writes: false, run: count })
    } catch (error) {
      if (
        this.#db.isOpen &&
        error instanceof Error &&
        / SQLITE_(?:ERROR|TOOBIG)/.test(error.message)
      ) {
        return otherwise
      }
      throw error
    }
  }

  #execute(prepared: Prepared, bindings: readonly Binding[], integers: SqlIntegers): SqlRows {
    if (prepared.parameters.length !== bindings.length) {
      throw new Error('Wrong number of parameter bindings for SQL query.')
    }
    const given = prepared.hasNames ? byName(prepared.parameters, bindings) : bindings
    return prepared.effects.writes
      ? this.#write(prepared, given, integers)
      : this.#read(prepared, given, integers)
  }

  // A statement that writes runs to its end at once: COMMIT must not meet it half done.
  #write(prepared: Prepared, bindings: Bindings, integers: SqlIntegers): SqlRows {
    const { statement, effects } = prepared
    return this.#translate(() =>
      this.#run({
        writes: true,
        run: () => {
          const before = effects.changesSchema ? this.#readSchemaVersion() : 0
          const run = (): { rows: unknown[][]; changes: number } => {
            if (prepared.columnNames.length > 0) {
              const rows = statement.all(...(bindings as Binding[])) as unknown as unknown[][]
              return { rows, changes: effects.target === undefined ? 0 : rows.length }
            }
            const changes = Number(statement.run(...(bindings as Binding[])).changes)
            return { rows: [], changes: effects.target === undefined ? 0 : changes }
          }
          const { rows, changes } = this.#judge(prepared, run)
          const didChangeSchema = effects.changesSchema && this.#readSchemaVersion() !== before
          if (didChangeSchema) this.#schema += 1
          return new WrittenRows(this, {
            columnNames: this.columnNames(prepared),
            rows,
            integers,
            run: { sql: prepared.sql, effects, didChangeSchema, changes, returned: rows.length },
          })
        },
      }),
    )
  }

  #read(prepared: Prepared, bindings: Bindings, integers: SqlIntegers): SqlRows {
    const rows = this.#translate(() => prepared.statement.iterate(...(bindings as Binding[])))
    prepared.isBusy = true
    const read = this.#reads.open(rows, () => {
      prepared.isBusy = false
    })
    return new LazyRows(this, { prepared, read, integers })
  }

  #take(sql: string): Prepared {
    const cached = this.#cache.get(sql)
    if (cached?.isBusy === false) {
      // Last in the order: used now. Of no use while all have room.
      if (this.#cachedText > cacheTextMax / 2) {
        this.#cache.delete(sql)
        this.#cache.set(sql, cached)
      }
      return cached
    }
    // One that is busy may stay so for ever: its cursor may have been forgotten.
    const prepared = this.#prepare(sql)
    // A change of the schema is asked for once; when it runs again, it has to be compiled anew anyway.
    if (!prepared.effects.changesSchema) this.#keep(prepared)
    return prepared
  }

  #prepare(sql: string): Prepared {
    const effects = new SqlEffects()
    const statement = this.#compile(sql, effects)
    statement.setReturnArrays(true)
    statement.setReadBigInts(true)
    if (effects.changesSetting) this.#hasSettings = true
    if (effects.defersChecks || (effects.changesSchema && /\bDEFERRABLE\b/i.test(sql))) {
      this.#mayFailAtCommit = true
    }
    // It asks SQLite for no leave; in a transaction it is refused.
    if (/^vacuum$/i.test(tokensOf(sql).next().value?.text ?? '')) effects.writes = true
    if (renamesToOwn(sql, effects)) throw new Error('not authorized: SQLITE_AUTH')
    const parameters = parametersOf(sql)
    const hasNames = parameters.some((name) => name !== undefined)
    if (hasNames) statement.setAllowBareNamedParameters(false)
    return {
      statement,
      sql,
      parameters,
      hasNames,
      effects,
      columnNames: statement.columns().map(({ name }) => name),
      schema: this.#schema,
      isBusy: false,
    }
  }

  #compile(sql: string, effects: SqlEffects): StatementSync {
    const judgedBefore = this.#judged
    this.#judged = effects
    try {
      return this.#db.prepare(sql)
    } catch (error) {
      if (!isSqliteError(error)) throw error
      if (effects.controlsTransaction && primaryCode(error) === codeAuth)
        throw new Error(transactionRefusal)
      throw new Error(this.#describe(error, sql))
    } finally {
      this.#judged = judgedBefore
    }
  }

  #describe(error: SqliteError, sql: string): string {
    if (primaryCode(error) === codeTooBig) return 'statement too long: SQLITE_TOOBIG'
    const offset = findErrorOffset(sql, error.message, (variant) => this.#errorOf(variant))
    return describeSqliteError(error, offset)
  }

  #errorOf(sql: string): string | undefined {
    this.#judged = new SqlEffects()
    try {
      this.#db.prepare(sql)
      return undefined
    } catch (error) {
      if (isSqliteError(error)) return error.message
      throw error
    }
  }

  #keep(prepared: Prepared): void {
    if (!this.#cache.has(prepared.sql)) this.#cachedText += prepared.sql.length
    this.#cache.set(prepared.sql, prepared)
    for (const sql of this.#cache.keys()) {
      if (this.#cachedText <= cacheTextMax) break
      this.#cache.delete(sql)
      this.#cachedText -= sql.length
    }
  }

  #judge<T>({ effects }: Prepared, run: () => T): T {
    this.#judged = effects
    try {
      return run()
    } finally {
      this.#judged = undefined
    }
  }

  #readSchemaVersion(): number {
    return Number(this.#schemaVersion.get()?.['schema_version'])
  }

  #translate<T>(act: () => T): T {
    try {
      return act()
    } catch (error) {
      if (isSqliteError(error)) throw new Error(describeSqliteError(error))
      throw error
    }
  }
}

type Bindings = readonly (Binding | Record<string, Binding>)[]

// node:sqlite takes named parameters by name and the others by position.
function byName(
  parameters: readonly (string | undefined)[],
  bindings: readonly Binding[],
): Bindings {
  const named: Record<string, Binding> = {}
  const others = bindings.filter((value, i) => {
    const name = parameters[i]
    if (name !== undefined) named[name] = value
    return name === undefined
  })
  return [named, ...others]
}

// SQLite asks for leave to alter the table, and does not tell its new name.
function renamesToOwn(sql: string, { changed }: SqlEffects): boolean {
  if (changed?.code !== constants.SQLITE_ALTER_TABLE) return false
  const words = [...tokensOf(sql)].map(({ text }) => text)
  const to = words.findIndex(
    (word, i) => /^to$/i.test(word) && /^rename$/i.test(words[i - 1] ?? ''),
  )
  return to !== -1 && /^["'`[]?_cf_/i.test(words[to + 1] ?? '')
}

function requireFits(query: string, from: number): void {
  if (3 * (query.length - from) <= textBytesMax) return
  if (Buffer.byteLength(query.slice(from)) <= textBytesMax) return
  throw new Error('statement too long: SQLITE_TOOBIG')
}

function skipBlanks(query: string, from: number): number {
  let at = from
  while (at < query.length && ' \t\n\v\f\r'.includes(query.charAt(at))) at += 1
  return at
}
