// A worker whose tests are its own methods: POST /<scenario> runs one and answers with JSON.

import { DurableObject, RpcTarget } from 'cloudflare:workers'

interface Env {
  Probe: DurableObjectNamespace<Probe>
  Picky: DurableObjectNamespace<Picky>
  Plain: DurableObjectNamespace
}

type Told = { name: string; message: string; [property: string]: unknown }

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

const tell = (error: unknown): Told => {
  const { name, message } = error as Error
  return { name, message, ...(error as object) }
}

const refusal = async (run: () => Promise<unknown>): Promise<unknown> => {
  const { name, message } = (await outcome(run)) as { name: unknown; message: unknown }
  return { name, message }
}
const outcome = async (run: () => Promise<unknown>): Promise<unknown> => {
  try {
    return await run()
  } catch (error) {
    return tell(error)
  }
}

let instances = 0
let shared: PromiseWithResolvers<string> | undefined

class Doubler extends RpcTarget {
  double(x: number): number {
    return 2 * x
  }
}

export class Probe extends DurableObject<Env> {
  log: string[] = []
  instance = (instances += 1)

  note(text: string): string {
    this.log.push(text)
    return text
  }

  getLog(): string[] {
    return this.log
  }

  getInstance(): number {
    return this.instance
  }

  async increment(key: string): Promise<number> {
    const next = ((await this.ctx.storage.get<number>(key)) ?? 0) + 1
    await this.ctx.storage.put(key, next)
    return next
  }

  async read(key: string): Promise<unknown> {
    return this.ctx.storage.get(key)
  }

  async abortAfterPut(): Promise<void> {
    this.ctx.storage.put('aborted', 1)
    this.ctx.abort('enough')
  }

  async slow(): Promise<string> {
    await wait(5000)
    return 'late'
  }

  async awaitShared(): Promise<string> {
    shared = Promise.withResolvers()
    const value = await shared.promise
    this.log.push('continued')
    return `${value} ${await this.ctx.storage.get('k')}`
  }

  async settleShared(): Promise<void> {
    shared?.resolve('shared')
    this.log.push('settled')
  }

  async timersAndSections(): Promise<string[]> {
    const order: string[] = []
    const ticks: number[] = []
    const interval = setInterval(() => ticks.push(1), 5)
    setTimeout((text: string) => order.push(text), 5, 'outside')
    await this.ctx.blockConcurrencyWhile(async () => {
      setTimeout(() => order.push('inside'), 10)
      await scheduler.wait(40)
      order.push('section')
    })
    await wait(1)
    // While the section ran, one tick waited at the gate, not eight.
    order.push(`ticks ${ticks.length <= 2}`)
    clearInterval(interval)
    const cleared = setTimeout(() => order.push('never'), 1)
    clearTimeout(cleared)
    order.push(typeof cleared)
    setImmediate(() => order.push('immediate'))
    await wait(5)
    return order
  }

  async deepSections(depth: number): Promise<string> {
    const go = (left: number): Promise<string> =>
      left === 0 ? Promise.resolve('bottom') : this.ctx.blockConcurrencyWhile(() => go(left - 1))
    return go(depth)
  }

