import { DurableObject } from 'cloudflare:workers'

export class Counter extends DurableObject {
  async add(step: number): Promise<number> {
    const count = ((await this.ctx.storage.get<number>('count')) ?? 0) + step
    await this.ctx.storage.put('count', count)
    return count
  }
}

export default {
  async fetch(request: Request, env: { COUNTER: DurableObjectNamespace<Counter> }) {
    const counter = env.COUNTER.getByName(new URL(request.url).pathname)
    return new Response(`${await counter.add(request.method === 'POST' ? 1 : 0)}\n`)
  },
}
