import type { KeyRange } from './key-order.ts'
import type { OpenRead, OpenReads } from './open-reads.ts'
import type { DatabaseSync, StatementSync } from './sqlite.ts'

export interface KvListOptions {
  start?: string | undefined
  startAfter?: string | undefined
  end?: string | undefined
  prefix?: string | undefined
  reverse?: boolean | undefined
  limit?: number | undefined
}

/** The statements over the table `_cf_KV`; values are bytes. */
export class KvTable {
  readonly #db: DatabaseSync
  readonly #reads: OpenReads
  readonly #get: StatementSync
  readonly #put: StatementSync
  readonly #delete: StatementSync
  readonly #lists = new Map<string, StatementSync>()

  constructor(db: DatabaseSync, reads: OpenReads) {
    this.#db = db
    this.#reads = reads
    this.#get = db.prepare('SELECT value FROM _cf_KV WHERE key = ?')
    this.#put = db.prepare(
      'INSERT INTO _cf_KV (key, value) VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value',
    )
    this.#delete = db.prepare('DELETE FROM _cf_KV WHERE key = ?')
    this.#get.setReturnArrays(true)
  }

  get(key: string): Uint8Array | undefined {
    const row = this.#get.get(key) as unknown as [Uint8Array] | undefined
    return row?.[0]
  }

  /** @param value undefined deletes the key */
  set(key: string, value: Uint8Array | undefined): void {
    if (value === undefined) this.#delete.run(key)
    else this.#put.run(key, value)
  }

  clear(): void {
    this.#db.exec('DELETE FROM _cf_KV')
  }

  /** The rows of `range` in its order, whatever its limit. The caller stops the read, or ends it. */
  list({ start, startsAfter, end, reverse }: KeyRange): OpenRead {
    const conditions: string[] = []
    const values: string[] = []
    const add = (condition: string, value: string | undefined): void => {
      if (value === undefined) return
      conditions.push(condition)
      values.push(value)
    }
    add(startsAfter ? 'key > ?' : 'key >= ?', start)
    add('key < ?', end)
    const where = conditions.length === 0 ? '' : ` WHERE ${conditions.join(' AND ')}`
    const sql = `SELECT key, value FROM _cf_KV${where} ORDER BY key ${reverse ? 'DESC' : 'ASC'}`
    let statement = this.#lists.get(sql)
    // In use by a read that goes on: that one keeps it.
    this.#lists.delete(sql)
    if (statement === undefined) {
      statement = this.#db.prepare(sql)
      statement.setReturnArrays(true)
    }
    const free = statement
    return this.#reads.open(free.iterate(...values), () => this.#lists.set(sql, free))
  }
}
