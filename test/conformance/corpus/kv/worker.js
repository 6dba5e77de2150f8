// Reference 1.6 and 1.7: the model of storage, and the asynchronous KV API.

import { attempt, attemptSync, plain, serve, sleep, Subject } from '../harness.js'

export { Subject }

/** Declared in `new_classes`: no SQL. */
export class Plain extends Subject {}

/** What `act` gives, and whether it came at once, in a promise, or as an error thrown by the call. */
async function how(act) {
  let result
  try {
    result = act()
  } catch (error) {
    return { throws: attemptSync(() => raise(error)) }
  }
  if (!(result instanceof Promise)) return { gives: plain(result) }
  try {
    return { resolves: plain(await result) }
  } catch (error) {
    return { rejects: attemptSync(() => raise(error)) }
  }
}

function raise(error) {
  throw error
}

/** Asks of each value of `values` in order; a failure may follow from what was asked before. */
async function each(values, act) {
  const answers = {}
  for (const [name, value] of Object.entries(values)) answers[name] = await how(() => act(value))
  return answers
}

const mine = { toString: () => 'a' }
const throwing = {
  toString() {
    throw new RangeError('mine')
  },
}

const oneKey = {
  undefined: undefined,
  null: null,
  number: 1,
  boolean: true,
  bigint: 1n,
  symbol: Symbol('key'),
  object: {},
  'object with toString': mine,
  'object that throws': throwing,
  function: () => 1,
  date: new Date(Number.NaN),
  boxed: new String('a'),
  set: new Set(['a']),
  'array-like': { length: 1, 0: 'a' },
}

const manyKeys = {
  empty: [],
  numbers: [1, 2],
  nulls: [null, undefined],
  symbols: [Symbol('key')],
  nested: [['a'], ['a', 'b']],
  throwing: [throwing],
  twice: ['a', 'a', 'b', 'none'],
  // biome-ignore lint/suspicious/noSparseArray: asked about
  holes: [, 'a'],
}

const options = {
  undefined: undefined,
  null: null,
  number: 1,
  text: 'x',
  boolean: true,
  bigint: 1n,
  symbol: Symbol('options'),
  array: [],
  function: () => 1,
  empty: {},
  unknown: { unknown: 1 },
  texts: { allowConcurrency: 'x', allowUnconfirmed: 'x', noCache: 'x' },
  numbers: { allowConcurrency: 0, allowUnconfirmed: 1, noCache: Number.NaN },
  nulls: { allowConcurrency: null, allowUnconfirmed: null, noCache: null },
  objects: { allowConcurrency: {}, allowUnconfirmed: [], noCache: () => 1 },
  'getter that throws': {
    get allowConcurrency() {
      throw new RangeError('mine')
    },
  },
}

const keys = { a: 1, b: 2, c: 3, ab: 4, é: 5, '\u{1F600}': 6, '\uFFFD': 7, '': 0, B: 8 }

const ranges = {
  all: undefined,
  start: { start: 'b' },
  'start that is no key': { start: 'aa' },
  'start after': { startAfter: 'b' },
  'start after no key': { startAfter: 'aa' },
  'start after the empty key': { startAfter: '' },
  'empty start': { start: '' },
  end: { end: 'b' },
  'empty end': { end: '' },
  prefix: { prefix: 'a' },
  'empty prefix': { prefix: '' },
  'prefix beyond the plane': { prefix: '\u{1F600}' },
  'prefix of half a pair': { prefix: '\uD83D' },
  'prefix and start in it': { prefix: 'a', start: 'ab' },
  'prefix and start before it': { prefix: 'b', start: 'a' },
  'prefix and start behind it': { prefix: 'a', start: 'c' },
  'prefix and start after': { prefix: 'a', startAfter: 'a' },
  'prefix and start after, before it': { prefix: 'b', startAfter: 'a' },
  'prefix and end in it': { prefix: 'a', end: 'ab' },
  'prefix and end before it': { prefix: 'b', end: 'a' },
  'start and end': { start: 'a', end: 'c' },
  'start is end': { start: 'a', end: 'a' },
  'start behind end': { start: 'c', end: 'a' },
  reverse: { reverse: true },
  'reverse and limit': { reverse: true, limit: 2 },
  'reverse, start and limit': { reverse: true, start: 'ab', limit: 2 },
  'reverse, start after and end': { reverse: true, startAfter: 'ab', end: 'c' },
  'reverse, prefix and limit': { reverse: true, prefix: 'a', limit: 1 },
  limit: { limit: 2 },
  'limit of more': { limit: 1000 },
  'limit and start': { limit: 1, start: 'b' },
}