  async cryptoAndBodies(): Promise<unknown> {
    const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode('x'))
    const form = new FormData()
    form.set('a', 'b')
    const parsed = await new Response(form).formData()
    const response = new Response('{"a":1}', { headers: { 'x-a': '1' }, status: 201 })
    const copy = response.clone()
    const stream = new ReadableStream({
      start(controller) {
        controller.enqueue(new TextEncoder().encode('chunk'))
        controller.close()
      },
    })
    const used = new Response('once')
    await used.text()
    return {
      digest: new Uint8Array(digest)[0],
      form: parsed.get('a'),
      json: await response.json(),
      copy: [await copy.text(), copy.status, copy.headers.get('x-a')],
      stream: await new Response(stream).text(),
      bytes: [...(await new Response(new Uint8Array([1, 2])).bytes())],
      blob: (await new Response('b').blob()).size,
      used: await outcome(() => used.text()),
      type: new Response('t').headers.get('content-type'),
      isResponse: Response.json({}) instanceof Response,
      none: new Response(null).body,
      request: await new Request('http://x/', { method: 'post', body: 'up' }).text(),
      badUrl: await outcome(async () => new Request('/rel')),
      badStatus: await outcome(async () => new Response('', { status: 99 })),
      body: new TextDecoder().decode(
        (await new Response('via body').body?.getReader().read())?.value,
      ),
    }
  }

  async values(): Promise<unknown> {
    const other = this.env.Probe.getByName('values')
    const cyclic: Record<string, unknown> = { date: new Date(1), map: new Map([[1, new Set([2])]]) }
    cyclic['self'] = cyclic
    const echoed = (await other.echo(cyclic)) as Record<string, unknown>
    const sent = { n: 1 }
    const call = other.echo(sent)
    sent.n = 2
    return {
      cyclic: echoed['self'] === echoed && echoed !== cyclic,
      date: (echoed['date'] as Date).getTime(),
      map: [...((echoed['map'] as Map<number, Set<number>>).get(1) ?? [])],
      snapshot: await call,
      callback: await other.callBack((x: number) => x + this.log.length),
      target: await other.callTarget(new Doubler()),
      stub: await other.echoStub(other),
      refused: await refusal(() => other.echo(Symbol('s'))),
      instance: await refusal(() => other.echo(new (class Foo {})())),
      error: tell(await other.echo(Object.assign(new RangeError('r'), { code: 7 }))),
    }
  }

  echo(value: unknown): unknown {
    return value
  }

  async callBack(callback: (x: number) => number): Promise<number> {
    return callback(41)
  }

  async callTarget(target: Doubler): Promise<number> {
    return target.double(4)
  }

  async echoStub(stub: DurableObjectStub<Probe>): Promise<string> {
    return String(await stub.echo('through a passed stub'))
  }

  throwNamed(): never {
    throw Object.assign(new SyntaxError('named'), { code: 'E1' })
  }

  override async fetch(request: Request): Promise<Response> {
    const url = new URL(request.url)
    if (url.pathname === '/throw') throw new RangeError('from fetch')
    return new Response(`${request.method} ${url.pathname} ${await request.text()}`, {
      status: 203,
    })
  }

  async upstream(address: string): Promise<unknown> {
    const response = await fetch(address, { method: 'POST', body: 'hello' })
    const sections: string[] = []
    await this.ctx.blockConcurrencyWhile(async () => {
      sections.push(await (await fetch(address)).text())
    })
    const reader = (await fetch(address)).body?.getReader()
    let bytes = 0
    for (;;) {
      const { done, value } = (await reader?.read()) ?? { done: true, value: undefined }
      if (done) break
      bytes += (value as Uint8Array).byteLength
    }
    return { status: response.status, text: await response.text(), sections, bytes }
  }

  async unhandled(): Promise<string> {
    void Promise.reject(new Error('nobody awaits'))
    await wait(10)
    return 'alive'
  }

  async uncaught(): Promise<string> {
    setTimeout(() => {
      throw new Error('in a timer')
    }, 1)
    queueMicrotask(() => {
      throw new Error('in a microtask')
    })
    await wait(10)
    return 'alive'
  }
}

/** Its constructor works in storage, and fails for some names. */
export class Picky extends DurableObject<Env> {
  ready = false

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env)
    if (ctx.id.name === 'throws') throw new TypeError('not you')
    void ctx.blockConcurrencyWhile(async () => {
      await wait(20)
      if (ctx.id.name === 'fails') throw new TypeError('not ready')
      this.ready = true
    })
  }

  isReady(): boolean {
    return this.ready
  }
}

export class Plain {
  fetch(): Response {
    return new Response('plain')
  }
}

