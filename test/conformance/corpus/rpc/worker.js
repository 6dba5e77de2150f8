// Reference 1.14: RPC between objects and workers.

import {
  DurableObject,
  RpcPromise,
  RpcProperty,
  RpcStub,
  RpcTarget,
  WorkerEntrypoint,
} from 'cloudflare:workers'
import { attempt, attemptSync, plain, serve, sleep, Subject } from '../harness.js'

export { Subject }

/** Writes down who was disposed and called, in the object that hosts it. */
class Counter extends RpcTarget {
  #n
  #log
  #private = 'private field'
  own = 'own'
  constructor(log = [], n = 0) {
    super()
    this.#log = log
    this.#n = n
  }
  increment(by = 1) {
    this.#n += by
    return this.#n
  }
  get value() {
    return this.#n
  }
  get nested() {
    return { deep: { er: 'nested value', fn: () => 'nested function' } }
  }
  #hidden() {
    return this.#private
  }
  _underscore() {
    return this.#hidden()
  }
  static stat() {
    return 1
  }
  [Symbol.iterator]() {
    return [1][Symbol.iterator]()
  }
  echo(value) {
    return value
  }
  fail(message) {
    throw new RangeError(message)
  }
  self() {
    return this
  }
  [Symbol.dispose]() {
    this.#log.push(`disposed ${this.#n}`)
  }
}

class Undisposable extends RpcTarget {
  hi() {
    return 'hi'
  }
}

class Dupable extends RpcTarget {
  log
  constructor(log) {
    super()
    this.log = log
  }
  hi() {
    return 'hi'
  }
  dup() {
    this.log.push('dup')
    return new Dupable(this.log)
  }
  [Symbol.dispose]() {
    this.log.push('disposed')
  }
}

class Derived extends Counter {
  increment() {
    return 'overridden'
  }
  more() {
    return 'more'
  }
}