const limits = {
  zero: 0,
  'less than zero': -1,
  half: 0.5,
  'minus a half': -0.5,
  fraction: 1.7,
  text: '2',
  'no number': 'x',
  'empty text': '',
  nan: Number.NaN,
  infinity: Infinity,
  'minus infinity': -Infinity,
  null: null,
  undefined: undefined,
  boolean: true,
  bigint: 1n,
  symbol: Symbol('limit'),
  object: {},
  array: [2],
  '2 ** 31 - 1': 2 ** 31 - 1,
  '2 ** 31': 2 ** 31,
  '-2 ** 31 - 1': -(2 ** 31) - 1,
  '2 ** 32 + 1': 2 ** 32 + 1,
  date: new Date(2),
}

const bounds = {
  undefined: undefined,
  null: null,
  number: 1,
  symbol: Symbol('bound'),
  object: mine,
  throwing,
  bigint: 1n,
}

class Point {
  x = 1
  #hidden = 2
  get sum() {
    return this.x + this.#hidden
  }
}

const cyclic = () => {
  const value = { name: 'cycle', list: [] }
  value.self = value
  value.list.push(value, value.list)
  return value
}

const shared = () => {
  const part = { n: 1 }
  return [part, part, new Map([[part, part]])]
}

const values = {
  null: () => null,
  booleans: () => [true, false],
  numbers: () => [0, -0, 1.5, 2 ** 53, -(2 ** 31), Number.NaN, Infinity, -Infinity, 5e-324],
  bigints: () => [0n, -1n, 2n ** 64n, -(2n ** 200n)],
  texts: () => ['', 'ascii', 'é', '\u{1F600}', '\uD83D', 'a\0b', 'x'.repeat(300)],
  dates: () => [new Date(0), new Date(1e12 + 1), new Date(Number.NaN)],
  regexps: () => [/a/, /[\\/]é/gimsuy, /x/dv.source],
  boxed: () =>
    [new Number(1), new String('s'), new Boolean(false), Object(1n)].map((v) => [
      Object.prototype.toString.call(v),
      v.valueOf(),
    ]),
  array: () => [1, [2, [3]], undefined, null],
  'sparse array': () => {
    const list = [1]
    list[5] = 2
    return list
  },
  'array with properties': () => Object.assign([1, 2], { extra: 1 }),
  object: () => ({ b: 1, a: 2, 10: 'x', 2: 'y', undefined: undefined }),
  'object without prototype': () => Object.assign(Object.create(null), { a: 1 }),
  'own __proto__': () => JSON.parse('{"__proto__": {"a": 1}, "b": 2}'),
  map: () =>
    new Map([
      [1, 'a'],
      ['k', new Map()],
      [Number.NaN, new Set()],
    ]),
  set: () => new Set([1, 'a', new Set([null])]),
  buffers: () => [new ArrayBuffer(0), new Uint8Array([1, 2, 3]).buffer],
  'typed arrays': () => [
    new Int8Array([-1]),
    new Uint8Array([1, 255]),
    new Uint8ClampedArray([300]),
    new Int16Array([-2]),
    new Uint16Array([3]),
    new Int32Array([-4]),
    new Uint32Array([5]),
    new Float32Array([0.5]),
    new Float64Array([Math.PI]),
    new BigInt64Array([-6n]),
    new BigUint64Array([7n]),
    new DataView(new ArrayBuffer(2)),
  ],
  'view of a part': () => new Uint8Array(new Uint8Array([1, 2, 3, 4]).buffer, 1, 2),
  'views of one buffer': () => {
    const { buffer } = new Uint8Array([1, 2, 3, 4])
    return [new Uint8Array(buffer, 0, 2), new Uint16Array(buffer)]
  },
  'resizable buffer': () => new ArrayBuffer(2, { maxByteLength: 8 }),
  nested: () => ({ a: [{ b: new Map([['c', [new Date(1)]]]) }] }),
  'class instance': () => new Point(),
  'getters and hidden properties': () =>
    Object.defineProperty(
      {
        get a() {
          return 1
        },
      },
      'hidden',
      { value: 2 },
    ),
  'symbol as key': () => ({ [Symbol('s')]: 1, a: 1 }),
  arguments: () =>
    (function () {
      return arguments
    })(1, 2),
}

