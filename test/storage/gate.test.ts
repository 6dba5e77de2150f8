// The input gate over a scripted store: what is delivered while storage waits.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as immediate } from 'node:timers/promises'
import { newestCompatibility } from '../../src/base/index.ts'
import { DurableObjectStorage, Incarnation } from '../../src/objects/index.ts'
import { noSockets } from './no-sockets.ts'
import {
  CachedStore,
  type CacheLimits,
  cacheLimits,
  CacheMemory,
  ScriptedStore,
} from '../../src/storage/index.ts'
import { encodeValue } from '../../src/storage/values.ts'

class Bench {
  readonly store = new ScriptedStore()
  readonly #memory: CacheMemory
  cached: CachedStore
  readonly log: string[] = []
  incarnation: Incarnation
  storage: DurableObjectStorage

  constructor(limits: Partial<CacheLimits> = {}) {
    for (const key of ['a', 'b', 'c']) this.store.content.set(key, encodeValue(key))
    const clock = { unixMs: () => 0, monotonicMs: () => 0 }
    this.#memory = new CacheMemory(clock, { ...cacheLimits, ...limits })
    this.cached = this.openCache(false)
    ;[this.incarnation, this.storage] = this.wake()
  }

  openCache(followsBroken: boolean): CachedStore {
    return new CachedStore({
      store: this.store,
      memory: this.#memory,
      alarmAt: null,
      followsBroken,
      newReference: () => 'r1',
    })
  }

  wake(): [Incarnation, DurableObjectStorage] {
    this.incarnation = new Incarnation({
      label: 'Object "o"',
      objectId: '0',
      store: this.cached,
      clock: { unixMs: () => 0, monotonicMs: () => 0 },
      timers: { after: () => ({ cancel: () => {} }) },
      compatibility: newestCompatibility,
      sockets: noSockets(),
      isFacet: false,
      deleteFacets: () => {},
      construct: () => ({}),
      ended: () => {},
      report: (message, error) => assert.fail(`${message}: ${String(error)}`),
    })
    this.storage = DurableObjectStorage.create(this.incarnation, {
      deleteAllDeletesAlarm: true,
      hasSql: true,
    })
    return [this.incarnation, this.storage]
  }

  /** An event; its answer, or its error, is logged when it leaves. */
  event(name: string, run: () => unknown): void {
    this.incarnation.deliver({
      kind: 'rpc',
      invoke: run,
      pack: (value) => value,
      reply: (value) =>
        this.log.push(`${name} answered${typeof value === 'string' ? ` ${value}` : ''}`),
      fail: (error) => this.log.push(`${name} failed: ${(error as Error).message}`),
    })
  }

  async take(): Promise<string[]> {
    await immediate()
    await immediate()
    return this.log.splice(0)
  }

  async answer(index = 0): Promise<string[]> {
    const call = this.store.calls[index]
    assert.ok(call !== undefined, 'the store was not asked')
    call.succeed()
    return this.take()
  }
}

test('[KC18] while storage is waited for, no other event is delivered, not even one of the same event', async () => {
  const bench = new Bench()
  const { log, storage } = bench
  let fromOutside = (): void => {}
  bench.event('A', async () => {
    const entry = bench.incarnation.entry()
    fromOutside = () => entry.deliver(() => log.push('A hears from outside'))
    log.push('A starts')
    log.push(`A has ${await storage.get('a')}`)
    await null
    log.push('A goes on')
  })
  bench.event('B', () => log.push('B runs'))
  assert.deepEqual(await bench.take(), ['A starts'])
  fromOutside()
  assert.deepEqual(await bench.take(), [])
  assert.deepEqual(await bench.answer(), [
    ...['A has a', 'A goes on', 'A answered', 'B runs', 'B answered', 'A hears from outside'],
  ])
})

test('[KC18] several operations under one lock are answered in any order, and all before others', async () => {
  const bench = new Bench()
  const { log, storage } = bench
  bench.event('A', () => {
    for (const end of ['b', 'c', 'd']) {
      void storage.list({ end, noCache: true }).then(({ size }) => log.push(`A has ${size}`))
    }
  })
  bench.event('B', () => log.push('B runs'))
  assert.deepEqual(await bench.take(), ['A answered'])
  assert.deepEqual(await bench.answer(2), ['A has 3'])
  assert.deepEqual(await bench.answer(0), ['A has 1'])
  assert.deepEqual(await bench.answer(0), ['A has 2', 'B runs', 'B answered'])
})

test('[KC18] what is asked in a critical section is answered there, and a transaction waits for what was asked before', async () => {
  const bench = new Bench()
  const { log, storage, incarnation } = bench
  bench.event('A', async () => {
    void storage.get('a').then((value) => log.push(`A has ${value}`))
    await storage.transaction(async (txn) => {
      log.push(`A transacts ${await txn.get('b')}`)
      await txn.put('b', 'new')
    })
    await incarnation.blockConcurrencyWhile(async () =>
      log.push(`A blocks ${await storage.get('c')}`),
    )
  })
  bench.event('B', async () => log.push(`B has ${await storage.get('b')}`))
  assert.deepEqual(await bench.take(), [])
  assert.deepEqual(await bench.answer(), ['A has a'])
  assert.deepEqual(await bench.answer(), ['A transacts b'])
  assert.deepEqual(
    bench.store.calls.map(({ kind }) => kind).toSorted(),
    ['flush', 'get'],
    'the section goes on while the transaction is flushed',
  )
  const get = bench.store.calls.findIndex(({ kind }) => kind === 'get')
  assert.deepEqual(await bench.answer(get), ['A blocks c', 'B has new'])
  assert.deepEqual(await bench.answer(), ['A answered', 'B answered'])
})