export class Rpc extends DurableObject {
  log = []
  kept
  field = 'field'
  constructor(ctx, env) {
    super(ctx, env)
    if (ctx.id.name === 'throwing constructor') {
      throw Object.assign(new TypeError('in the constructor'), { own: 1 })
    }
    if (ctx.id.name === 'failing section') {
      void ctx.blockConcurrencyWhile(async () => {
        throw Object.assign(new RangeError('in the section'), { own: 1 })
      })
    }
  }
  arrow = () => 'arrow'
  #private = 1
  get getter() {
    return 'getter'
  }
  get getterObject() {
    return { a: 1, b: { c: 2 }, fn: (x) => x * 2 }
  }
  get getterFunction() {
    return (x) => x + 1
  }
  get getterThrows() {
    throw new TypeError('getter failed')
  }
  get getterPromise() {
    return Promise.resolve('from a promise')
  }
  [Symbol('s')]() {}
  hi(...values) {
    return ['hi', ...values]
  }
  echo(value) {
    return value
  }
  echoAll(...values) {
    return values
  }
  describe(value) {
    return plain(value)
  }
  typeOf(value) {
    return [typeof value, value === null ? 'null' : value?.constructor?.name]
  }
  note(value) {
    this.log.push(value)
    return this.log.length
  }
  async noteLate(value) {
    await sleep(40)
    this.log.push(value)
  }
  takeLog() {
    return this.log.splice(0)
  }
  counter(n) {
    return new Counter(this.log, n)
  }
  derived() {
    return new Derived(this.log)
  }
  undisposable() {
    return new Undisposable()
  }
  object() {
    return {
      n: 1,
      deep: { counter: new Counter(this.log, 5), list: [new Counter(this.log, 6)] },
      fn: (x) => x + 1,
    }
  }
  disposableObject() {
    const { log } = this
    return {
      n: 1,
      [Symbol.dispose]() {
        log.push('object disposed')
      },
    }
  }
  list() {
    return [1, { two: 2 }]
  }
  map() {
    return new Map([['a', 1]])
  }
  number() {
    return 5
  }
  text() {
    return 'text'
  }
  nothing() {}
  nul() {
    return null
  }
  date() {
    return new Date(5)
  }
  fn() {
    return (x) => x + 1
  }
  asyncFn() {
    return async (x) => {
      await sleep(5)
      return x + 1
    }
  }
  thenable() {
    return {
      then(resolve) {
        resolve('resolved by then')
      },
    }
  }
  promiseInside() {
    return { p: Promise.resolve(1) }
  }
  instance() {
    class Foo {
      a = 1
    }
    return new Foo()
  }
  instanceInside() {
    class Foo {
      a = 1
    }
    return { deep: [new Foo()] }
  }
  nullPrototype() {
    return Object.assign(Object.create(null), { a: 1 })
  }
  objectWithGetter() {
    return {
      get a() {
        return 'from a getter'
      },
      set b(_v) {},
    }
  }
  objectWithMethods() {
    return {
      a() {
        return 'a'
      },
      b: {
        c() {
          return 'c'
        },
      },
    }
  }
  fnWithProperties() {
    return Object.assign(() => 'called', { prop: 'property', method: () => 'method' })
  }
  classItself() {
    return Counter
  }
  async failing() {
    const error = new RangeError('failed')
    error.custom = { a: 1 }
    throw error
  }
  failingLater() {
    return sleep(5).then(() => {
      throw new SyntaxError('failed later')
    })
  }
  throwAny(kind) {
    const errors = {
      string: () => 'a string',
      number: () => 5,
      undefined: () => undefined,
      null: () => null,
      object: () => ({ a: 1 }),
      function: () => () => 1,
      symbol: () => Symbol('x'),
      custom: () => {
        class MyError extends Error {
          constructor(m) {
            super(m)
            this.name = 'MyError'
            this.code = 'E_MINE'
          }
        }
        return new MyError('mine')
      },
      subclass: () => {
        class MyTypeError extends TypeError {}
        return new MyTypeError('typed')
      },
      named: () => {
        const e = new Error('named')
        e.name = 'Whatever'
        return e
      },
      cause: () => new Error('outer', { cause: new TypeError('inner', { cause: 'text' }) }),
      aggregate: () => new AggregateError([new TypeError('one'), 'two', { a: 1 }], 'several'),
      dom: () => new DOMException('dom', 'AbortError'),
      function_property: () => Object.assign(new Error('with function'), { fn: () => 1, ok: 1 }),
      stub_property: () => Object.assign(new Error('with stub'), { t: new Undisposable() }),
      date_property: () =>
        Object.assign(new Error('with date'), { d: new Date(5), m: new Map([[1, 2]]) }),
      error_property: () =>
        Object.assign(new Error('with error'), { inner: new RangeError('inside') }),
      class_property: () =>
        Object.assign(new Error('with instance'), { c: new (class Foo {})(), ok: 1 }),
      symbol_property: () =>
        Object.assign(new Error('with symbol'), { [Symbol('k')]: 1, s: Symbol('v'), ok: 1 }),
      overloaded: () => Object.assign(new Error('ov'), { overloaded: true, retryable: true }),
      falsy_traits: () =>
        Object.assign(new Error('falsy'), {
          overloaded: false,
          retryable: 0,
          remote: false,
          durableObjectReset: false,
        }),
      truthy_traits: () =>
        Object.assign(new Error('truthy'), {
          overloaded: 1,
          retryable: 'yes',
          remote: 'r',
          durableObjectReset: 'd',
          durableObjectId: 'mine',
        }),
      suppressed: () =>
        Object.assign(new Error('no message enumerable'), { message: 'own message' }),
      empty: () => new Error(''),
      eval: () => new EvalError('e'),
      reference: () => new ReferenceError('r'),
      uri: () => new URIError('u'),
      no_stack: () => {
        const e = new Error('s')
        delete e.stack
        return e
      },
      non_enumerable: () => Object.defineProperty(new Error('ne'), 'hidden', { value: 1 }),
      getter: () =>
        Object.defineProperty(new Error('g'), 'got', { get: () => 'value', enumerable: true }),
      frozen: () => Object.freeze(Object.assign(new Error('frozen'), { a: 1 })),
      proto: () => {
        const e = new Error('p')
        Object.setPrototypeOf(e, { __proto__: Error.prototype, inherited: 1 })
        return e
      },
      circular: () => {
        const e = new Error('c')
        e.self = e
        return e
      },
      response: () => new Response('x'),
    }
    throw errors[kind]()
  }
  async callBack(fn, ...values) {
    return await fn(...values)
  }
  async callMethod(stub, method, ...values) {
    return await stub[method](...values)
  }
  async readProperty(stub, name) {
    return await stub[name]
  }
  keep(stub) {
    this.kept = stub.dup()
  }
  keepRaw(stub) {
    this.kept = stub
  }
  async useKept(...values) {
    return await this.kept(...values)
  }
  async useKeptMethod(method, ...values) {
    return await this.kept[method](...values)
  }
  dropKept() {
    this.kept[Symbol.dispose]()
  }
  giveKept() {
    return this.kept
  }
  giveKeptDup() {
    return this.kept.dup()
  }
  keepAndReturnCounter() {
    this.mine = new Counter(this.log, 1)
    return this.mine
  }
  twice(stub) {
    return [stub, stub]
  }
  sameTwice() {
    const c = new Counter(this.log, 9)
    return { a: c, b: c }
  }
  cyclic() {
    const o = { n: 1 }
    o.self = o
    return o
  }
  big(n) {
    return new Uint8Array(n)
  }
  size(value) {
    return value.length ?? value.byteLength
  }
  abort(reason) {
    this.ctx.abort(reason)
  }
  storageGet(key) {
    return this.ctx.storage.get(key)
  }
  async section(fn) {
    return await this.ctx.blockConcurrencyWhile(async () => await fn('inside'))
  }
  deepPath() {
    let o = { leaf: 'leaf' }
    for (let i = 0; i < 70; i++) o = { d: o }
    return o
  }
  selfTarget() {
    return this
  }
  namespaceStub() {
    return this.env.Rpc.getByName('elsewhere')
  }
  async rejectedPromiseInside() {
    return { p: Promise.reject(new Error('x')) }
  }
  fetch(request) {
    const { searchParams } = new URL(request.url)
    if (searchParams.has('throw')) this.throwAny(searchParams.get('throw'))
    if (searchParams.has('abort')) this.ctx.abort('aborted in fetch')
    return new Response('from fetch')
  }
  alarm() {}
  async webSocketMessage() {}
  get props() {
    return plain(this.ctx.props)
  }
}

export class Plain {
  foo() {
    return 1
  }
  get bar() {
    return 1
  }
  fetch() {
    return new Response('plain')
  }
}

export class Entry extends WorkerEntrypoint {
  field = 1
  n = 0
  hi(name) {
    return `hi ${name}`
  }
  count() {
    return ++this.n
  }
  get getter() {
    return 'getter'
  }
  counter() {
    return new Counter([], 3)
  }
  propsOf() {
    return plain(this.ctx.props)
  }
  fail() {
    throw Object.assign(new RangeError('entry failed'), { a: 1 })
  }
  async callBack(fn) {
    return await fn('from the entrypoint')
  }
  ctxKeys() {
    return [Object.keys(this.ctx), typeof this.env.Rpc]
  }
  fetch(request) {
    return new Response(`entry ${new URL(request.url).pathname}`)
  }
  async leaveCallback(stub) {
    await stub.keep(() => 1)
    return await stub.useKept()
  }
  passThrough(fn) {
    return fn
  }
}

export const handlerObject = {
  fetch: () => new Response('handler object'),
  foo: () => 1,
}

export class PlainEntry {
  foo() {
    return 1
  }
}

/** Time for what was dropped to be noticed. */
const settled = () => sleep(300)