const scenarios: Record<string, (env: Env, query: URLSearchParams) => Promise<unknown>> = {
  increment: (env, query) => env.Probe.getByName(query.get('name') ?? '').increment('k'),
  instance: (env, query) => env.Probe.getByName(query.get('name') ?? '').getInstance(),
  uncaught: (env) => env.Probe.getByName('uncaught').uncaught(),
  unhandled: (env) => env.Probe.getByName('uncaught').unhandled(),
  timersAndSections: (env) => env.Probe.getByName('timers').timersAndSections(),
  cryptoAndBodies: (env) => env.Probe.getByName('bodies').cryptoAndBodies(),
  values: (env) => env.Probe.getByName('caller').values(),
  upstream: (env, query) => env.Probe.getByName('upstream').upstream(query.get('address') ?? ''),
  async order(env) {
    const stub = env.Probe.getByName('order')
    await Promise.all(Array.from({ length: 50 }, (_, i) => stub.note(String(i))))
    return stub.getLog()
  },
  async sections(env) {
    const stub = env.Probe.getByName('sections')
    const deep = await stub.deepSections(64)
    return [deep, await outcome(() => stub.deepSections(65))]
  },
  async abort(env) {
    const stub = env.Probe.getByName('abort')
    await stub.increment('k')
    const underWay = outcome(() => stub.slow())
    const requestUnderWay = outcome(() =>
      stub.fetch('http://x/', { method: 'POST', body: stuck() }),
    )
    const aborted = await outcome(() => stub.abortAfterPut())
    const fresh = env.Probe.getByName('abort')
    return {
      aborted,
      underWay: await underWay,
      requestUnderWay: await requestUnderWay,
      sameStub: await outcome(() => stub.read('k')),
      kept: await fresh.read('k'),
      undone: (await fresh.read('aborted')) ?? null,
    }
  },
  async confirmedAfterAbort(env) {
    const startedAt = Date.now()
    const stub = env.Probe.getByName('unconfirmed')
    const write = outcome(() => stub.increment('k'))
    await outcome(() => stub.abortAfterPut())
    const fresh = env.Probe.getByName('unconfirmed')
    const value = await fresh.read('k')
    return { value, afterMs: Date.now() - startedAt, write: await write }
  },
  async constructors(env) {
    const results: Record<string, unknown> = {}
    for (const name of ['good', 'throws', 'fails']) {
      const stub = env.Picky.getByName(name)
      results[name] = await outcome(() => stub.isReady())
    }
    return results
  },
  async strays(env) {
    const waiting = env.Probe.getByName('b')
    await waiting.increment('k')
    const answer = waiting.awaitShared()
    await env.Probe.getByName('a').settleShared()
    return [await answer, await waiting.getLog()]
  },
  async errors(env) {
    const stub = env.Probe.getByName('errors')
    const named = await outcome(async () => stub.throwNamed())
    const anyStub = stub as unknown as Record<string, () => Promise<unknown>>
    return {
      named: {
        ...(named as Told),
        durableObjectId: (named as Told)['durableObjectId'] === String(stub.id),
      },
      fetch: await outcome(() => stub.fetch('http://x/throw')),
      missing: await outcome(async () => anyStub['nope']?.()),
      field: await outcome(async () => anyStub['log']?.()),
      reserved: await outcome(async () => anyStub['alarm']?.()),
      plain: await outcome(async () =>
        (env.Plain.getByName('p') as unknown as typeof anyStub)['x']?.(),
      ),
      plainFetch: await (await env.Plain.getByName('p').fetch('http://x/')).text(),
      relative: await outcome(() => stub.fetch('/rel')),
      foreignId: await outcome(async () => env.Picky.get(stub.id)),
    }
  },
}

/** A body that never ends. */
function stuck(): ReadableStream {
  return new ReadableStream({ pull: () => new Promise(() => {}) })
}

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const url = new URL(request.url)
    if (url.pathname === '/stub') {
      return env.Probe.getByName('f').fetch(request)
    }
    const scenario = scenarios[url.pathname.slice(1)]
    if (scenario === undefined) return new Response('no such scenario', { status: 404 })
    return Response.json((await scenario(env, url.searchParams)) ?? null)
  },
}
