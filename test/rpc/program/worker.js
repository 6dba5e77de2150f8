// GET /<scenario> runs one and answers with JSON.

import { DurableObject, RpcStub, RpcTarget } from 'cloudflare:workers'

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
const settled = () => sleep(50)

async function attempt(act) {
  try {
    return await act()
  } catch (error) {
    return `${error.name}: ${error.message}`
  }
}

class Counter extends RpcTarget {
  #n
  #log
  constructor(log, n = 0) {
    super()
    this.#log = log
    this.#n = n
  }
  increment() {
    this.#n += 1
    return this.#n
  }
  get at() {
    return Date.now()
  }
  now() {
    return Date.now()
  }
  [Symbol.dispose]() {
    this.#log.push(['disposed', Date.now()])
  }
}

export class Host extends DurableObject {
  log = []
  instance = Math.random()
  counter() {
    return new Counter(this.log)
  }
  now() {
    return Date.now()
  }
  get at() {
    return Date.now()
  }
  echo(value) {
    return value
  }
  takeLog() {
    return this.log.splice(0)
  }
  async many(callee) {
    let calls = 0
    for (let i = 0; i < 100; i += 1) {
      const counter = await callee.counter()
      await counter.increment()
      counter[Symbol.dispose]()
      await callee.counter().increment()
      const both = await callee.both()
      both[Symbol.dispose]()
      await callee.callBack(() => i)
      await callee.echo({ i, list: [i, 'text'] })
      await attempt(() => callee.failWith('text'))
      calls += 6
    }
    await callee.takeLog()
    return calls
  }
  callBack(fn) {
    return fn()
  }
  both() {
    return { first: new Counter(this.log), second: new Counter(this.log) }
  }
  failWith(text) {
    throw Object.assign(new RangeError(text), { own: 1 })
  }
  async resultInSection() {
    const order = []
    const other = this.env.Host.getByName('slow')
    const outside = other.later(10).then(() => order.push('asked outside'))
    await this.ctx.blockConcurrencyWhile(async () => {
      await other.later(60)
      order.push('asked inside')
    })
    await outside
    return order
  }
  async later(ms) {
    await sleep(ms)
  }
  getInstance() {
    return this.instance
  }
  keep(stub) {
    this.kept = stub.dup()
  }
  async forget() {
    for (let i = 0; i < 20; i += 1) await this.env.Host.getByName('leak source').counter()
  }
  async callKept() {
    return await this.kept()
  }
  reset() {
    this.ctx.abort('reset')
  }
  async section(fn) {
    await this.ctx.blockConcurrencyWhile(async () => {
      this.log.push('section begins')
      await fn(() => this.log.push('callback inside'))
      await sleep(50)
      this.log.push('section ends')
    })
  }
  note(text) {
    this.log.push(text)
  }

  // Each gives when it wrote, and when what it sent afterwards arrived.
  async write(way) {
    const other = this.env.Host.getByName(`other ${way}`)
    const counter = await other.counter()
    const before = Date.now()
    this.ctx.storage.put('key', before)
    const after = {
      pipelined: () => other.counter().now(),
      property: () => other.at,
      'pipelined property': () => other.counter().at,
      stub: () => counter.now(),
      argument: async () => (await other.echo(Date.now() && before)) && (await other.now()),
      'own stub': () => new RpcStub(new Counter([])).now(),
      disposal: async () => {
        counter[Symbol.dispose]()
        // Asked by somebody else, whose questions wait for no writes of this object.
        return undefined
      },
    }
    const at = await after[way]()
    return [before, at]
  }
  async writeInCallback(stub) {
    // The object that hosts the function writes in it: what it returns waits.
    return await stub()
  }
  async passWritingFunction(name) {
    const other = this.env.Host.getByName(name)
    return await other.timeOf(() => {
      const at = Date.now()
      this.ctx.storage.put('key', at)
      return at
    })
  }
  async timeOf(fn) {
    const at = await fn()
    return [at, Date.now()]
  }
  async passFailingFunction(name) {
    const other = this.env.Host.getByName(name)
    return await other.timeOfError(() => {
      const at = Date.now()
      this.ctx.storage.put('key', at)
      throw new Error(String(at))
    })
  }
  async timeOfError(fn) {
    try {
      await fn()
    } catch (error) {
      return [Number(error.message), Date.now()]
    }
  }
}