/** An internal error of the reference has a reference number. */
const internal = (answer) =>
  answer?.error?.message.replace(/reference = .*/, 'reference = …') ?? answer

const cases = {}
let count = 0
/** A case with a stub of an object of its own. */
function on(key, act, rest = {}) {
  cases[key] = {
    drive: async (given) => {
      count += 1
      const stub = given.env.Rpc.getByName(`${key}${count}`)
      return await act({ ...given, stub })
    },
    ...rest,
  }
}

// What can be called

on('R14.1 prototype methods and getters are there', async ({ stub }) => [
  await stub.hi(1, 2),
  await stub.getter,
  await stub.getterObject,
  await stub.getterPromise,
  await attempt(() => stub.getterThrows),
  await attempt(() => stub.getter()),
  await stub.getterFunction(2),
])
on('R14.2 own properties of instances are not there', async ({ stub }) => {
  const counter = await stub.counter(1)
  return [
    await attempt(() => stub.field),
    await attempt(() => stub.field()),
    await attempt(() => stub.arrow()),
    await attempt(() => counter.own),
    await attempt(() => counter.own()),
  ]
})
on('R14.3 private, symbol and static members are not there', async ({ stub }) => {
  const counter = await stub.counter(1)
  return [
    await attempt(() => counter['#hidden']()),
    await attempt(() => counter._underscore()),
    await attempt(() => counter.stat()),
    typeof counter[Symbol.iterator],
    typeof stub[Symbol.iterator],
    typeof stub[Symbol.toPrimitive],
    typeof stub[Symbol.toStringTag],
  ]
})
on('R14.4 members of Object.prototype are not there', async ({ stub }) => {
  const counter = await stub.counter(1)
  const names = [
    'toString',
    'valueOf',
    'hasOwnProperty',
    'isPrototypeOf',
    '__defineGetter__',
    'constructor',
  ]
  const out = {}
  for (const name of names) {
    out[name] = [
      typeof stub[name],
      typeof counter[name],
      await attempt(() => stub[name]()),
      await attempt(() => counter[name]()),
    ]
  }
  return out
})
on('R14.5 reserved names', async ({ stub }) => {
  const counter = await stub.counter(1)
  const out = {}
  for (const name of [
    'connect',
    'alarm',
    'webSocketMessage',
    'webSocketClose',
    'webSocketError',
    'dup',
    'queue',
    'tail',
    'scheduled',
    'trace',
    'test',
    'email',
    'ctx',
    'env',
    'props',
  ]) {
    out[name] = [
      typeof stub[name],
      name === 'connect' ? 0 : await attempt(() => stub[name]()),
      name === 'dup' ? 0 : await attempt(() => counter[name]()),
      await attempt(() => stub[name]),
    ]
  }
  return out
})
on('R14.6 a missing method, a property that is no function', async ({ stub }) => {
  const object = await stub.object()
  return [
    await attempt(() => stub.nope()),
    await attempt(() => stub.nope),
    await attempt(() => stub.nope.deeper()),
    await attempt(() => stub.nope.deeper),
    await attempt(() => stub.getterObject.a()),
    await attempt(() => stub.getterObject.nope()),
    await attempt(() => stub.getterObject.nope),
    await attempt(() => stub.getterObject.a.b),
    await attempt(() => stub.getterObject.b.c),
    await attempt(() => stub.getterObject.fn(4)),
    await attempt(() => stub.hi.name),
    await attempt(() => stub.hi.call()),
    await attempt(() => stub.hi.apply(null, [1])),
    await attempt(() => stub.hi.bind(null)(1)),
    typeof object.fn,
  ]
})
on('R14.7 then is no remote property', async ({ stub }) => {
  const counter = await stub.counter(1)
  return [
    typeof stub.then,
    typeof counter.then,
    (await stub) === stub,
    (await counter) === counter,
    typeof stub.hi.then,
  ]
})
on('R14.8 a class that does not extend DurableObject', async ({ env }) => {
  const stub = env.Plain.getByName('plain')
  return [
    await attempt(() => stub.foo()),
    await attempt(() => stub.bar),
    (await stub.fetch('http://x/')).status,
  ]
})
on('R14.9 fetch as a method', async ({ stub }) => [
  await (await stub.fetch('http://x/')).text(),
  typeof stub.fetch,
  await attempt(async () => (await (await stub.counter(1)).fetch('http://x/')).status),
])
on('R14.10 methods of derived classes', async ({ stub }) => {
  const derived = await stub.derived()
  return [await derived.increment(), await derived.more(), await derived.value]
})

// Kinds of stubs

