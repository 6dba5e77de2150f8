import { definePlatformClass, illegalInvocation, wrongParameter } from '../base/index.ts'
import type { ObjectStore } from './object-store.ts'
import type { SqlRows } from './sql-rows.ts'
import type { SqlIntegers, SqlValue } from './sql-values.ts'

export type SqlRow = Record<string, SqlValue>

/** `ctx.storage.sql` (reference 1.10). */
export class SqlStorage {
  readonly #store: ObjectStore
  readonly #access: () => void
  #integers: SqlIntegers = 'number'

  /** @param access is called first in every operation; it throws when the program may not */
  constructor(store: ObjectStore, access: () => void) {
    this.#store = store
    this.#access = access
  }

  get Cursor(): typeof Cursor {
    return Cursor
  }

  get Statement(): typeof Statement {
    return Statement
  }

  /** Bytes in use by the database. */
  get databaseSize(): number {
    this.#access()
    return this.#store.databaseSize
  }

  /**
   * Ours, not the reference's. `'bigint'`: from now on every INTEGER of this object comes as a BigInt and a
   * BigInt may be bound, so that 64 bits pass without loss. `'number'`, as on the reference, without it. It
   * lasts as long as the instance.
   */
  get integers(): SqlIntegers {
    return this.#integers
  }

  set integers(integers: SqlIntegers) {
    if (integers !== 'number' && integers !== 'bigint') {
      throw new TypeError(
        `Cannot set sql.integers: '${String(integers)}' is unknown, wanted 'number' or 'bigint'`,
      )
    }
    this.#integers = integers
  }