const errors = {
  Error: () => new Error('m'),
  'every built-in class': () =>
    [EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError].map(
      (E) => new E('m'),
    ),
  'without message': () => new Error(),
  'of a class of its own': () => new (class MyError extends RangeError {})('m'),
  'with a name of its own': () => Object.assign(new Error('m'), { name: 'Named' }),
  'with properties': () => Object.assign(new TypeError('m'), { code: 'C', data: { a: 1 } }),
  'with a cause': () => new Error('m', { cause: new RangeError('c') }),
  'with a cause that is no error': () => new Error('m', { cause: { why: 1 } }),
  AggregateError: () => new AggregateError([new Error('a')], 'm'),
  DOMException: () => new DOMException('m', 'AbortError'),
}

const describeError = (error) =>
  error instanceof Error
    ? [
        error.constructor.name,
        Object.prototype.toString.call(error),
        error.name,
        error.message,
        Object.keys(error).sort(),
        'cause' in error ? describeError(error.cause) : 'no cause',
        String(error.stack).split('\n')[0],
      ]
    : plain(error)

const refused = {
  function: () => () => 1,
  'function in an object': () => ({ a: [function named() {}] }),
  class: () => class A {},
  symbol: () => Symbol('s'),
  'symbol in an object': () => ({ a: Symbol('s') }),
  promise: () => Promise.resolve(1),
  WeakMap: () => new WeakMap(),
  WeakSet: () => new WeakSet(),
  WeakRef: () => new WeakRef({}),
  generator: () => (function* () {})(),
  'getter that throws': () => ({
    get a() {
      throw new RangeError('mine')
    },
  }),
  'proxy of an object': () => new Proxy({ a: 1 }, {}),
  'proxy of an array': () => new Proxy([1], {}),
  'proxy of a function': () => new Proxy(() => 1, {}),
  'detached buffer': () => {
    const buffer = new ArrayBuffer(2)
    structuredClone(buffer, { transfer: [buffer] })
    return buffer
  },
}

const hosted = (object) => ({
  Headers: () => new Headers(),
  Request: () => new Request('http://x/'),
  Response: () => new Response('x'),
  'Response without body': () => new Response(null),
  ReadableStream: () => new ReadableStream(),
  WritableStream: () => new WritableStream(),
  TransformStream: () => new TransformStream(),
  URL: () => new URL('http://x/'),
  URLSearchParams: () => new URLSearchParams('a=1'),
  Blob: () => new Blob(['x']),
  File: () => new File(['x'], 'n'),
  FormData: () => new FormData(),
  AbortSignal: () => new AbortController().signal,
  AbortController: () => new AbortController(),
  Event: () => new Event('x'),
  EventTarget: () => new EventTarget(),
  TextEncoder: () => new TextEncoder(),
  TextDecoder: () => new TextDecoder(),
  WebSocket: () => new WebSocketPair()[0],
  CryptoKey: () => crypto.subtle.generateKey({ name: 'HMAC', hash: 'SHA-256' }, true, ['sign']),
  'the object itself': () => object,
  storage: () => object.ctx.storage,
  ctx: () => object.ctx,
  id: () => object.ctx.id,
  namespace: () => object.env.Subject,
  stub: () => object.env.Subject.getByName('another'),
  'stub in an object': () => ({ a: [object.env.Subject.getByName('another')] }),
})

