// What user code holds: `ctx.storage.sql` and `ctx.storage.kv`. `access` is called first in every
// operation; it throws when the incarnation is broken.

import type { KvListOptions } from './kv-table.ts'
import type { ObjectStore } from './object-store.ts'
import type { SqlResult, SqlValue } from './sql-database.ts'

export type SqlRow = Record<string, SqlValue>

/** `ctx.storage.sql` (reference 1.10). */
export class SqlStorage {
  readonly #store: ObjectStore
  readonly #access: () => void

  constructor(store: ObjectStore, access: () => void) {
    this.#store = store
    this.#access = access
  }

  get Cursor(): typeof SqlStorageCursor {
    return SqlStorageCursor
  }

  /** Bytes in use by the database. */
  get databaseSize(): number {
    this.#access()
    return this.#store.databaseSize
  }

  /** Runs `query` up to the first row of its last statement. */
  exec(query: string, ...values: unknown[]): SqlStorageCursor {
    this.#access()
    return new SqlStorageCursor(this.#store.sql.exec(String(query), values), this.#access)
  }
}

/** The rows of a query; stays usable in later turns, one row ahead. */
export class SqlStorageCursor implements IterableIterator<SqlRow> {
  readonly #result: SqlResult
  readonly #access: () => void
  #ahead: SqlValue[] | undefined
  #rowsRead = 0

  /** @internal */
  constructor(result: SqlResult, access: () => void) {
    this.#result = result
    this.#access = access
    this.#advance()
  }

  get columnNames(): string[] {
    return [...this.#result.columnNames]
  }

  /** Rows returned so far: stock SQLite does not count the rows it visits. */
  get rowsRead(): number {
    return this.#rowsRead
  }

  /** Rows changed; stock SQLite does not count index entries. */
  get rowsWritten(): number {
    return this.#result.rowsWritten
  }

  next(): IteratorResult<SqlRow, undefined> {
    const values = this.#take()
    return values === undefined
      ? { done: true, value: undefined }
      : { done: false, value: this.#toObject(values) }
  }

  toArray(): SqlRow[] {
    return [...this]
  }

  /** @throws Error unless there is exactly one row left */
  one(): SqlRow {
    const values = this.#take()
    if (values === undefined) {
      throw new Error('Expected exactly one result from SQL query, but got no results.')
    }
    if (this.#ahead !== undefined) {
      throw new Error('Expected exactly one result from SQL query, but got multiple results.')
    }
    return this.#toObject(values)
  }

  /** The rows as arrays, duplicate column names kept. */
  raw(): IterableIterator<SqlValue[]> & { toArray(): SqlValue[][] } {
    const rows = {
      next: (): IteratorResult<SqlValue[], undefined> => {
        const value = this.#take()
        return value === undefined ? { done: true, value: undefined } : { done: false, value }
      },
      toArray: (): SqlValue[][] => [...rows],
      [Symbol.iterator]: (): IterableIterator<SqlValue[]> => rows,
    }
    return rows
  }

  [Symbol.iterator](): this {
    return this
  }

  #take(): SqlValue[] | undefined {
    this.#access()
    const values = this.#ahead
    if (values !== undefined) this.#advance()
    return values
  }

  #advance(): void {
    this.#ahead = this.#result.next()
    if (this.#ahead !== undefined) this.#rowsRead += 1
  }

  #toObject(values: readonly SqlValue[]): SqlRow {
    const row: SqlRow = {}
    for (const [i, name] of this.#result.columnNames.entries()) row[name] = values[i] ?? null
    return row
  }
}

/** `ctx.storage.kv` (reference 1.11). */
export class SyncKvStorage {
  readonly #store: ObjectStore
  readonly #access: () => void
  #lists = 0

  constructor(store: ObjectStore, access: () => void) {
    this.#store = store
    this.#access = access
  }

  get(key: string): unknown {
    this.#access()
    return this.#store.kvGet(String(key))
  }

  put(key: string, value: unknown): void {
    this.#access()
    if (value === undefined) throw new TypeError('put() called with undefined value.')
    this.#store.kvPut(String(key), value)
  }

  delete(key: string): boolean {
    this.#access()
    return this.#store.kvDelete(String(key))
  }

  /** One iteration at a time: a new call ends the one before. */
  *list(options: KvListOptions = {}): IterableIterator<[string, unknown]> {
    this.#access()
    this.#lists += 1
    const mine = this.#lists
    for (const entry of this.#store.kvIterate(options)) {
      yield entry
      this.#access()
      if (this.#lists !== mine) {
        throw new Error(
          'kv.list() iterator was invalidated because a new call to kv.list() was started. Only one kv.list() iterator can exist at a time.',
        )
      }
    }
  }
}
