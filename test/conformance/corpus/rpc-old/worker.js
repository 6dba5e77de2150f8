// Reference 1.14 and 1.15 before the compatibility dates 2026-01-20 and 2026-04-21.

import { DurableObject, RpcStub, RpcTarget } from 'cloudflare:workers'
import { attempt, plain, serve, sleep, Subject } from '../harness.js'

export { Subject }

const settled = () => sleep(300)

class Counter extends RpcTarget {
  #n
  #log
  constructor(log, n) {
    super()
    this.#log = log
    this.#n = n
  }
  increment() {
    this.#n += 1
    return this.#n
  }
  dup() {
    this.#log.push('dup')
    return new Counter(this.#log, this.#n)
  }
  [Symbol.dispose]() {
    this.#log.push(`disposed ${this.#n}`)
  }
}

const thrown = {
  string: () => 'a string',
  object: () => ({ a: 1 }),
  properties: () =>
    Object.assign(new RangeError('with properties'), { a: 1, overloaded: true, retryable: true }),
  retryable: () => Object.assign(new Error('retryable'), { retryable: true }),
  named: () => Object.assign(new Error('named'), { name: 'Whatever' }),
  own_class: () => new (class Mine extends TypeError {})('own class'),
  cause: () => new Error('outer', { cause: new TypeError('inner') }),
  aggregate: () => new AggregateError([new TypeError('one')], 'several'),
  dom: () => new DOMException('dom', 'AbortError'),
  function_property: () => Object.assign(new RangeError('with function'), { fn: () => 1 }),
  reference: () => new ReferenceError('r'),
  eval: () => new EvalError('e'),
  uri: () => new URIError('u'),
  frozen: () => Object.freeze(new Error('frozen')),
}

export class Rpc extends DurableObject {
  log = []
  kept
  counter(n) {
    return new Counter(this.log, n)
  }
  echo(value) {
    return value
  }
  describe(value) {
    return plain(value)
  }
  takeLog() {
    return this.log.splice(0)
  }
  async callMethod(stub, method) {
    return await stub[method]()
  }
  keep(stub) {
    this.kept = stub.dup()
  }
  async useKept() {
    return await this.kept.increment()
  }
  throwAny(kind) {
    throw thrown[kind]()
  }
  abort(reason) {
    this.ctx.abort(reason)
  }
}

const cases = {}
function on(key, act) {
  cases[key] = { drive: (given) => act({ ...given, stub: given.env.Rpc.getByName(key) }) }
}

on("R14.80 a stub as an argument becomes the callee's", async ({ stub }) => {
  const counter = await stub.counter(5)
  const value = await stub.callMethod(counter, 'increment')
  await settled()
  return [value, await attempt(() => counter.increment()), await stub.takeLog()]
})
on("R14.80 a stub of the own side becomes the callee's", async ({ stub }) => {
  const log = []
  const mine = new RpcStub(new Counter(log, 5))
  const value = await stub.callMethod(mine, 'increment')
  await settled()
  return [value, [...log], await attempt(() => mine.increment())]
})
on('R14.80 a dup as an argument leaves the caller its own', async ({ stub }) => {
  const counter = await stub.counter(5)
  const value = await stub.callMethod(counter.dup(), 'increment')
  await settled()
  return [value, await attempt(() => counter.increment()), await stub.takeLog()]
})
on('R14.81 dup of a target is not called', async ({ stub }) => {
  const log = []
  const value = await stub.callMethod(new Counter(log, 1), 'increment')
  await settled()
  await stub.keep(new Counter(log, 7))
  await settled()
  return [value, [...log], await stub.useKept()]
})
on('R15.10 own properties of errors do not travel', async ({ stub }) => {
  const out = {}
  for (const kind of Object.keys(thrown)) {
    try {
      await stub.throwAny(kind)
    } catch (error) {
      out[kind] = [
        error?.constructor?.name,
        error?.name,
        error?.message,
        Object.keys(error),
        plain(error),
        plain(error.cause),
        plain(error.errors),
      ]
    }
  }
  return out
})
on('R15.11 errors as values', async ({ stub }) => {
  const error = Object.assign(new RangeError('as a value', { cause: new TypeError('cause') }), {
    extra: 1,
  })
  const back = await stub.echo(error)
  return [
    plain(back),
    back instanceof RangeError,
    Object.keys(back),
    plain(back.cause),
    await stub.describe(error),
    plain(await stub.echo(Object.assign(new Error('m'), { name: 'Whatever' }))),
    plain(await stub.echo(new AggregateError([1], 'several'))),
  ]
})
on('R15.12 abort', async ({ stub }) => [
  await attempt(() => stub.abort(Object.assign(new TypeError('typed'), { own: 1 }))),
])

export default serve(cases)
