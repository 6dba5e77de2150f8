// Reference 1.11: the synchronous KV API.

import { attemptSync, plain, serve, sleep, Subject } from '../harness.js'

export { Subject }

/** Declared in `new_classes`: no SQL. */
export class Plain extends Subject {}

const outcomes = (calls) =>
  Object.fromEntries(Object.entries(calls).map(([name, act]) => [name, attemptSync(act)]))

const fill = (kv) => {
  for (const key of ['a', 'b', 'c', 'd']) kv.put(key, key.toUpperCase())
}

const argumentsOf = {
  none: [],
  undefined: [undefined],
  null: [null],
  number: [1],
  bigint: [1n],
  symbol: [Symbol('key')],
  object: [{}],
  list: [['a', 'b']],
  boxed: [new String('a')],
  throwing: [
    {
      toString() {
        throw new RangeError('mine')
      },
    },
  ],
}

const options = {
  undefined: undefined,
  null: null,
  number: 1,
  text: 'x',
  boolean: true,
  symbol: Symbol('options'),
  array: [],
  function: () => 1,
  'limit of 0': { limit: 0 },
  'limit as text': { limit: '2' },
  'limit that is no number': { limit: 'x' },
  'limit of a half': { limit: 0.5 },
  'limit too large': { limit: 2 ** 31 },
  'limit as bigint': { limit: 1n },
  'start and startAfter': { start: 'a', startAfter: 'b' },
  'start null': { start: null },
  'prefix as number': { prefix: 1 },
  'reverse as number': { reverse: 1 },
}

export default serve({
  'R11.1 R11.2 R11.3 what get, put and delete give': async ({ kv, storage }) => {
    const given = [kv.get('a'), kv.put('a', { n: 1 }), kv.get('a'), kv.delete('a'), kv.delete('a')]
    kv.put('b', 1)
    await storage.put('c', 2)
    return [given, await storage.get('b'), kv.get('c'), await storage.list()]
  },
  'R11.4 ranges of list': ({ kv }) => {
    for (const key of ['', 'a', 'ab', 'b', 'c', '\uFFFD', '\u{1F600}']) kv.put(key, 1)
    const ranges = [
      {},
      { start: 'b' },
      { startAfter: 'b' },
      { end: 'b' },
      { prefix: 'a' },
      { prefix: '' },
      { limit: 2 },
      { reverse: true },
      { reverse: true, limit: 2 },
      { prefix: 'a', startAfter: 'a' },
      { start: 'c', end: 'a' },
      { reverse: true, start: 'ab', limit: 2 },
      { prefix: 'a', end: 'ab' },
      { limit: 1, start: 'b' },
    ]
    return ranges.map((range) => Array.from(kv.list(range), ([key]) => key))
  },
  'R11.4 an iterable of pairs': ({ kv }) => {
    fill(kv)
    return [
      new Map(kv.list()),
      Object.fromEntries(kv.list({ limit: 1 })),
      [...kv.list().map(([k]) => k)],
    ]
  },
  'R11.5 a new list ends the one before, at its call': ({ kv, storage }) => {
    fill(kv)
    return outcomes({
      'before the first step': () => {
        const first = kv.list()
        kv.list()
        return first.next()
      },
      'amid it': () => {
        const first = kv.list()
        first.next()
        const second = kv.list()
        return [attemptSync(() => first.next()), attemptSync(() => first.next()), second.next()]
      },
      'when it is at its end': () => {
        const first = kv.list()
        for (const _ of first);
        kv.list()
        return first.next()
      },
      'the new one was refused': () => {
        const first = kv.list()
        attemptSync(() => kv.list({ limit: 0 }))
        return first.next()
      },
      'in a loop': () => {
        const seen = []
        for (const [key] of kv.list()) {
          seen.push(key)
          kv.list()
        }
        return seen
      },
      'by the asynchronous list': () => {
        const first = kv.list()
        first.next()
        storage.list()
        return first.next()
      },
      'not by other operations': () => {
        const first = kv.list()
        first.next()
        kv.get('a')
        storage.get('a')
        return first.next()
      },
    })
  },
  'R11.6 R11.9 arguments': ({ kv }) => {
    const answers = {}
    for (const [name, values] of Object.entries(argumentsOf)) {
      answers[name] = outcomes({
        put: () => kv.put(...values),
        'put of 2': () => kv.put(values[0], 2),
        get: () => kv.get(...values),
        delete: () => kv.delete(...values),
      })
    }
    return answers
  },
  'R11.6 R11.9 values and options': ({ kv }) => {
    fill(kv)
    return {
      values: outcomes({
        undefined: () => kv.put('a', undefined),
        function: () => kv.put('a', () => 1),
        symbol: () => kv.put('a', Symbol('s')),
        entries: () => kv.put({ a: 1 }),
        'with options': () => [kv.put('a', 1, 1), kv.get('a', 1), kv.delete('a', 1)],
      }),
      list: Object.fromEntries(
        Object.entries(options).map(([name, value]) => [
          name,
          attemptSync(() => Array.from(kv.list(value), ([key]) => key)),
        ]),
      ),
    }
  },
  'R11.7 writes while an iterator runs': async ({ kv, storage }) => {
    fill(kv)
    const first = kv.list()
    const seen = [first.next().value]
    kv.put('bb', 1)
    kv.delete('c')
    kv.put('d', 'changed')
    for (const entry of first) seen.push(entry)
    const second = kv.list()
    const turn = [second.next().value]
    await storage.sync()
    await sleep(1)
    turn.push(...second)
    return [seen, turn]
  },
  'R11.8 a class that is not declared with SQL': {
    steps: {
      ask: ({ storage }) => [
        typeof storage.kv,
        attemptSync(() => storage.kv.get('a')),
        attemptSync(() => storage.kv.put('a', 1)),
        attemptSync(() => storage.kv.delete('a')),
        attemptSync(() => storage.kv.list()),
        attemptSync(() => storage.kv.get()),
      ],
    },
    drive: ({ fresh, env }) => fresh(env.Plain).do('ask'),
  },
  'R11.10 values are copied in and out': ({ kv }) => {
    const value = { list: [1] }
    kv.put('a', value)
    value.list.push(2)
    kv.get('a').list.push(3)
    for (const [, listed] of kv.list()) listed.list.push(4)
    return kv.get('a')
  },
  'R11.11 what an iterator is': ({ kv }) => {
    fill(kv)
    const iterator = kv.list()
    const of = {
      text: String(iterator),
      itself: iterator[Symbol.iterator]() === iterator,
      return: typeof iterator.return,
      throw: typeof iterator.throw,
      own: Object.getOwnPropertyNames(iterator),
      keys: Object.keys(Object.getPrototypeOf(iterator)),
      isIterator: iterator instanceof Iterator,
    }
    const first = Object.entries(iterator.next())
    for (const _ of kv.list()) break
    const broken = kv.list()
    for (const _ of broken) break
    const goesOn = plain(broken.next())
    for (const _ of broken);
    return [
      of,
      first,
      goesOn,
      broken.next(),
      broken.next(),
      attemptSync(() => iterator.next.call({})),
    ]
  },
})
