import { DurableObject } from 'cloudflare:workers'

export class Store extends DurableObject {
  async write(key: string, bytes: number): Promise<number> {
    await this.ctx.storage.put(key, 'x'.repeat(bytes))
    return (await this.ctx.storage.list()).size
  }

  /** Leaves a cursor open, which blocks a checkpoint. */
  async openCursor(): Promise<number> {
    this.ctx.storage.sql.exec('CREATE TABLE IF NOT EXISTS t (x)')
    this.ctx.storage.sql.exec('INSERT INTO t VALUES (1), (2), (3)')
    Object.assign(this, { cursor: this.ctx.storage.sql.exec('SELECT * FROM t') })
    return 3
  }
}

export default {
  async fetch(request: Request, env: { Store: DurableObjectNamespace<Store> }): Promise<Response> {
    const url = new URL(request.url)
    if (url.pathname === '/bad-status-text') return new Response('x', { statusText: 'a\nb' })
    if (url.pathname === '/ignore') return new Response('ignored the body')
    const store = env.Store.getByName(url.searchParams.get('name') ?? '')
    if (url.pathname === '/cursor') return Response.json(await store.openCursor())
    const key = url.searchParams.get('key') ?? ''
    return Response.json(await store.write(key, Number(url.searchParams.get('bytes'))))
  },
}