const methodsOf = (object) => {
  const prototype = Object.getPrototypeOf(object)
  const describe = (target) =>
    Object.entries(Object.getOwnPropertyDescriptors(target)).map(
      ([name, d]) =>
        `${name}${d.get === undefined ? '' : ' get'}${d.enumerable ? ' enumerable' : ''}`,
    )
  const inherited = []
  for (const name in object) inherited.push(name)
  return {
    own: describe(object),
    prototype: describe(prototype),
    class: prototype.constructor.name,
    tag: String(object),
    inherited,
  }
}

const awaits = {
  steps: {
    write: ({ storage }) => storage.put('kept', 1),
    fail: async ({ storage, ctx }) => {
      storage.put('lost', 1)
      storage.put({ 'lost too': 2 })
      await storage.delete('kept')
      ctx.abort('on purpose')
    },
    read: async ({ storage }) => [...(await storage.list())],
  },
}

const deferred = {
  steps: {
    prepare: ({ sql, storage }) => {
      sql.exec('CREATE TABLE parent (id INTEGER PRIMARY KEY)')
      sql.exec('CREATE TABLE child (p REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED)')
      return storage.put('earlier', 1)
    },
    violate: async ({ sql, storage }) => {
      storage.put('later', 1)
      sql.exec('INSERT INTO child VALUES (7)')
      await sleep(1)
      return 'goes on'
    },
    read: async ({ sql, storage }) => [
      sql.exec('SELECT count(*) AS n FROM child').one().n,
      [...(await storage.list()).keys()],
    ],
  },
}