  /**
   * Runs `query` up to the first row of its last statement, to which `values` belong.
   *
   * @throws Error with SQLite's text, as the reference gives it
   */
  exec(query: string, ...values: unknown[]): Cursor {
    if (!(#store in Object(this))) throw illegalInvocation()
    this.#access()
    if (query === undefined) throw wrongParameter('SqlStorage', 'exec', 1, 'String')
    const rows = this.#store.sql.exec(`${query}`, values, this.#integers)
    return new Cursor(new Source(rows, this.#access))
  }
}

// What the iterators need of a cursor, which programs do not see.
let takeRow: (cursor: Cursor) => SqlValue[] | undefined
let takeRows: (cursor: Cursor) => SqlValue[][]
let shapeRow: (cursor: Cursor, values: readonly SqlValue[]) => SqlRow

// What a cursor is made of; programs have none, so they can make no cursor.
class Source {
  readonly rows: SqlRows
  readonly access: () => void

  constructor(rows: SqlRows, access: () => void) {
    this.rows = rows
    this.access = access
  }
}

/** The rows of a query; stays usable in later turns, one row ahead. */
export class Cursor {
  readonly #rows: SqlRows
  readonly #access: () => void
  readonly #names: string[]
  #ahead: SqlValue[] | undefined

  /** @internal */
  constructor(...given: unknown[]) {
    const [source] = given
    if (!(source instanceof Source)) throw new TypeError('Illegal constructor')
    this.#rows = source.rows
    this.#access = source.access
    this.#names = [...source.rows.columnNames]
    this.#ahead = source.rows.next()
  }

  get columnNames(): string[] {
    if (!(#rows in Object(this))) throw illegalInvocation()
    return this.#names
  }

  /** Rows visited, as nearly as can be told: see docs/design/storage.md. */
  get rowsRead(): number {
    if (!(#rows in Object(this))) throw illegalInvocation()
    this.#access()
    return this.#rows.rowsRead
  }

  /** Entries written to tables and indexes, as nearly as can be told. */
  get rowsWritten(): number {
    if (!(#rows in Object(this))) throw illegalInvocation()
    this.#access()
    return this.#rows.rowsWritten
  }

  next(): IteratorResult<SqlRow, undefined> {
    if (!(#rows in Object(this))) throw illegalInvocation()
    const values = this.#take()
    return values === undefined
      ? { done: true, value: undefined }
      : { done: false, value: this.#toRow(values) }
  }

  toArray(): SqlRow[] {
    if (!(#rows in Object(this))) throw illegalInvocation()
    return this.#takeAll().map((values) => this.#toRow(values))
  }

  /** @throws Error unless there is exactly one row left; then none is */
  one(): SqlRow {
    if (!(#rows in Object(this))) throw illegalInvocation()
    const values = this.#take()
    if (values === undefined) {
      throw new Error('Expected exactly one result from SQL query, but got no results.')
    }
    if (this.#ahead !== undefined) {
      this.#ahead = undefined
      this.#rows.end()
      throw new Error('Expected exactly one result from SQL query, but got multiple results.')
    }
    return this.#toRow(values)
  }

  /** The rows as arrays, duplicate column names kept. */
  raw(): RawIterator {
    if (!(#rows in Object(this))) throw illegalInvocation()
    return new RawIterator(this)
  }

  [Symbol.iterator](): RowIterator {
    if (!(#rows in Object(this))) throw illegalInvocation()
    return new RowIterator(this)
  }

  #take(): SqlValue[] | undefined {
    this.#access()
    const values = this.#ahead
    if (values !== undefined) this.#ahead = this.#rows.next()
    return values
  }

  #takeAll(): SqlValue[][] {
    this.#access()
    const first = this.#ahead
    if (first === undefined) return []
    // First: a cursor that was cancelled says so each time.
    const rows = this.#rows.drain()
    this.#ahead = undefined
    rows.unshift(first)
    return rows
  }

  #toRow(values: readonly SqlValue[]): SqlRow {
    const names = this.#names
    const row: SqlRow = {}
    for (let i = 0; i < names.length; i += 1) row[names[i] as string] = values[i] as SqlValue
    return row
  }

  static {
    takeRow = (cursor) => cursor.#take()
    takeRows = (cursor) => cursor.#takeAll()
    shapeRow = (cursor, values) => cursor.#toRow(values)
  }
}

// What the iterators share. It takes all rows at once faster than one by one, in a class of its own
// because the classes that programs see have no member but `next`.
class CursorIterator<T> extends Iterator<T, undefined> {
  readonly #cursor: Cursor
  readonly #shape: (values: SqlValue[]) => T

  constructor(cursor: Cursor, shape: (values: SqlValue[]) => T) {
    super()
    this.#cursor = cursor
    this.#shape = shape
  }

  next(): IteratorResult<T, undefined> {
    if (!(#cursor in Object(this))) throw illegalInvocation()
    const values = takeRow(this.#cursor)
    return values === undefined
      ? { done: true, value: undefined }
      : { done: false, value: this.#shape(values) }
  }

  override toArray(): T[] {
    if (!(#cursor in Object(this))) throw illegalInvocation()
    return takeRows(this.#cursor).map(this.#shape)
  }
}

/** The rows of a cursor as objects; what it takes the cursor no longer has. */
export class RowIterator extends CursorIterator<SqlRow> {
  /** @internal */
  constructor(cursor: Cursor) {
    super(cursor, (values) => shapeRow(cursor, values))
  }

  override next(): IteratorResult<SqlRow, undefined> {
    return super.next()
  }
}

/** The rows of a cursor as arrays. */
export class RawIterator extends CursorIterator<SqlValue[]> {
  /** @internal */
  constructor(cursor: Cursor) {
    super(cursor, (values) => values)
  }

  override next(): IteratorResult<SqlValue[], undefined> {
    return super.next()
  }
}

/** What `prepare()` gives on the reference, to its experiments alone: nobody can make one here. */
export class Statement {
  constructor() {
    throw new TypeError('Illegal constructor')
  }
}

definePlatformClass(SqlStorage, 'SqlStorage')
definePlatformClass(Cursor, 'Cursor')
definePlatformClass(Statement, 'Statement')
definePlatformClass(RowIterator, 'RowIterator')
definePlatformClass(RawIterator, 'RawIterator')
