// A worker whose tests are its own methods: GET /<scenario> runs one and answers with JSON.

import { DurableObject } from 'cloudflare:workers'

interface Env {
  Probe: DurableObjectNamespace<Probe>
}

export class Probe extends DurableObject<Env> {
  log: string[] = []

  async loop(name: string, options?: DurableObjectGetOptions): Promise<void> {
    for (let i = 0; i < 3; i += 1) {
      this.log.push(`${name}${i}`)
      await this.ctx.storage.get(`${name}${i}`, options)
    }
    this.log.push(`${name}end`)
  }

  getLog(): string[] {
    return this.log
  }

  async add(key: string): Promise<number> {
    const next = ((await this.ctx.storage.get<number>(key)) ?? 0) + 1
    await this.ctx.storage.put(key, next)
    return next
  }

  async timings(): Promise<Record<string, number>> {
    const { storage } = this.ctx
    const timings: Record<string, number> = {}
    const time = async (name: string, run: () => Promise<unknown>): Promise<void> => {
      const startedAt = Date.now()
      await run()
      timings[name] = Date.now() - startedAt
    }
    await time('get', () => storage.get('t'))
    await time('put', () => storage.put('t', 1))
    await time('cached', () => storage.get('t'))
    await time('sync', () => storage.sync())
    await time('list', () => storage.list())
    return timings
  }

  async refusals(): Promise<unknown> {
    const { storage } = this.ctx
    const attempt = async (run: () => unknown): Promise<string> => {
      try {
        return JSON.stringify(await run())
      } catch (error) {
        return String(error)
      }
    }
    return {
      sql: await attempt(() => storage.sql),
      kv: await attempt(() => storage.kv),
      sync: await attempt(() => storage.transactionSync(() => 1)),
      key: await attempt(() => storage.get('é'.repeat(1025))),
      putKey: await attempt(() => storage.put('x'.repeat(2049), 1)),
      value: await attempt(() => storage.put('v', new Uint8Array(131_100))),
      pairs: await attempt(() => storage.get(Array.from({ length: 129 }, (_, i) => `${i}`))),
      uncloneable: await attempt(() => storage.put({ a: 1, b: () => 1 })),
      notWritten: (await storage.get('a')) ?? null,
      undefinedValue: await attempt(() => storage.put('u', undefined)),
      limit: await attempt(() => storage.list({ limit: 0 })),
      both: await attempt(() => storage.list({ start: 'a', startAfter: 'a' })),
      largest: await attempt(() => storage.put('x'.repeat(2048), new Uint8Array(131_072))),
    }
  }

  async everything(): Promise<unknown> {
    const { storage } = this.ctx
    await storage.put({ a: 1, b: { deep: new Map([[1, 'x']]) }, c: 3 })
    const inner = storage.transaction(async (txn) => {
      await txn.put('d', 4)
      await txn.delete('a')
      throw new Error('rolled back')
    })
    const error = await inner.catch((reason: unknown) => String(reason))
    const list = await storage.list({ reverse: true, limit: 2 })
    const deleted = await storage.delete(['a', 'x'])
    const rest = [...(await storage.list()).keys()]
    await storage.deleteAll()
    return { error, list: [...list.keys()], deleted, rest, size: (await storage.list()).size }
  }

  async abortAfterPut(): Promise<void> {
    void this.ctx.storage.put('k', 'aborted')
    this.ctx.abort('enough')
  }

  async read(key: string): Promise<unknown> {
    return this.ctx.storage.get(key)
  }
}

const scenarios: Record<string, (env: Env, query: URLSearchParams) => Promise<unknown>> = {
  timings: (env) => env.Probe.getByName('timings').timings(),
  refusals: (env) => env.Probe.getByName('refusals').refusals(),
  everything: (env) => env.Probe.getByName('everything').everything(),
  add: (env, query) => env.Probe.getByName(query.get('name') ?? '').add('n'),
  async loops(env) {
    const logs: Record<string, string[]> = {}
    for (const allowConcurrency of [false, true]) {
      const stub = env.Probe.getByName(`loops ${allowConcurrency}`)
      const options = { allowConcurrency }
      await Promise.all([stub.loop('A', options), stub.loop('B', options)])
      logs[String(allowConcurrency)] = await stub.getLog()
    }
    return logs
  },
  async adds(env) {
    const stub = env.Probe.getByName('adds')
    return Promise.all(Array.from({ length: 20 }, () => stub.add('n')))
  },
  async abort(env) {
    const stub = env.Probe.getByName('abort')
    await stub.add('k')
    const aborted = await stub.abortAfterPut().catch((error: unknown) => String(error))
    return [aborted, await env.Probe.getByName('abort').read('k')]
  },
}

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const url = new URL(request.url)
    const scenario = scenarios[url.pathname.slice(1)]
    if (scenario === undefined) return new Response('no such scenario', { status: 404 })
    return Response.json((await scenario(env, url.searchParams)) ?? null)
  },
}