on('R14.11 what stubs, promises and properties are', async ({ stub }) => {
  const promise = stub.counter(1)
  const property = stub.hi
  const counter = await promise
  const fn = await stub.fn()
  const kinds = {}
  for (const [name, value] of Object.entries({
    stub,
    promise,
    property,
    deeper: promise.value,
    counter,
    fn,
  })) {
    kinds[name] = [
      typeof value,
      Object.prototype.toString.call(value),
      value.constructor?.name ?? typeof value.constructor,
      value instanceof RpcStub,
      value instanceof RpcPromise,
      value instanceof RpcProperty,
      value instanceof Promise,
      value instanceof Function,
      typeof value.then,
      typeof value.catch,
      typeof value.finally,
      typeof value.dup,
      typeof value[Symbol.dispose],
      Object.keys(value),
      Object.getOwnPropertyNames(value),
      'anything' in value,
      'then' in value,
    ]
  }
  return kinds
})
on('R14.12 the classes cannot be constructed', async () => [
  attemptSync(() => new RpcPromise()),
  attemptSync(() => new RpcProperty()),
  attemptSync(() => new RpcStub()),
  attemptSync(() => new RpcStub(1)),
  attemptSync(() => new RpcStub(new Date())),
  attemptSync(() => new RpcStub([])),
  attemptSync(() => new RpcStub(new (class Foo {})())),
  attemptSync(() => new RpcStub(null)),
  attemptSync(() => RpcStub(() => 1)),
  Object.getOwnPropertyNames(RpcStub.prototype).toSorted(),
  Object.getOwnPropertyNames(RpcPromise.prototype).toSorted(),
  Object.getOwnPropertyNames(RpcProperty.prototype).toSorted(),
  Object.getPrototypeOf(RpcPromise.prototype) === RpcProperty.prototype,
  Object.getPrototypeOf(RpcPromise.prototype) === Object.prototype,
  Object.getOwnPropertyNames(RpcTarget.prototype),
])
on('R14.13 stubs of the own side', async () => {
  const log = []
  const fn = new RpcStub((x) => x + 1)
  const counter = new RpcStub(new Counter(log, 3))
  const object = new RpcStub({ a: 1, fn: () => 'fn', deep: { b: 2, fn: () => 'deep fn' } })
  const undone = new RpcStub(new Counter(log, 8))
  const result = [
    await fn(1),
    await counter.increment(),
    await counter.value,
    await attempt(() => counter.own),
    await attempt(() => counter.fail('no')),
    await attempt(() => object.fn()),
    await attempt(() => object.deep.fn()),
    await attempt(() => object.nope()),
    await attempt(() => object.deep.b),
  ]
  counter[Symbol.dispose]()
  await settled()
  const other = undone.dup()
  other[Symbol.dispose]()
  await settled()
  const before = [...log]
  undone[Symbol.dispose]()
  await settled()
  return [result, before, log, await attempt(() => counter.increment())]
})
on('R14.14 wrapping a stub in a stub', async ({ stub }) => {
  const counter = await stub.counter(3)
  return [
    await attempt(async () => await new RpcStub(counter).increment()),
    await attempt(async () => await new RpcStub(stub).hi()),
    await attempt(async () => await new RpcStub(stub.counter(4)).increment()),
  ]
})

// Values

on('R14.20 by value: what structured clone takes', async ({ stub }) => {
  const value = {
    u: undefined,
    n: null,
    b: true,
    i: -0,
    f: 1.5,
    nan: NaN,
    inf: -Infinity,
    s: 'text \u{1F600} \ud800',
    big: 12345678901234567890n,
    d: new Date(5),
    bad: new Date(NaN),
    r: /a\/b/giu,
    m: new Map([[{ k: 1 }, new Set([1, 'a'])]]),
    a: [1, , 3],
    e: [],
    buf: new Uint8Array([1, 2]).buffer,
    view: new Uint16Array([1, 2, 3]).subarray(1),
    dv: new DataView(new ArrayBuffer(2)),
    boxed: [new Number(1), new String('s'), new Boolean(false), Object(1n)],
  }
  return [await stub.echo(value), await stub.describe(value)]
})
on('R14.21 cycles and shared references are kept', async ({ stub }) => {
  const cyclic = await stub.cyclic()
  const shared = { x: 1 }
  const back = await stub.echo({ a: shared, b: shared, list: [shared] })
  return [cyclic.self === cyclic, back.a === back.b, back.list[0] === back.a]
})
on('R14.22 extra properties of arrays, holes, null prototypes, getters', async ({ stub }) => {
  const list = Object.assign([1, 2], { extra: 'x' })
  const echoed = await stub.echo(list)
  return [
    echoed.extra,
    await attempt(() => stub.nullPrototype()),
    await stub.objectWithGetter(),
    await stub.echo({
      get a() {
        return 'evaluated'
      },
    }),
    await attempt(() =>
      stub.echo({
        get a() {
          throw new TypeError('getter of an argument')
        },
      }),
    ),
    await stub.echo(JSON.parse('{"__proto__":{"a":1},"b":2}')),
    Object.keys(await stub.echo(JSON.parse('{"__proto__":{"a":1},"b":2}'))),
    await stub.echo({ [Symbol('s')]: 1, k: 2 }),
    await stub.echo(Object.defineProperty({ a: 1 }, 'hidden', { value: 2 })),
    await stub.echo(Object.freeze({ a: 1 })),
    Object.isFrozen(await stub.echo(Object.freeze({ a: 1 }))),
  ]
})
on('R14.23 what cannot be passed', async ({ stub }) => {
  class Foo {
    a = 1
  }
  class Sub extends Map {}
  class Arr extends Array {}
  class Dat extends Date {}
  class Buf extends Uint8Array {}
  return [
    await attempt(() => stub.echo(Symbol('x'))),
    await attempt(() => stub.echo({ s: Symbol() })),
    await attempt(() => stub.echo(new WeakMap())),
    await attempt(() => stub.echo(new WeakSet())),
    await attempt(() => stub.echo(new WeakRef({}))),
    await attempt(() => stub.echo(Promise.resolve(1))),
    await attempt(() => stub.echo(new Foo())),
    await attempt(() => stub.echo({ deep: [new Foo()] })),
    await attempt(() => stub.echo(new (class {})())),
    await attempt(() => stub.echo(Object.create({ inherited: 1 }))),
    await attempt(() => stub.echo(new Sub([[1, 2]]))),
    await attempt(() => stub.echo(new Arr(1, 2, 3))),
    await attempt(() => stub.echo(new Dat(5))),
    await attempt(() => stub.echo(new Buf([1]))),
    await attempt(() => stub.echo(new URL('http://x/'))),
    await attempt(() => stub.echo(new URLSearchParams('a=1'))),
    await attempt(() => stub.echo(new FormData())),
    await attempt(() => stub.echo(new AbortController())),
    await attempt(() => stub.echo(new Event('x'))),
    await attempt(() => stub.echo(new TextEncoder())),
    await attempt(() => stub.echo(new WebSocketPair()[0])),
    await attempt(() => stub.echo((function* () {})())),
    await attempt(() => stub.echo(new Proxy({ a: 1 }, {}))),
    await attempt(() => stub.echo(new Proxy(new Foo(), {}))),
    await attempt(() => stub.echo(crypto.subtle)),
    await attempt(() => stub.instance()),
    await attempt(() => stub.instanceInside()),
    await attempt(() => stub.promiseInside()),
  ]
})
on('R14.24 errors as values', async ({ stub }) => {
  const error = new RangeError('as a value', { cause: new TypeError('cause') })
  error.extra = { a: 1 }
  const back = await stub.echo(error)
  const several = await stub.echo(new AggregateError([new TypeError('one'), 2], 'several'))
  return [
    back,
    back instanceof RangeError,
    Object.keys(back),
    plain(back.cause),
    plain(several),
    several instanceof AggregateError,
    plain(several.errors),
    Object.keys(several),
    plain(await stub.echo(new DOMException('m', 'AbortError'))),
    (await stub.echo(new DOMException('m', 'AbortError'))) instanceof DOMException,
    await stub.describe(error),
    plain(
      await stub.echo(
        new (class Mine extends Error {
          code = 5
        })('own class'),
      ),
    ),
    (
      await stub.echo(
        new (class Mine extends Error {
          code = 5
        })('own class'),
      )
    ).name,
  ]
})
on('R14.25 Request, Response, Headers, Blob and streams by value', async ({ stub }) => {
  const request = await stub.echo(
    new Request('http://x/path', { method: 'POST', body: 'body', headers: { a: 'b' } }),
  )
  const response = await stub.echo(new Response('text', { status: 201, headers: { c: 'd' } }))
  const headers = await stub.echo(new Headers({ e: 'f' }))
  const stream = await stub.echo(new Blob(['streamed']).stream())
  return [
    request.method,
    request.url,
    request.headers.get('a'),
    await request.text(),
    response.status,
    response.headers.get('c'),
    await response.text(),
    [...headers],
    headers instanceof Headers,
    await new Response(stream).text(),
    await attempt(async () => {
      const b = await stub.echo(new Blob(['bytes'], { type: 'text/x' }))
      return [b.type, b.size, await b.text()]
    }),
    await attempt(async () => {
      const f = await stub.echo(new File(['bytes'], 'name.txt', { type: 'text/x' }))
      return [f.constructor.name, f.name, await f.text()]
    }),
  ]
})
on('R14.26 AbortSignal by value', async ({ stub }) => [
  await attempt(async () => (await stub.echo(new AbortController().signal)).aborted),
  await attempt(async () => (await stub.echo(AbortSignal.abort(new RangeError('why')))).aborted),
])
on('R14.27 values are copies', async ({ stub }) => {
  const value = { a: [1] }
  const promise = stub.echo(value)
  value.a.push(2)
  const back = await promise
  back.a.push(3)
  return [back, value]
})
on('R14.28 results of several kinds', async ({ stub }) =>
  [
    await stub.nothing(),
    await stub.nul(),
    await stub.text(),
    await stub.map(),
    await stub.list(),
    await stub.date(),
    await stub.thenable(),
    await stub.hi(undefined, null),
    await stub.echoAll(1, undefined),
  ].map((v) => plain(v)),
)

