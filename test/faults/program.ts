import { DurableObject } from 'cloudflare:workers'

export class Store extends DurableObject {
  #age = 0
  #cursor: SqlStorageCursor<Record<string, SqlStorageValue>> | undefined

  /** How many calls this instance has had. */
  age(): number {
    return this.#age
  }

  openCursor(): unknown {
    this.#cursor = this.ctx.storage.sql.exec('SELECT x FROM t')
    return this.#cursor.next().value?.['x']
  }

  restOfCursor(): unknown[] {
    return this.#cursor?.toArray().map(({ x }) => x) ?? []
  }

  setCaseSensitive(): void {
    this.ctx.storage.sql.exec('PRAGMA case_sensitive_like = ON')
  }

  isCaseSensitive(): unknown {
    return this.ctx.storage.sql.exec("SELECT 'a' NOT LIKE 'A' AS x").one()['x']
  }

  put(value: string): Promise<void> {
    this.#age += 1
    return this.ctx.storage.put('value', value)
  }

  async get(): Promise<unknown> {
    this.#age += 1
    return (await this.ctx.storage.get('value')) ?? null
  }

  insert(value: string): void {
    this.#age += 1
    this.ctx.storage.sql.exec('CREATE TABLE IF NOT EXISTS t (x)')
    this.ctx.storage.sql.exec('INSERT INTO t VALUES (?)', value)
  }

  rows(): unknown[] {
    this.#age += 1
    return this.ctx.storage.sql
      .exec('SELECT x FROM t')
      .toArray()
      .map(({ x }) => x)
  }
}

type Methods = Record<string, (value: string) => Promise<unknown>>

export default {
  async fetch(request: Request, env: { Store: DurableObjectNamespace<Store> }): Promise<Response> {
    const [, name = '', method = '', value = ''] = new URL(request.url).pathname.split('/')
    if (method === 'id') return Response.json({ value: env.Store.idFromName(name).toString() })
    const store = env.Store.getByName(name) as unknown as Methods
    try {
      const returned = await store[method]?.(value)
      return Response.json({ value: returned ?? null })
    } catch (error) {
      const { message, durableObjectReset } = error as Error & { durableObjectReset?: true }
      return Response.json({ error: message, isReset: durableObjectReset === true })
    }
  },
}
