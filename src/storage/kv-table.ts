import type { OpenReads } from './open-reads.ts'
import type { DatabaseSync, StatementSync } from './sqlite.ts'
import { decodeValue } from './values.ts'

export interface KvListOptions {
  start?: string | undefined
  startAfter?: string | undefined
  end?: string | undefined
  prefix?: string | undefined
  reverse?: boolean | undefined
  limit?: number | undefined
}

/** The statements over the table `_cf_KV`. Keys are ordered by their UTF-8 bytes. */
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

  get(key: string): unknown {
    const row = this.#get.get(key) as unknown as [Uint8Array] | undefined
    return row === undefined ? undefined : decodeValue(row[0])
  }

  put(key: string, value: Uint8Array): void {
    this.#put.run(key, value)
  }

  delete(key: string): boolean {
    return Number(this.#delete.run(key).changes) > 0
  }

  clear(): void {
    this.#db.exec('DELETE FROM _cf_KV')
  }

  /** @throws TypeError with the reference's text when the options contradict each other */
  list(options: KvListOptions): IterableIterator<[string, unknown]> {
    return this.#iterate(planList(options))
  }

  *#iterate({ sql, values }: ListPlan): IterableIterator<[string, unknown]> {
    let statement = this.#lists.get(sql)
    // In use by an iteration that goes on: that one keeps it.
    this.#lists.delete(sql)
    if (statement === undefined) {
      statement = this.#db.prepare(sql)
      statement.setReturnArrays(true)
    }
    const read = this.#reads.open(statement.iterate(...values))
    try {
      for (let row = read.next(); row !== undefined; row = read.next()) {
        yield [row[0] as string, decodeValue(row[1] as Uint8Array)]
      }
      this.#lists.set(sql, statement)
    } finally {
      read.stop()
    }
  }
}

interface ListPlan {
  readonly sql: string
  readonly values: readonly (string | number)[]
}

function planList(options: KvListOptions): ListPlan {
  const { start, startAfter, end, prefix, limit } = options
  if (start !== undefined && startAfter !== undefined) {
    throw new TypeError('list() cannot be called with both start and startAfter values.')
  }
  if (limit !== undefined && !(Number(limit) > 0))
    throw new TypeError('List limit must be positive.')
  const conditions: string[] = []
  const values: (string | number)[] = []
  const add = (condition: string, value: string | undefined): void => {
    if (value === undefined) return
    conditions.push(condition)
    values.push(String(value))
  }
  add('key >= ?', start)
  add('key > ?', startAfter)
  add('key < ?', end)
  if (prefix !== undefined && prefix !== '') {
    add('key >= ?', prefix)
    add('key < ?', successor(prefix))
  }
  const where = conditions.length === 0 ? '' : ` WHERE ${conditions.join(' AND ')}`
  const order = options.reverse === true ? 'DESC' : 'ASC'
  const count = limit === undefined ? '' : ' LIMIT ?'
  if (limit !== undefined) values.push(Math.floor(Number(limit)))
  return { sql: `SELECT key, value FROM _cf_KV${where} ORDER BY key ${order}${count}`, values }
}

/** The least text that sorts after everything beginning with `prefix`; undefined when none does. */
function successor(prefix: string): string | undefined {
  const points = Array.from(prefix, (character) => character.codePointAt(0) ?? 0)
  for (let last = points.pop(); last !== undefined; last = points.pop()) {
    if (last === 0x10_ffff) continue
    // Behind the last code point before the surrogates come those after them.
    const next = last === 0xd7ff ? 0xe000 : last + 1
    return String.fromCodePoint(...points, next)
  }
  return undefined
}