// Order and pipelining

on('R14.31 calls through one stub arrive in order', async ({ stub }) => {
  const all = []
  for (let i = 0; i < 20; i++) all.push(stub.note(i))
  await Promise.all(all)
  return await stub.takeLog()
})
on('R14.32 pipelined calls run before later ones of the same stub', async ({ stub }) => {
  const counter = stub.counter(0)
  const a = counter.increment()
  const b = counter.increment()
  const c = counter.value
  return [await a, await b, await c]
})
on('R14.33 a call on what is not there yet', async ({ stub }) =>
  [
    await stub.counter(1).increment(),
    await stub.object().deep.counter.increment(),
    await stub.object().n,
    await stub.object().deep.counter.value,
    await stub.fn()(1),
    await stub.counter(2).self().self().increment(),
    await stub.getterObject.b.c,
    await stub.counter(3).nested.deep.er,
    await stub.counter(3).nested.deep.fn(),
    typeof stub.list()[0],
    typeof stub.list()[1],
    typeof stub.list()['01'],
    typeof stub.list()[4294967295],
    typeof stub.list()[-1],
  ].map((v) => plain(v)),
)
on('R14.34 on what is no object', async ({ stub }) => [
  await attempt(() => stub.number().foo()),
  await attempt(() => stub.number().foo),
  await attempt(() => stub.text().length),
  await attempt(() => stub.nothing().foo()),
  await attempt(() => stub.nul().foo()),
  await attempt(() => stub.date().getTime()),
  await attempt(() => stub.map().get('a')),
  await attempt(() => stub.map().nope),
  await attempt(() => stub.list().map()),
  await attempt(() => stub.list().nope),
  await attempt(() => stub.number()()),
  await attempt(() => stub.object()()),
  await attempt(() => stub.echo(new Uint8Array([7]))[0]),
  await attempt(() => stub.echo(new Uint8Array([7])).length),
  await attempt(() => stub.echo(new Error('e')).message),
  await attempt(() => stub.echo(new Response('x')).status),
])
on('R14.35 on what fails', async ({ stub }) => [
  await attempt(() => stub.failing().foo()),
  await attempt(() => stub.failing().foo.bar),
  await attempt(() => stub.failingLater().foo().bar()),
  await attempt(() => stub.nope().foo()),
  await attempt(() => stub.instance().a),
  await attempt(() => stub.counter(1).fail('in the middle').foo()),
])
on('R14.36 paths are at most 64 deep', async ({ stub }) => {
  const out = []
  for (const depth of [1, 62, 63, 64, 65, 66]) {
    out.push(
      await attempt(async () => {
        let p = stub.deepPath()
        for (let i = 0; i < depth; i++) p = p.d
        const v = await p
        return typeof v
      }),
    )
    out.push(
      await attempt(async () => {
        let p = stub
        for (let i = 0; i < depth; i++) p = p.d
        return await p()
      }),
    )
  }
  return out
})
on('R14.37 promises and properties as arguments', async ({ stub }) => [
  await attempt(() => stub.describe(stub.number())),
  await attempt(() => stub.callMethod(stub.counter(4), 'increment')),
  await attempt(() => stub.callBack(stub.fn(), 1)),
  await attempt(() => stub.callBack(stub.hi, 1)),
  await attempt(() => stub.typeOf(stub.getter)),
  await attempt(() => stub.readProperty(stub.object(), 'n')),
])
on('R14.38 a promise can be awaited twice, and then used', async ({ stub }) => {
  const promise = stub.counter(1)
  const a = await promise
  const b = await promise
  return [
    a === b,
    await promise.increment(),
    await a.increment(),
    await promise.then(async (c) => await c.increment()),
    (await promise.finally(() => {})) === a,
    await attempt(() => stub.failing().catch((e) => e.message)),
  ]
})