test('[KC19] with allowConcurrency other events are delivered meanwhile, and sync() locks nothing', async () => {
  const bench = new Bench()
  const { log, storage } = bench
  bench.event('A', async () => {
    log.push(`A has ${await storage.get('a', { allowConcurrency: true })}`)
    void storage.put('w', 1, { allowUnconfirmed: true })
    await storage.sync()
    log.push('A is durable')
  })
  bench.event('B', () => void log.push('B runs'))
  assert.deepEqual(await bench.take(), ['B runs', 'B answered'])
  assert.deepEqual(await bench.answer(), ['A has a'])
  bench.event('C', () => void log.push('C runs'))
  assert.deepEqual(await bench.take(), ['C runs', 'C answered'])
  assert.deepEqual(await bench.answer(), ['A is durable', 'A answered'])
})

test('[KC19] an answer that comes while another lock is held waits for it', async () => {
  const bench = new Bench()
  const { log, storage } = bench
  bench.event('A', async () => {
    log.push(`A has ${await storage.get('a', { allowConcurrency: true })}`)
  })
  bench.event('B', async () => log.push(`B has ${await storage.get('b')}`))
  assert.deepEqual(await bench.take(), [])
  assert.deepEqual(await bench.answer(0), [])
  assert.deepEqual(await bench.answer(0), ['B has b', 'B answered', 'A has a', 'A answered'])
})

test('[KC2] what the cache has is answered in the same turn', async () => {
  const bench = new Bench()
  const { log, storage } = bench
  bench.event('A', async () => {
    for (const key of ['a', 'a', 'a']) log.push(`A has ${await storage.get(key)}`)
    await storage.put('w', 1)
    log.push(`A has ${await storage.get('w')}`)
  })
  bench.event('B', () => void log.push('B runs'))
  await bench.take()
  assert.deepEqual(await bench.answer(), ['A has a', 'A has a', 'A has a', 'A has 1', 'B runs'])
  assert.deepEqual(await bench.answer(), ['A answered', 'B answered'])
})

test('[KC16] events wait while too much waits to be flushed', async () => {
  const bench = new Bench({ unflushedBytes: 1000 })
  const { log, storage } = bench
  bench.event('A', () => void storage.put('w', 'x'.repeat(2000), { allowUnconfirmed: true }))
  bench.event('B', () => void log.push('B runs'))
  bench.event('C', () => void log.push('C runs'))
  assert.deepEqual(await bench.take(), ['A answered'])
  assert.deepEqual(await bench.answer(), [...['B runs', 'B answered', 'C runs', 'C answered']])
})

test('[KC12] when a flush fails, nobody hears of what it held', async () => {
  const bench = new Bench()
  const message =
    'Internal error in Durable Object storage write caused object to be reset; reference = r1'
  bench.event('A', async () => {
    await bench.storage.put('w', 1)
    return 'written'
  })
  assert.deepEqual(await bench.take(), [])
  bench.store.calls[0]?.fail(new Error('disk'))
  assert.deepEqual(await bench.take(), [`A failed: ${message}`])
  bench.event('B', () => 'never')
  assert.deepEqual(await bench.take(), [`B failed: ${message}`])
})

test('[KC12] after a cache broke, nothing is told before what it had sent is durable', async () => {
  const bench = new Bench()
  bench.event('A', () => void bench.storage.put('a', 'sent'))
  await bench.take()
  bench.cached.break(new Error('over'))
  assert.deepEqual(await bench.take(), ['A failed: over'])
  bench.cached = bench.openCache(true)
  bench.wake()
  bench.event('B', () => bench.storage.get('a'))
  assert.deepEqual(await bench.take(), [])
  assert.deepEqual(await bench.answer(0), [], 'the flush of the broken one')
  assert.deepEqual(
    bench.store.calls.map(({ kind }) => kind),
    ['flush', 'get'],
  )
  assert.deepEqual(await bench.answer(1), [])
  assert.deepEqual(await bench.answer(0), ['B answered sent'])
})

test('[KC22] after an abort, the next incarnation sees the turns before it', async () => {
  const bench = new Bench()
  const { log } = bench
  bench.event('A', () => void bench.storage.put('a', 'earlier'))
  await bench.take()
  bench.event('B', () => {
    void bench.storage.put('a', 'aborted')
    void bench.storage.put('b', 'aborted')
    bench.incarnation.break(new Error('abort'))
  })
  assert.deepEqual(await bench.take(), ['A failed: abort', 'B failed: abort'])
  bench.wake()
  bench.event('C', async () => {
    log.push(`C has ${await bench.storage.get('a')}`)
    return bench.storage.get('b')
  })
  assert.deepEqual(await bench.take(), ['C has earlier'])
  assert.deepEqual(await bench.answer(1), [], 'the answer tells of a write that is not durable')
  assert.deepEqual(await bench.answer(0), ['C answered b'])
})
