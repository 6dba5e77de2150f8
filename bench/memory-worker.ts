// What the memory benchmark keeps in memory: an object with one key, or with one row.

import { DurableObject } from 'cloudflare:workers'

export class Store extends DurableObject {
  #calls = 0

  /** @returns how many calls this instance has had */
  async put(): Promise<number> {
    await this.ctx.storage.put('value', 'a hundred bytes of text. '.repeat(4))
    return (this.#calls += 1)
  }

  insert(): number {
    const { sql } = this.ctx.storage
    sql.exec('CREATE TABLE IF NOT EXISTS t (x)')
    sql.exec('INSERT INTO t VALUES (?)', 'a hundred bytes of text. '.repeat(4))
    return (this.#calls += 1)
  }

  read(): number {
    return (this.#calls += 1)
  }
}

type Methods = Record<string, () => Promise<number>>

export default {
  async fetch(request: Request, env: { Store: DurableObjectNamespace<Store> }): Promise<Response> {
    const [, method = '', name = ''] = new URL(request.url).pathname.split('/')
    const store = env.Store.getByName(name) as unknown as Methods
    return new Response(String(await store[method]?.()))
  },
}