// References, ownership, disposal

on('R14.40 functions and targets by reference', async ({ stub }) => {
  let calls = 0
  const log = []
  return [
    await stub.callBack((x) => ++calls + x, 10),
    calls,
    await stub.callMethod(new Counter(log, 5), 'increment', 2),
    await stub.readProperty(new Counter(log, 5), 'value'),
    await attempt(() => stub.callMethod(new Counter(log), 'fail', 'callback failed')),
    await attempt(() =>
      stub.callBack(() => {
        throw new TypeError('function failed')
      }),
    ),
    await attempt(() =>
      stub.callBack(() => Promise.reject(Object.assign(new Error('rejected'), { p: 1 }))),
    ),
    await stub.callBack(
      async (fn) => await fn(3),
      (x) => x * 2,
    ),
    await stub.typeOf(() => 1),
    await stub.typeOf(new Counter(log)),
    await stub.typeOf({ a: () => 1 }),
    await attempt(() => stub.callMethod({ m: () => 'own method of a plain object' }, 'm')),
    await attempt(async () => await (await stub.fnWithProperties())()),
    await attempt(async () => await (await stub.fnWithProperties()).prop),
    await attempt(async () => await (await stub.fnWithProperties()).method()),
    await attempt(async () => typeof (await stub.classItself())),
    await attempt(async () => await (await stub.classItself())()),
    await attempt(async () => await (await stub.objectWithMethods()).b.c()),
    await attempt(async () => await stub.echo(stub).hi('through itself')),
  ]
})
on('R14.41 a stub that comes back is a stub', async ({ stub }) => {
  const counter = new Counter([], 5)
  const back = await stub.echo(counter)
  const fn = await stub.echo((x) => x + 1)
  return [
    back === counter,
    back instanceof Counter,
    await back.increment(),
    await attempt(() => back.own),
    await fn(1),
  ]
})
on('R14.42 a result disposes of what is in it', async ({ stub }) => {
  const object = await stub.object()
  const descriptor = Object.getOwnPropertyDescriptor(object, Symbol.dispose)
  const list = await stub.list()
  const map = await stub.map()
  const echo = await stub.echo({ a: 1 })
  const kinds = [
    typeof list[Symbol.dispose],
    typeof map[Symbol.dispose],
    typeof echo[Symbol.dispose],
    typeof (await stub.date())[Symbol.dispose],
    typeof (await stub.echo(new Uint8Array(1)))[Symbol.dispose],
    typeof (await stub.echo(new Error('x')))[Symbol.dispose],
    typeof (await stub.echo(new Response('x')))[Symbol.dispose],
    typeof (await stub.echo(new Set()))[Symbol.dispose],
  ]
  object[Symbol.dispose]()
  await settled()
  return [
    descriptor.enumerable,
    descriptor.writable,
    descriptor.configurable,
    typeof descriptor.value,
    Object.keys(object),
    kinds,
    (await stub.takeLog()).toSorted(),
    await attempt(() => object.deep.counter.increment()),
    await attempt(() => object.fn(1)),
    attemptSync(() => object[Symbol.dispose]()),
  ]
})
on('R14.43 a disposed stub refuses', async ({ stub }) => {
  const counter = await stub.counter(1)
  counter[Symbol.dispose]()
  counter[Symbol.dispose]()
  await settled()
  const fn = await stub.fn()
  fn[Symbol.dispose]()
  return [
    await stub.takeLog(),
    await attempt(() => counter.increment()),
    await attempt(() => counter.value),
    attemptSync(() => typeof counter.increment().then),
    attemptSync(() => typeof counter.value),
    await attempt(() => fn(1)),
    internal(await attempt(() => stub.echo(counter))),
    internal(await attempt(() => stub.typeOf({ deep: counter }))),
  ]
})
on('R14.44 dup makes another reference', async ({ stub }) => {
  const counter = await stub.counter(1)
  const other = counter.dup()
  counter[Symbol.dispose]()
  await settled()
  const before = await stub.takeLog()
  const value = await other.increment()
  other[Symbol.dispose]()
  await settled()
  return [before, value, await stub.takeLog(), other instanceof RpcStub]
})
on('R14.45 using', async ({ stub }) => {
  {
    const counter = await stub.counter(7)
    try {
      await counter.increment()
    } finally {
      counter[Symbol.dispose]()
    }
  }
  await settled()
  return await stub.takeLog()
})
on('R14.46 disposing of a promise', async ({ stub }) => {
  const promise = stub.counter(1)
  promise[Symbol.dispose]()
  const first = [
    await attempt(() => promise.increment()),
    await attempt(() => promise.value),
    await attempt(async () => typeof (await promise)),
  ]
  await settled()
  const later = stub.counter(2)
  const pipelined = later.increment()
  later[Symbol.dispose]()
  const value = await attempt(() => pipelined)
  await settled()
  const awaited = stub.counter(3)
  const counter = await awaited
  awaited[Symbol.dispose]()
  await settled()
  return [
    first,
    value,
    await attempt(() => counter.increment()),
    await attempt(() => awaited.increment()),
    (await stub.takeLog()).toSorted(),
  ]
})
on('R14.48 stubs in arguments are disposed of when the call returns', async ({ stub }) => {
  const log = []
  await stub.keepRaw(new Counter(log, 1))
  await settled()
  const raw = [log.splice(0), await attempt(() => stub.useKeptMethod('increment'))]
  await stub.keep(new Counter(log, 2))
  await settled()
  const kept = [log.splice(0), await attempt(() => stub.useKeptMethod('increment'))]
  await stub.dropKept()
  await settled()
  return [raw, kept, log.splice(0), await attempt(() => stub.useKeptMethod('increment'))]
})
on("R14.49 a stub as argument stays the caller's", async ({ stub }) => {
  const counter = await stub.counter(5)
  const other = await stub.counter(50)
  const value = await stub.callMethod(counter, 'increment')
  await settled()
  return [
    value,
    await attempt(() => counter.increment()),
    await stub.takeLog(),
    await stub.callMethod(other, 'increment'),
    await other.value,
  ]
})
on("R14.50 a stub of the own side as argument stays the caller's", async ({ stub }) => {
  const log = []
  const mine = new RpcStub(new Counter(log, 5))
  const value = await stub.callMethod(mine, 'increment')
  await settled()
  const middle = [...log]
  const still = await attempt(() => mine.increment())
  mine[Symbol.dispose]()
  await settled()
  return [value, middle, still, log]
})
on('R14.51 a stub as result goes to the caller', async ({ stub }) => {
  const log = []
  await stub.keep(new Counter(log, 1))
  const given = await stub.giveKept()
  const value = await given.increment()
  const kept = await attempt(() => stub.useKeptMethod('increment'))
  given[Symbol.dispose]()
  await settled()
  return [value, kept, log]
})
on('R14.52 a dup as result', async ({ stub }) => {
  const log = []
  await stub.keep(new Counter(log, 1))
  const given = await stub.giveKeptDup()
  const value = await given.increment()
  given[Symbol.dispose]()
  await settled()
  const kept = await attempt(() => stub.useKeptMethod('increment'))
  await stub.dropKept()
  await settled()
  return [value, kept, log]
})
on('R14.53 one target passed several times', async ({ stub }) => {
  const same = await stub.sameTwice()
  const equal = same.a === same.b
  const value = [await same.a.increment(), await same.b.increment()]
  same[Symbol.dispose]()
  await settled()
  const kept = await stub.keepAndReturnCounter()
  const again = await stub.keepAndReturnCounter()
  kept[Symbol.dispose]()
  again[Symbol.dispose]()
  await settled()
  const counter = new Counter([], 1)
  const [a, b] = await stub.echoAll(counter, counter)
  const [c, d] = await stub.twice(counter)
  return [equal, value, (await stub.takeLog()).toSorted(), a === b, c === d]
})
on('R14.54 a target passed again after it was disposed of', async ({ stub }) => {
  const log = []
  const counter = new Counter(log, 1)
  const first = await stub.callMethod(counter, 'increment')
  const second = await stub.callMethod(counter, 'increment')
  await settled()
  return [first, second, log]
})
on('R14.55 dup of a target', async ({ stub }) => {
  const log = []
  const value = await stub.callMethod(new Dupable(log), 'hi')
  await settled()
  const target = new Dupable(log)
  await stub.keep(target)
  await settled()
  return [value, log]
})
on('R14.56 an object that can be disposed of, as result and as argument', async ({ stub }) => {
  const object = await stub.disposableObject()
  const before = await stub.takeLog()
  object[Symbol.dispose]()
  await settled()
  const log = []
  await attempt(() =>
    stub.describe({
      a: 1,
      [Symbol.dispose]() {
        log.push('argument disposed')
      },
    }),
  )
  await settled()
  return [plain(object), before, await stub.takeLog(), log]
})
on('R14.57 a function that can be disposed of', async ({ stub }) => {
  const log = []
  const fn = Object.assign(() => 'called', {
    [Symbol.dispose]: () => log.push('function disposed'),
  })
  const value = await stub.callBack(fn)
  await settled()
  return [value, log]
})
on('R14.58 the instance itself, namespaces, object stubs as values', async ({ stub, env }) => {
  return [
    await attempt(async () => await (await stub.selfTarget()).hi()),
    await attempt(async () => {
      const s = await stub.namespaceStub()
      return [s.name, await s.hi(), s.constructor.name]
    }),
    await attempt(() => stub.callMethod(env.Rpc.getByName('elsewhere'), 'hi', 1)),
    await attempt(() => stub.typeOf(env.Rpc)),
    await attempt(() => stub.typeOf(env.Rpc.idFromName('x'))),
    typeof stub[Symbol.dispose],
    typeof stub.dup,
    attemptSync(() => stub[Symbol.dispose]?.()),
    await attempt(() => stub.hi('after')),
  ]
})

