// Storage of every kind, with the types that a program for Cloudflare is written in.

import { DurableObject, RpcTarget } from 'cloudflare:workers'
import type { Env } from './index.ts'

interface EntryRow extends Record<string, SqlStorageValue> {
  id: number
  text: string
}

/** What a caller holds of an entry. */
export class Entry extends RpcTarget {
  #ledger: Ledger
  #id: number

  constructor(ledger: Ledger, id: number) {
    super()
    this.#ledger = ledger
    this.#id = id
  }

  read(): string {
    return this.#ledger.textOf(this.#id)
  }
}

export class Ledger extends DurableObject<Env> {
  readonly #rung: AlarmInvocationInfo[] = []

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env)
    void ctx.blockConcurrencyWhile(async () => {
      const cursor: SqlStorageCursor<Record<string, SqlStorageValue>> = ctx.storage.sql.exec(
        'CREATE TABLE IF NOT EXISTS entries (id INTEGER PRIMARY KEY, text TEXT)',
      )
      await ctx.storage.put('columns', cursor.columnNames)
    })
  }

  add(text: string): Entry {
    const { id } = this.ctx.storage.sql
      .exec<EntryRow>('INSERT INTO entries (text) VALUES (?) RETURNING *', text)
      .one()
    return new Entry(this, id)
  }

  textOf(id: number): string {
    return this.ctx.storage.sql.exec<EntryRow>('SELECT * FROM entries WHERE id = ?', id).one().text
  }

  rows(): EntryRow[] {
    const cursor = this.ctx.storage.sql.exec<EntryRow>('SELECT * FROM entries ORDER BY id')
    const rows: EntryRow[] = []
    for (const row of cursor) rows.push(row)
    return cursor.rowsRead >= rows.length && cursor.rowsWritten === 0 ? rows : []
  }

  raw(): SqlStorageValue[][] {
    const size: number = this.ctx.storage.sql.databaseSize
    if (size === 0) throw new Error('an empty database has a size')
    return [...this.ctx.storage.sql.exec('SELECT id, text FROM entries').raw()]
  }

  async keys(): Promise<string[]> {
    const storage: DurableObjectStorage = this.ctx.storage
    await storage.put({ b: 2, a: 1 }, { allowUnconfirmed: true })
    await storage.put<number>('c', 3, { noCache: true, allowConcurrency: true })
    const one: number | undefined = await storage.get<number>('a', { noCache: true })
    const several: Map<string, number> = await storage.get<number>(['a', 'b'])
    const isDeleted: boolean = await storage.delete('c')
    const count: number = await storage.delete(['x', 'y'], { allowUnconfirmed: true })
    const listed: Map<string, number> = await storage.list<number>({
      start: 'a',
      end: 'c',
      prefix: '',
      reverse: true,
      limit: 10,
    })
    await storage.sync()
    return [...listed.keys(), `${one} ${several.size} ${isDeleted} ${count}`]
  }

  syncKeys(): [string, unknown][] {
    const { kv } = this.ctx.storage
    kv.put('k', { nested: [1] })
    const found: { nested: number[] } | undefined = kv.get<{ nested: number[] }>('k')
    if (found?.nested[0] !== 1 || kv.delete('none')) throw new Error('kv differs')
    return [...kv.list<unknown>({ prefix: 'k', limit: 1 })]
  }

  async transactions(): Promise<number[]> {
    const { storage } = this.ctx
    const inner: number = await storage.transaction(async (txn: DurableObjectTransaction) => {
      await txn.put('t', 1)
      await txn.setAlarm(Date.now() + 3_600_000)
      const at: number | null = await txn.getAlarm()
      txn.rollback()
      return at === null ? 0 : 1
    })
    const sync: number = storage.transactionSync(() => 2)
    return [inner, sync, (await storage.get<number>('t')) ?? -1]
  }

  async ring(): Promise<void> {
    await this.ctx.storage.setAlarm(new Date(Date.now() + 5), { allowUnconfirmed: false })
  }

  override async alarm(info?: AlarmInvocationInfo): Promise<void> {
    if (info !== undefined) this.#rung.push(info)
  }

  async rung(): Promise<boolean> {
    for (let i = 0; i < 500 && this.#rung.length === 0; i++) await scheduler.wait(20)
    const [info] = this.#rung
    return info !== undefined && !info.isRetry && info.retryCount === 0 && info.scheduledTime > 0
  }

  async callBack(add: (a: number, b: number) => Promise<number>): Promise<number> {
    return (await add(1, 2)) + 1
  }

  ownName(): string | undefined {
    const id: DurableObjectId = this.ctx.id
    this.ctx.waitUntil(Promise.resolve())
    return id.name
  }

  async forget(): Promise<void> {
    await this.ctx.storage.deleteAlarm()
    await this.ctx.storage.deleteAll()
  }

  override async fetch(request: Request): Promise<Response> {
    const body: string = await request.text()
    return Response.json({ method: request.method, body, greeting: this.env.GREETING })
  }
}
