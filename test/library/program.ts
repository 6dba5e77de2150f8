import { DurableObject } from 'cloudflare:workers'

export class Store extends DurableObject {
  async write(key: string, bytes: number): Promise<number> {
    await this.ctx.storage.put(key, 'x'.repeat(bytes))
    return (await this.ctx.storage.list()).size
  }
}

export default {
  async fetch(request: Request, env: { Store: DurableObjectNamespace<Store> }): Promise<Response> {
    const url = new URL(request.url)
    if (url.pathname === '/bad-status-text') return new Response('x', { statusText: 'a\nb' })
    if (url.pathname === '/ignore') return new Response('ignored the body')
    const store = env.Store.getByName(url.searchParams.get('name') ?? '')
    const key = url.searchParams.get('key') ?? ''
    return Response.json(await store.write(key, Number(url.searchParams.get('bytes'))))
  },
}