const scenarios = {
  async order({ host }) {
    const results = []
    const counter = host.counter()
    for (let i = 0; i < 10; i += 1) {
      results.push(counter.increment(), host.note(`n${i}`))
    }
    return [await Promise.all(results), await host.takeLog()]
  },
  async section({ host }) {
    let inside
    const running = host.section(async (callback) => {
      inside = callback.dup()
      // Waits for the section, in which the callback runs.
      void host.note('from outside')
      await inside()
    })
    await running
    await host.note('after')
    return await host.takeLog()
  },
  async disposal({ host }) {
    const counter = await host.counter()
    const second = counter.dup()
    counter[Symbol.dispose]()
    await settled()
    const before = (await host.takeLog()).length
    second[Symbol.dispose]()
    await settled()
    return [before, (await host.takeLog()).length, await attempt(() => counter.increment())]
  },
  // The request that holds the stub is over before the next one asks.
  async hold({ host }) {
    const counter = await host.counter()
    return await counter.increment()
  },
  async log({ host }) {
    return (await host.takeLog()).map(([what]) => what)
  },
  async leaveCallback({ host }) {
    await host.keep(() => 'still here')
    return await host.callKept()
  },
  async callKept({ host }) {
    return await attempt(() => host.callKept())
  },
  async keepAlive({ host, waitMs }) {
    const first = await host.getInstance()
    const counter = await host.counter()
    await sleep(waitMs)
    const value = await counter.increment()
    const same = (await host.getInstance()) === first
    counter[Symbol.dispose]()
    await sleep(waitMs)
    return [value, same, (await host.getInstance()) === first]
  },
  async write({ host, query }) {
    return await host.write(query.get('way'))
  },
  async disposalAfterWrite({ env }) {
    const writer = env.Host.getByName('disposal writer')
    const [before] = await writer.write('disposal')
    let log = []
    while (log.length === 0) {
      await sleep(10)
      log = await env.Host.getByName('other disposal').takeLog()
    }
    return [before, log[0][1]]
  },
  async callbackResult({ host }) {
    return await host.passWritingFunction('caller of a function')
  },
  async callbackError({ host }) {
    return await host.passFailingFunction('caller of a failing function')
  },
  async refusals({ host }) {
    const log = []
    const refused = await attempt(() => host.echo([new Counter(log), Symbol('s')]))
    await settled()
    return [
      refused.split('\n')[0],
      log.length,
      await attempt(() => host.echo(new Uint8Array(33 << 20))),
      await attempt(() => host.nope()),
      await attempt(() => host.log()),
    ]
  },
  async contents({ host }) {
    const result = await host.both()
    result[Symbol.dispose]()
    await settled()
    const disposed = (await host.takeLog()).length
    const log = []
    await host.keep(new Counter(log))
    await settled()
    const kept = log.length
    await host.now(new Counter(log))
    await settled()
    return [disposed, Object.keys(result), kept, log.length]
  },
  async argument({ host }) {
    const counter = await host.counter()
    await (await host.echo(counter)).increment()
    return await attempt(() => counter.increment())
  },
  async thrown({ host }) {
    try {
      await host.failWith('text')
    } catch (error) {
      return [error.constructor.name, error.message, Object.keys(error)]
    }
  },
  // 600 calls and disposals, by an object that lives on.
  async many({ host, env }) {
    return await host.many(env.Host.getByName('many callee'))
  },
  // A result that comes while a section runs is delivered after it; asked inside, within.
  async resultInSection({ host }) {
    return await host.resultInSection()
  },
  async hostReset({ host }) {
    const counter = await host.counter()
    await attempt(() => host.reset())
    return [await attempt(() => counter.increment()), await attempt(() => counter.at)]
  },
  // The object lives on; what it got is garbage.
  async forgetInObject({ host }) {
    await host.forget()
    return null
  },
}

export default {
  async fetch(request, env) {
    const url = new URL(request.url)
    const scenario = url.pathname.slice(1)
    const name = url.searchParams.get('name') ?? scenario
    const given = { env, host: env.Host.getByName(name), query: url.searchParams, waitMs: 2600 }
    return Response.json(await scenarios[scenario](given))
  },
}
