import type { OpenRead } from './open-reads.ts'
import type { Prepared, SqlDatabase } from './sql-database.ts'
import type { Run } from './sql-row-counts.ts'
import { type SqlIntegers, type SqlValue, toValues } from './sql-values.ts'

/** The rows of one statement, and what it cost. */
export interface SqlRows {
  readonly columnNames: readonly string[]
  /** The next row; undefined after the last. */
  next(): SqlValue[] | undefined
  /** All rows that are left. */
  drain(): SqlValue[][]
  /** Lets go of the rows that were not taken. */
  end(): void
  readonly rowsRead: number
  readonly rowsWritten: number
}

/** Rows of a statement that only reads: each is looked for when it is asked for. */
export class LazyRows implements SqlRows {
  readonly columnNames: readonly string[]
  readonly rowsWritten = 0
  readonly #sql: SqlDatabase
  readonly #prepared: Prepared
  readonly #read: OpenRead
  readonly #integers: SqlIntegers
  readonly #advance: () => unknown[] | undefined
  #first: unknown[] | undefined
  #isFirst = true
  #returned = 0
  #rowsRead: number | undefined

  constructor(
    sql: SqlDatabase,
    given: { readonly prepared: Prepared; readonly read: OpenRead; readonly integers: SqlIntegers },
  ) {
    const { prepared, read } = given
    this.#integers = given.integers
    this.#sql = sql
    this.#prepared = prepared
    this.#read = read
    this.#advance = () => read.next()
    this.#first = sql.step(prepared, this.#advance)
    this.columnNames = sql.columnNames(prepared)
  }

  next(): SqlValue[] | undefined {
    let row: unknown[] | undefined
    if (this.#isFirst) {
      row = this.#first
      this.#first = undefined
      this.#isFirst = false
    } else {
      row = this.#sql.step(this.#prepared, this.#advance)
    }
    if (row === undefined) return undefined
    this.#returned += 1
    return toValues(row, this.#integers)
  }

  drain(): SqlValue[][] {
    const rows: SqlValue[][] = []
    const first = this.#isFirst ? this.next() : undefined
    if (first !== undefined) rows.push(first)
    this.#sql.step(this.#prepared, () => {
      for (let row = this.#read.next(); row !== undefined; row = this.#read.next()) {
        rows.push(toValues(row, this.#integers))
        this.#returned += 1
      }
    })
    return rows
  }

  end(): void {
    this.#read.stop()
  }

  get rowsRead(): number {
    if (!this.#read.isEnded) return this.#returned
    const { sql, effects } = this.#prepared
    const run = { sql, effects, didChangeSchema: false, changes: 0, returned: this.#returned }
    this.#rowsRead ??= this.#sql.countRead(run)
    return this.#rowsRead
  }
}

/** Rows of a statement that wrote: it has run to its end. */
export class WrittenRows implements SqlRows {
  readonly columnNames: readonly string[]
  readonly #sql: SqlDatabase
  readonly #rows: readonly unknown[][]
  readonly #run: Run
  readonly #integers: SqlIntegers
  #taken = 0
  #rowsRead: number | undefined
  #rowsWritten: number | undefined

  constructor(
    sql: SqlDatabase,
    given: {
      readonly columnNames: readonly string[]
      readonly rows: readonly unknown[][]
      readonly run: Run
      readonly integers: SqlIntegers
    },
  ) {
    this.#sql = sql
    this.columnNames = given.columnNames
    this.#rows = given.rows
    this.#run = given.run
    this.#integers = given.integers
  }

  next(): SqlValue[] | undefined {
    const row = this.#rows[this.#taken]
    if (row === undefined) return undefined
    this.#taken += 1
    return toValues(row, this.#integers)
  }

  drain(): SqlValue[][] {
    const rows = this.#rows.slice(this.#taken)
    this.#taken = this.#rows.length
    return rows.map((row) => toValues(row, this.#integers))
  }

  end(): void {
    this.#taken = this.#rows.length
  }

  get rowsRead(): number {
    this.#rowsRead ??= this.#sql.countRead(this.#run)
    return this.#rowsRead
  }

  get rowsWritten(): number {
    this.#rowsWritten ??= this.#sql.countWritten(this.#run)
    return this.#rowsWritten
  }
}
