// Objects whose every turn leaves a number behind, from which follows what must be stored. Names tell
// what an object uses: k… keys alone, s… SQL alone, b… both, d… both and deferred constraints.

import { DurableObject } from 'cloudflare:workers'
import {
  type AlarmChange,
  type Answer,
  farAlarmAt,
  type Operation,
  type Sizes,
  type Stored,
} from '../operations.ts'

interface Env {
  THING: DurableObjectNamespace<Thing>
}

type Tokens = Record<string, string | null>

let alarmCount = 0

const pause = (ms: number): Promise<void> =>
  new Promise((resolve) => (ms < 1 ? setImmediate(resolve) : setTimeout(resolve, ms)))

// Each value tells which it is; a part of it, or a mix of two, is none.
const expand = (token: string): string =>
  ` ${token}`.repeat(1 + Math.floor(Number(token.split('/')[1]) / (token.length + 1)))

const tokenOf = (value: string): string => {
  const token = value.split(' ')[1] ?? ''
  return value === expand(token) ? token : `broken: ${value.slice(0, 40)}`
}

const tokens = (id: number, sizes: Sizes): Tokens =>
  Object.fromEntries(
    Object.entries(sizes).map(([key, size]) => [key, size === null ? null : `${id}/${size}`]),
  )

export class Thing extends DurableObject<Env> {
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env)
    crashJournal.say({ said: 'woke', object: this.#name })
    if (this.#name.startsWith('d')) this.#makeConstraint()
  }

  async run(operation: Operation): Promise<Answer> {
    const { storage } = this.ctx
    switch (operation.kind) {
      case 'write':
        return this.#turn(operation)
      case 'several':
        this.#turn(operation)
        await pause(operation.pauseMs / 10)
        return this.#turn(operation)
      case 'transaction':
        return await storage.transaction(async () => {
          const written = this.#write(operation)
          await pause(operation.pauseMs / 10)
          return this.#say(operation, written)
        })
      case 'nested':
        return await storage.transaction(async () => {
          await storage
            .transaction(async () => {
              this.#write(operation)
              await pause(operation.pauseMs / 10)
              throw new Error('undone')
            })
            .catch(() => {})
          return this.#turn(operation)
        })
      case 'rollback':
        await storage
          .transaction(async () => {
            this.#write(operation)
            await pause(operation.pauseMs / 10)
            throw new Error('undone')
          })
          .catch(() => {})
        return { id: this.#head() }
      case 'undone':
        try {
          storage.transactionSync(() => {
            this.#write(operation)
            throw new Error('undone')
          })
        } catch {
          // As asked.
        }
        return this.#turn(operation)
      case 'deleteAll': {
        const parent = this.#head()
        await storage.deleteAll()
        return this.#say(operation, {
          parent,
          id: crashJournal.nextId(),
          clears: true,
          kv: {},
          sql: {},
          alarm: {},
        })
      }
      case 'renew': {
        const parent = this.#head()
        await storage.deleteAll()
        const written = this.#write(operation)
        return this.#say(operation, { ...written, parent, clears: true })
      }
      case 'nothing':
        if (this.#hasTable()) storage.sql.exec("UPDATE entries SET token = '' WHERE key = 'nobody'")
        return { id: this.#head() }
      case 'read':
        return { id: this.#head() }
      case 'abort':
        this.#write(operation)
        this.ctx.abort('as asked')
        return { id: 0 }
      case 'violate':
        this.#makeConstraint()
        this.#write(operation)
        storage.sql.exec('INSERT INTO children VALUES (?)', operation.number)
        return { id: 0 }
      case 'spill':
        await storage
          .transaction(async () => {
            this.#makeTable()
            // More than SQLite's cache holds: it goes to the -wal before the end.
            storage.sql.exec(
              `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 600)
               INSERT INTO entries SELECT 'spilled ' || i, '', hex(zeroblob(3900)) FROM n`,
            )
            throw new Error('undone')
          })
          .catch(() => {})
        return this.#turn(operation)
      case 'cursor': {
        if (!this.#hasTable()) return { id: this.#head() }
        // Not at its end for some turns: SQLite cannot empty the -wal meanwhile.
        const rows = storage.sql.exec('SELECT key FROM entries ORDER BY key')
        rows.next()
        await pause(operation.pauseMs)
        const answer = this.#turn(operation)
        await pause(operation.pauseMs / 2)
        rows.toArray()
        return answer
      }
      case 'peek': {
        const seen = await this.env.THING.getByName(operation.other).headOf()
        return this.#turn(operation, [{ object: operation.other, id: seen }])
      }
      case 'unconfirmed':
        return { ...(await this.#turnUnconfirmed(operation)), id: 0 }
      case 'sync': {
        const answer = this.#turn(operation)
        await storage.sync()
        return answer
      }
    }
  }

  // In one turn with its write, and with the end of the alarm.
  override alarm({ scheduledTime }: { scheduledTime: number }): void {
    const sizes = { rung: 20 }
    const isSql = this.#name.startsWith('s')
    const part = isSql ? { kv: {}, sql: sizes } : { kv: sizes, sql: {} }
    const written = this.#write({ ...part, alarm: 'same' })
    const object = this.#name
    const change = { ...written, alarm: { at: null } }
    this.#say({ object, number: 0, kind: 'write' }, change, [], scheduledTime)
  }

  headOf(): number {
    return this.#head()
  }

  async stored(): Promise<Stored> {
    // Answered in this turn; only the promise takes another.
    const alarmAt = this.ctx.storage.getAlarm()
    const tables = this.#tables()
    const at = await alarmAt
    return { ...tables, alarm: at === null ? {} : { at: String(at) } }
  }

  #tables(): Pick<Stored, 'kv' | 'sql'> {
    const kv: Record<string, string> = {}
    for (const [key, value] of this.ctx.storage.kv.list()) {
      kv[key] = key === 'head' ? String(value) : tokenOf(String(value))
    }
    const sql: Record<string, string> = {}
    if (!this.#hasTable()) return { kv, sql }
    for (const row of this.ctx.storage.sql.exec('SELECT key, token, filler FROM entries')) {
      const [key, token, filler] = [String(row['key']), String(row['token']), String(row['filler'])]
      sql[key] = key === 'head' || filler === expand(token) ? token : `broken: ${token}`
    }
    return { kv, sql }
  }

  #turn(operation: Operation, saw: { object: string; id: number }[] = []): Answer {
    return this.#say(operation, this.#write(operation), saw)
  }

  #write({ kv, sql, alarm }: Pick<Operation, 'kv' | 'sql' | 'alarm'>): Written {
    const { storage } = this.ctx
    const parent = this.#head()
    const id = crashJournal.nextId()
    const changes = { kv: tokens(id, kv), sql: tokens(id, sql), alarm: this.#changeAlarm(alarm) }
    const written = { parent, id, clears: false, ...changes }
    for (const [key, token] of Object.entries(written.kv)) {
      if (token === null) storage.kv.delete(key)
      else storage.kv.put(key, expand(token))
    }
    if (Object.keys(kv).length > 0) {
      storage.kv.put('head', String(id))
      written.kv['head'] = String(id)
    }
    if (Object.keys(sql).length === 0) return written
    this.#makeTable()
    written.sql['head'] = String(id)
    for (const [key, token] of Object.entries(written.sql)) {
      if (token === null) storage.sql.exec('DELETE FROM entries WHERE key = ?', key)
      else {
        const filler = key === 'head' ? '' : expand(token)
        storage.sql.exec('INSERT OR REPLACE INTO entries VALUES (?, ?, ?)', key, token, filler)
      }
    }
    return written
  }

  #changeAlarm(change: AlarmChange): Tokens {
    const { storage } = this.ctx
    if (change === 'same') return {}
    if (change === 'none') {
      void storage.deleteAlarm()
      return { at: null }
    }
    const { now } = Date
    // No two are the same.
    alarmCount += 1
    const at = change === 'far' ? farAlarmAt + alarmCount : now() + 2 + (alarmCount % 20)
    // One that was past by now would be stored as now.
    Date.now = () => at
    void storage.setAlarm(at)
    Date.now = now
    return { at: String(at) }
  }

  // Keys alone can be written so.
  async #turnUnconfirmed(operation: Operation): Promise<Answer> {
    const parent = this.#head()
    const id = crashJournal.nextId()
    const kv = { ...tokens(id, operation.kv), head: String(id) }
    const options = { allowUnconfirmed: true }
    for (const [key, token] of Object.entries<string | null>(kv)) {
      if (token === null) await this.ctx.storage.delete(key, options)
      else await this.ctx.storage.put(key, key === 'head' ? token : expand(token), options)
    }
    return this.#say(operation, { parent, id, clears: false, kv, sql: {}, alarm: {} })
  }

  get #name(): string {
    return this.ctx.id.name ?? ''
  }

  #say(
    { object, number, kind }: Pick<Operation, 'object' | 'number' | 'kind'>,
    written: Written,
    saw: Saw = [],
    rang?: number,
  ): Answer {
    const { parent, id, ...change } = written
    const isUnconfirmed = kind === 'unconfirmed'
    crashJournal.say({
      ...{ said: 'turn', object, id, parent, operation: number, isUnconfirmed, change, saw },
      ...(rang === undefined ? {} : { rang }),
    })
    return { id }
  }

  #head(): number {
    const { kv, sql } = this.ctx.storage
    const inKv = Number(kv.get('head') ?? 0)
    if (!this.#hasTable()) return inKv
    const [row] = sql.exec("SELECT token FROM entries WHERE key = 'head'")
    return Math.max(inKv, Number(row?.['token'] ?? 0))
  }

  #hasTable(): boolean {
    if (this.#name.startsWith('k')) return false
    const { sql } = this.ctx.storage
    return [...sql.exec("SELECT 1 FROM sqlite_schema WHERE name = 'entries'")].length > 0
  }

  #makeConstraint(): void {
    const { sql } = this.ctx.storage
    sql.exec('CREATE TABLE IF NOT EXISTS parents (id INTEGER PRIMARY KEY)')
    sql.exec(
      'CREATE TABLE IF NOT EXISTS children (parent REFERENCES parents DEFERRABLE INITIALLY DEFERRED)',
    )
  }

  #makeTable(): void {
    const { sql } = this.ctx.storage
    sql.exec(
      'CREATE TABLE IF NOT EXISTS entries (key TEXT PRIMARY KEY, token TEXT NOT NULL, filler TEXT)',
    )
    sql.exec('CREATE INDEX IF NOT EXISTS by_token ON entries (token)')
  }
}

type Saw = { object: string; id: number }[]

interface Written {
  readonly parent: number
  readonly id: number
  readonly clears: boolean
  readonly kv: Tokens
  readonly sql: Tokens
  readonly alarm: Tokens
}

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url)
    if (pathname === '/') {
      const names = searchParams.getAll('object')
      const read = (name: string): Promise<Stored> => env.THING.getByName(name).stored()
      return Response.json(await Promise.all(names.map(read)))
    }
    const thing = env.THING.getByName(pathname.slice(1))
    const operation = (await request.json()) as Operation
    try {
      return Response.json(await thing.run(operation))
    } catch (error) {
      return new Response((error as Error).message, { status: 500 })
    }
  },
}
