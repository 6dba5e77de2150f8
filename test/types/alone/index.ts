// A program that never heard of Cloudflare.

import { DurableObject, RpcTarget } from 'sluice/workers'

class Step extends RpcTarget {
  #counter: Counter

  constructor(counter: Counter) {
    super()
    this.#counter = counter
  }

  take(by: number): Promise<number> {
    return this.#counter.add(by)
  }
}

export class Counter extends DurableObject<Env> {
  async add(by: number): Promise<number> {
    const count = ((await this.ctx.storage.get<number>('count')) ?? 0) + by
    await this.ctx.storage.put('count', count)
    return count
  }

  step(): Step {
    return new Step(this)
  }
}

interface Env {
  COUNTER: DurableObjectNamespace<Counter>
}

export default {
  async fetch(_request: Request, env: Env): Promise<Response> {
    const counter = env.COUNTER.getByName('c')
    using step = await counter.step()
    return Response.json([await counter.add(1), await step.take(2), await counter.step().take(3)])
  },
} satisfies ExportedHandler<Env>