export default serve({
  'R6.5 R6.20 an abort loses what its turn wrote, and only that': {
    ...awaits,
    drive: async ({ fresh }) => {
      const object = fresh()
      await object.do('write')
      return [await attempt(() => object.do('fail')), await object.renew().do('read')]
    },
  },
  'R6.6 options of get': async ({ storage }) => {
    await storage.put('a', 1)
    return {
      one: await each(options, (value) => storage.get('a', value)),
      many: await each(options, (value) => storage.get(['a'], value)),
    }
  },
  'R6.6 options of put': async ({ storage }) => ({
    one: await each(options, (value) => storage.put('a', 1, value)),
    many: await each(options, (value) => storage.put({ a: 1 }, value)),
  }),
  'R6.6 R7.22 options of delete': async ({ storage }) => ({
    one: await each(options, (value) => storage.delete('a', value)),
    many: await each(options, (value) => storage.delete(['a'], value)),
  }),
  'R6.6 options of list': async ({ storage }) => {
    await storage.put('a', 1)
    return await each(options, (value) => storage.list(value))
  },
  'R6.6 options of deleteAll, sync and alarms': async ({ storage }) => ({
    deleteAll: await each(options, (value) => storage.deleteAll(value)),
    sync: await each(options, (value) => storage.sync(value)),
    getAlarm: await each(options, (value) => storage.getAlarm(value)),
    deleteAlarm: await each(options, (value) => storage.deleteAlarm(value)),
  }),
  'R6.7 R6.8 constraints that fail at commit': {
    ...deferred,
    drive: async ({ fresh }) => {
      const object = fresh()
      await object.do('prepare')
      return [await attempt(() => object.do('violate')), await object.renew().do('read')]
    },
  },
  'R6.19 each object and each class has storage of its own': {
    steps: {
      write: ({ storage }, value) => storage.put('a', value),
      read: ({ storage }) => storage.get('a'),
    },
    drive: async ({ fresh, env }) => {
      const objects = [fresh(), fresh(), fresh(env.Plain)]
      await objects[0].do('write', 1)
      await objects[2].do('write', 3)
      return await Promise.all(objects.map((object) => object.do('read')))
    },
  },
  'R7.1 get of one key': async ({ storage }) => {
    await storage.put('a', { n: 1 })
    return [await storage.get('a'), await storage.get('none'), await storage.get('a', {})]
  },
  'R7.2 R7.30 get of several keys': async ({ storage }) => {
    await storage.put({ b: 1, a: 2, '\u{1F600}': 3, '\uFFFD': 4 })
    return await storage.get(['b', 'none', '\u{1F600}', 'a', 'b', '\uFFFD'])
  },
  'R7.3 what put gives': async ({ storage }) => [
    await storage.put('a', 1),
    await storage.put({ b: 1, c: 2 }),
    await storage.list(),
  ],
  'R7.4 R7.30 what delete gives': async ({ storage }) => {
    await storage.put({ a: 1, b: 2, c: 3 })
    return [
      await storage.delete('a'),
      await storage.delete('a'),
      await storage.delete(['b', 'b', 'none', 'c']),
      await storage.list(),
    ]
  },
  'R7.5 R7.6 R7.7 R7.8 list of ranges': async ({ storage }) => {
    await storage.put(keys)
    const answers = {}
    for (const [name, range] of Object.entries(ranges)) {
      answers[name] = await attempt(async () => [...(await storage.list(range)).keys()])
    }
    return answers
  },
  'R7.5 a list is a Map': async ({ storage }) => {
    await storage.put('a', 1)
    const list = await storage.list()
    return [list.constructor.name, list.get('a'), list.size]
  },
  'R7.9 R7.11 limits of list': async ({ storage }) => {
    await storage.put({ a: 1, b: 2, c: 3 })
    return await each(limits, (limit) => storage.list({ limit }).then((list) => [...list.keys()]))
  },
  'R7.10 start and startAfter': async ({ storage }) => {
    await storage.put({ a: 1, b: 2 })
    const both = {
      texts: { start: 'a', startAfter: 'a' },
      empty: { start: '', startAfter: '' },
      'start undefined': { start: undefined, startAfter: 'a' },
      'start null': { start: null, startAfter: 'a' },
      'startAfter undefined': { start: 'a', startAfter: undefined },
      'startAfter null': { start: 'a', startAfter: null },
      'and limit 0': { start: 'a', startAfter: 'a', limit: 0 },
    }
    return await each(both, (range) => storage.list(range))
  },
  'R7.11 R7.22 options of list of other types': async ({ storage }) => {
    await storage.put({ 1: 1, a: 2, null: 3, undefined: 4 })
    const names = ['start', 'startAfter', 'end', 'prefix', 'reverse']
    const answers = {}
    for (const name of names) {
      answers[name] = await each(bounds, (value) => storage.list({ [name]: value }))
    }
    return answers
  },
  'R7.12 values are copied when put and when got': async ({ storage }) => {
    const value = { list: [1] }
    const put = storage.put('a', value)
    value.list.push(2)
    await put
    const first = await storage.get('a')
    first.list.push(3)
    const many = await storage.get(['a'])
    many.get('a').list.push(4)
    const listed = await storage.list()
    return [await storage.get('a'), listed.get('a') === (await storage.get('a'))]
  },
  'R7.13 values come back': async ({ storage }) => {
    const answers = {}
    for (const [name, make] of Object.entries(values)) {
      answers[name] = await attempt(async () => {
        await storage.put('a', make())
        return await storage.get('a')
      })
    }
    return answers
  },
  'R7.13 cycles and shared parts stay': async ({ storage }) => {
    await storage.put({ cyclic: cyclic(), shared: shared() })
    const c = await storage.get('cyclic')
    const s = await storage.get('shared')
    return [
      c.self === c,
      c.list[0] === c,
      c.list[1] === c.list,
      s[0] === s[1],
      s[2].get(s[0]) === s[0],
    ]
  },
  'R7.13 views of one buffer come back as such': async ({ storage }) => {
    await storage.put('a', values['views of one buffer']())
    const [first, second] = await storage.get('a')
    await storage.put('b', values['resizable buffer']())
    const buffer = await storage.get('b')
    return [first.buffer === second.buffer, buffer.resizable, buffer.maxByteLength]
  },
  'R7.14 errors come back': async ({ storage }) => {
    const answers = {}
    for (const [name, make] of Object.entries(errors)) {
      answers[name] = await attempt(async () => {
        await storage.put('a', make())
        const value = await storage.get('a')
        return Array.isArray(value) ? value.map(describeError) : describeError(value)
      })
    }
    return answers
  },
  'R7.15 instances of classes come back': async ({ storage }) => {
    await storage.put('a', new Point())
    const value = await storage.get('a')
    return [value.constructor.name, Object.keys(value), value.sum]
  },
  'R7.16 what cannot be cloned': async ({ storage }) => {
    const answers = {}
    for (const [name, make] of Object.entries(refused)) {
      answers[name] = await how(() => storage.put('a', make()))
    }
    return [answers, await storage.list()]
  },
  'R7.16 one of several entries that cannot be cloned': async ({ storage }) => [
    await how(() => storage.put({ a: 1, b: () => 1, c: 2 })),
    await storage.list(),
  ],
  'R7.17 host objects': async (object) => {
    const answers = {}
    for (const [name, make] of Object.entries(hosted(object))) {
      const value = await make()
      answers[name] = await how(() => object.storage.put('a', value))
    }
    return answers
  },
  'R7.18 R7.19 undefined values': async ({ storage }) => [
    await how(() => storage.put('a', undefined)),
    await how(() => storage.put('a')),
    await how(() => storage.put({ a: undefined, b: 1 })),
    await how(() => storage.put({ a: undefined })),
    await storage.list(),
  ],
  'R7.20 R7.22 arguments of put': async ({ storage }) => {
    const calls = {
      none: [],
      undefined: [undefined],
      null: [null],
      number: [1],
      text: ['a'],
      boolean: [true],
      symbol: [Symbol('s')],
      function: [() => 1],
      'function and value': [() => 1, 1],
      'function and options': [() => 1, {}],
      array: [['x', 'y']],
      'empty array': [[]],
      'array and value': [['x'], 1],
      'empty array and value': [[], 1],
      'empty array and options': [[], {}],
      'entries and text': [{ a: 1 }, 'x'],
      'entries and number': [{ a: 1 }, 1],
      'entries and true': [{ a: 1 }, true],
      'entries and null': [{ a: 1 }, null],
      'entries and function': [{ a: 1 }, () => 1],
      'entries, options and more': [{ a: 1 }, {}, {}],
      'entries, undefined and options': [{ a: 1 }, undefined, {}],
      'entries, undefined and text': [{ a: 1 }, undefined, 'x'],
      'no entries and text': [{}, 'x'],
      'key, value and text': ['a', 1, 'x'],
      'key, undefined and options': ['a', undefined, {}],
      'key, value, options and more': ['a', 1, {}, 1],
      map: [new Map([['m', 1]])],
      date: [new Date(0)],
      'date and value': [new Date(0), 1],
      boxed: [new String('ab')],
      'boxed and value': [new String('ab'), 1],
    }
    const answers = {}
    for (const [name, values] of Object.entries(calls)) {
      answers[name] = [await how(() => storage.put(...values)), [...(await storage.list()).keys()]]
      await storage.deleteAll()
    }
    return answers
  },
  'R7.20 which entries of an object are put': async ({ storage }) => {
    const inherited = Object.create(
      { inherited: 1 },
      {
        own: { value: 2, enumerable: true },
        hidden: { value: 3 },
        [Symbol('s')]: { value: 4, enumerable: true },
      },
    )
    await storage.put(inherited)
    await storage.put(Object.assign(Object.create(null), { 'without prototype': 1 }))
    return [
      await how(() =>
        storage.put({
          get thrower() {
            throw new RangeError('mine')
          },
        }),
      ),
      await storage.list(),
    ]
  },
  'R7.21 R7.22 keys of get': async ({ storage }) => {
    await storage.put('a', 1)
    return {
      none: await how(() => storage.get()),
      one: await each(oneKey, (key) => storage.get(key)),
      many: await each(manyKeys, (list) => storage.get(list)),
    }
  },
  'R7.21 R7.22 keys of put': async ({ storage }) => [
    await each(oneKey, (key) => storage.put(key, 1)),
    await storage.list(),
  ],
  'R7.21 R7.22 keys of delete': async ({ storage }) => {
    await storage.put({ a: 1, b: 2, undefined: 3 })
    return {
      none: await how(() => storage.delete()),
      one: await each(oneKey, (key) => storage.delete(key)),
      many: await each(manyKeys, (list) => storage.delete(list)),
    }
  },
  'R7.22 called without its object': async ({ storage }) => {
    const { get, put, list } = storage
    return await Promise.all([
      how(() => get('a')),
      how(() => put.call({}, 'a', 1)),
      how(() => list.call(null)),
      how(() => new storage.constructor()),
      how(() => storage.constructor()),
    ])
  },
  'R7.22 R8.26 the members of storage, transaction and kv': async ({ storage, kv }) => {
    const transaction = await storage.transaction(async (txn) => methodsOf(txn))
    return {
      storage: methodsOf(storage),
      transaction,
      kv: methodsOf(kv),
      'the same each time': storage.kv === storage.kv && storage.get === storage.get,
      'is global': typeof DurableObjectStorage,
    }
  },
  'R7.23 nothing is limited by default': async ({ storage }) => {
    const long = 'k'.repeat(3000)
    const many = Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`n${i}`, i]))
    await storage.put(long, 1)
    await storage.put('', 2)
    await storage.put(many)
    await storage.put('large', 'x'.repeat(200_000))
    return [
      await storage.get(long),
      await storage.get(''),
      (await storage.get(Object.keys(many))).size,
      (await storage.get('large')).length,
      await storage.delete(Object.keys(many)),
    ]
  },
  'R7.24 the largest value': async ({ storage }) => {
    const answers = []
    // V8 writes a text with its header and length: 2, 1 and 4 bytes; the row has the key as well.
    for (const size of [8_388_600, 8_388_620, 8_388_625, 8_388_630, 8_388_642, 9_000_000]) {
      answers.push([size, await how(() => storage.put('a', 'x'.repeat(size)))])
      answers.push([size, await how(() => storage.put('key'.repeat(5), 'x'.repeat(size)))])
    }
    return answers
  },
  'R7.25 keys of any text': async ({ storage }) => {
    await storage.put({ 'n\0u': 1, n: 2, '\0': 3, é: 4, 'e\u0301': 5, '\u{10FFFF}': 6 })
    const lone = [await how(() => storage.put('\uD83D', 'lone')), await storage.get('\uFFFD')]
    return [await storage.list(), await storage.get('n'), await storage.get('\uD83D'), lone]
  },
  'R7.29 nothing to do': async ({ storage }) => [
    await storage.get([]),
    await storage.put({}),
    await storage.delete([]),
    await storage.list(),
  ],
  'R7.1 R7.22 a class that is not declared with SQL': {
    steps: {
      ask: async ({ storage }) => {
        await storage.put({ b: 1, a: 2 })
        return [
          await storage.list(),
          await storage.delete('a'),
          attemptSync(() => storage.sql.databaseSize),
          attemptSync(() => storage.sql.exec('SELECT 1')),
          attemptSync(() => storage.transactionSync(() => 1)),
          Object.keys(storage),
        ]
      },
    },
    drive: ({ fresh, env }) => fresh(env.Plain).do('ask'),
  },
})