// Life

on('R14.60 a callback whose host is gone', async ({ stub, ctx }) => {
  await ctx.exports.Entry.leaveCallback(stub)
  await settled()
  return [await attempt(() => stub.useKept(1)), await attempt(() => stub.useKept(1))]
})
on('R14.61 a callback from an object that was reset', async ({ env }) => {
  const host = env.Rpc.getByName('reset host')
  const counter = await host.counter(1)
  const before = await counter.increment()
  const failed = await attempt(() => host.abort('reset'))
  return [
    before,
    failed,
    await attempt(() => counter.increment()),
    await attempt(() => counter.value),
    await attempt(() => host.hi()),
    attemptSync(() => counter[Symbol.dispose]()),
  ]
})

// Entrypoints

on('R14.70 a named entrypoint of the own worker', async ({ ctx }) => {
  const entry = ctx.exports.Entry
  return [
    typeof entry,
    Object.prototype.toString.call(entry),
    await entry.hi('there'),
    await entry.getter,
    await attempt(() => entry.field),
    [await entry.count(), await entry.count()],
    await entry.counter().increment(),
    await attempt(() => entry.fail()),
    await entry.callBack((x) => x),
    await (await entry.fetch('http://x/path')).text(),
    await entry.propsOf(),
    await entry({ props: { a: 1 } }).propsOf(),
    await attempt(() => entry({ props: { a: () => 1 } }).propsOf()),
    await attempt(() => entry().propsOf()),
    await attempt(() => entry.nope()),
    await attempt(() => entry.constructor()),
    await entry.ctxKeys(),
    await (await entry.passThrough((x) => x + 1))(1),
    typeof entry.dup,
    typeof entry[Symbol.dispose],
    entry.constructor.name,
  ]
})
on('R14.71 what exports has', async ({ ctx, env }) => [
  Object.keys(ctx.exports).toSorted(),
  await attempt(async () => await (await ctx.exports.handlerObject.fetch('http://x/')).text()),
  await attempt(() => ctx.exports.handlerObject.foo()),
  typeof ctx.exports.PlainEntry,
  typeof ctx.exports.Rpc,
  ctx.exports.Rpc.constructor.name,
  await ctx.exports.Rpc.getByName('via exports').hi(),
  await attempt(() => ctx.exports.Rpc({ props: { a: 1 } }).constructor.name),
  await attempt(async () => await (await ctx.exports.default.fetch('http://x/?case=none')).status),
  typeof ctx.exports.Plain,
  typeof ctx.exports.nope,
  ctx.exports.Rpc.idFromName('a').equals(env.Rpc.idFromName('a')),
  plain(ctx.props),
  Object.isFrozen(ctx.props),
])
on('R14.72 exports and props in an object', async ({ stub }) => [await attempt(() => stub.props)])
on('R14.73 an entrypoint as a value', async ({ ctx, stub }) => [
  await attempt(() => stub.callMethod(ctx.exports.Entry, 'hi', 'from the object')),
  await attempt(() => stub.callMethod(ctx.exports.Entry({ props: { p: 1 } }), 'propsOf')),
])

// Errors

on('R15.1 what is thrown', async ({ stub }) => {
  const kinds = [
    'string',
    'number',
    'undefined',
    'null',
    'object',
    'function',
    'symbol',
    'custom',
    'subclass',
    'named',
    'cause',
    'aggregate',
    'dom',
    'function_property',
    'stub_property',
    'date_property',
    'error_property',
    'class_property',
    'symbol_property',
    'overloaded',
    'falsy_traits',
    'truthy_traits',
    'suppressed',
    'empty',
    'eval',
    'reference',
    'uri',
    'no_stack',
    'non_enumerable',
    'getter',
    'frozen',
    'proto',
    'circular',
    'response',
  ]
  const out = {}
  for (const kind of kinds) {
    try {
      await stub.throwAny(kind)
    } catch (e) {
      out[kind] = [
        e?.constructor?.name,
        e?.name,
        e?.message,
        Object.keys(e ?? {}),
        plain(e),
        plain(e?.cause),
        'cause' in e,
        plain(e?.errors),
        Object.hasOwn(e, 'name'),
        typeof e.stack,
      ]
    }
  }
  return out
})
on('R15.2 of a callback, through an object', async ({ stub }) => {
  const out = []
  for (const fail of [
    () => {
      throw new RangeError('sync')
    },
    async () => {
      throw Object.assign(new TypeError('async'), { own: 1 })
    },
    async () => {
      throw 'text'
    },
  ])
    out.push(await attempt(() => stub.callBack(fail)))
  return out
})
on('R15.3 of a getter and of a serialization', async ({ stub }) => [
  await attempt(() => stub.getterThrows),
  await attempt(() => stub.instance()),
  await attempt(() => stub.echo(new (class Foo {})())),
])
on('R15.4 abort', async ({ env }) => {
  const out = {}
  for (const [name, reason] of Object.entries({
    text: 'reason',
    error: Object.assign(new TypeError('typed'), { own: 1 }),
    none: undefined,
    number: 5,
    object: { a: 1 },
    null: null,
  })) {
    const stub = env.Rpc.getByName(`abort ${name}`)
    const slow = attempt(() => stub.noteLate('x'))
    out[name] = [
      await attempt(() => stub.abort(reason)),
      await slow,
      await attempt(() => stub.hi()),
      await attempt(() => stub.fetch('http://x/')),
      await env.Rpc.getByName(`abort ${name}`).hi(),
    ]
  }
  return out
})

on('R15.5 what fetch() throws', async ({ stub }) => {
  const kinds = [
    'string',
    'custom',
    'subclass',
    'cause',
    'overloaded',
    'dom',
    'function_property',
    'truthy_traits',
    'object',
  ]
  const out = {}
  for (const kind of kinds) {
    try {
      await stub.fetch(`http://x/?throw=${kind}`)
    } catch (e) {
      out[kind] = [e?.constructor?.name, e?.name, e?.message, Object.keys(e), plain(e)]
    }
  }
  return out
})
on('R15.6 what the constructor throws, and a section in it', async ({ env }) => {
  const out = []
  for (const name of ['throwing constructor', 'failing section']) {
    const stub = env.Rpc.getByName(name)
    out.push(
      await attempt(() => stub.hi()),
      await attempt(() => stub.hi()),
      await attempt(() => stub.getter),
    )
    out.push(await attempt(() => env.Rpc.getByName(name).hi()))
  }
  return out
})
on('R15.7 abort in fetch, and a section that fails', async ({ stub, env }) => {
  const inFetch = await attempt(() => stub.fetch('http://x/?abort=1'))
  const failing = env.Rpc.getByName('section that fails')
  const calls = [
    attempt(() =>
      failing.section(() => {
        throw new RangeError('by the callback')
      }),
    ),
    attempt(() => failing.hi()),
  ]
  return [inFetch, ...(await Promise.all(calls)), await attempt(() => failing.hi())]
})

export default serve(cases)
