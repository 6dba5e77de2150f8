import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DurableError } from '../../src/base/index.ts'
import type { Answer } from '../../src/storage/index.ts'
import { Bench, bytes, everything, now, text } from './cache-bench.ts'

test('[KC13] above the soft limit, what was not used for longest is forgotten, and no dirty value', () => {
  const bench = new Bench({ a: 'x'.repeat(100), b: 'x'.repeat(100) }, { softBytes: 700 })
  bench.get('a')
  bench.get('b')
  bench.settle()
  assert.equal(text(now(bench.get('a')))?.length, 100)
  bench.put('w', 'y'.repeat(250))
  assert.ok(bench.get('b').isPending, 'b was used before a')
  assert.ok(!bench.get('a').isPending)
  bench.put('v', 'y'.repeat(2000))
  assert.equal(text(now(bench.get('w')))?.length, 250)
  assert.equal(text(now(bench.get('v')))?.length, 2000)
  bench.settle()
  assert.ok(bench.memory.bytes <= 700)
  const later = bench.list()
  bench.settle()
  assert.equal(now(later).length, 4)
})

test('[KC13] a gap is forgotten together with the key beside it', () => {
  const bench = new Bench({ b: '1', d: '1' }, { softBytes: 0 })
  const list = bench.list()
  bench.settle()
  assert.deepEqual(now(list), ['b=1', 'd=1'])
  for (const key of ['a', 'b', 'c', 'd', 'e']) assert.ok(bench.get(key).isPending, key)
  bench.settle()
})

test('[KC14] above the hard limit every object is reset, with the text of the reference', () => {
  const bench = new Bench({ a: 'x'.repeat(3000) }, { hardBytes: 2000 })
  const neighbour = bench.open()
  bench.put('w', '1')
  bench.take()
  const list = bench.list()
  bench.store.calls.at(-1)?.succeed()
  const heard = bench.take()
  assert.equal(heard.filter((what) => what.startsWith('broke: ')).length, 2)
  for (const { broken } of [bench.cache, neighbour]) {
    assert.ok(broken instanceof DurableError)
    assert.equal(broken.overloaded, true)
    assert.match(
      broken.message,
      /^Durable Object's isolate exceeded its memory limit due to overflowing the storage cache\. This could be due to writing too many values to storage without stopping to wait for writes to complete, or due to reading too many values in a single operation \(e\.g\. a large list\(\)\)\. All objects in the isolate were reset\.$/,
    )
  }
  assert.ok(!list.isPending)
  assert.equal(bench.memory.bytes, 0)

  const writer = new Bench({}, { hardBytes: 2000 })
  writer.turn(() => writer.cache.put('big', bytes('x'.repeat(3000))))
  assert.ok(writer.cache.broken !== undefined)
  const reader = new Bench({ a: 'x'.repeat(3000) }, { hardBytes: 2000 })
  reader.cache.list(everything, { noCache: true })
  reader.settle()
  assert.ok(reader.cache.broken !== undefined, 'also what is not to be kept')
})

test('[KC15] what has not been used for 30 seconds is forgotten', () => {
  const bench = new Bench({ a: '1', b: '1' })
  bench.get('a')
  bench.get('b')
  bench.settle()
  bench.nowMs = 20_000
  assert.ok(!bench.get('b').isPending)
  bench.put('w', '1')
  bench.nowMs = 31_000
  bench.memory.evictStale()
  assert.ok(bench.get('a').isPending)
  assert.ok(!bench.get('b').isPending)
  bench.nowMs = 90_000
  bench.memory.evictStale()
  assert.ok(!bench.get('w').isPending, 'the store does not have it yet')
  bench.settle()
})

test('[KC16] while too much waits to be flushed, puts and events wait', () => {
  const bench = new Bench({}, { unflushedBytes: 1000 })
  let small: Answer<void> | undefined
  let big: Answer<void> | undefined
  bench.turn(() => {
    small = bench.cache.put('a', bytes('1'))
    big = bench.cache.put('b', bytes('x'.repeat(1000)))
  })
  assert.ok(!small?.isPending)
  assert.ok(big?.isPending)
  const relieved: string[] = []
  bench.cache.whenRelieved(() => relieved.push('event'))
  assert.deepEqual(relieved.splice(0), [])
  bench.settle()
  assert.ok(!big?.isPending)
  assert.deepEqual(relieved.splice(0), ['event'])
  bench.cache.whenRelieved(() => relieved.push('next'))
  assert.deepEqual(relieved.splice(0), ['next'])

  // What an open transaction wrote cannot be flushed: to wait for it would be for ever.
  const transaction = bench.cache.begin()
  assert.ok(!bench.cache.put('c', bytes('x'.repeat(2000))).isPending)
  bench.turn(() => transaction.commit())
  bench.cache.whenRelieved(() => relieved.push('after it'))
  assert.deepEqual(relieved.splice(0), [])
  bench.cache.break(new Error('over'))
  assert.deepEqual(relieved, ['after it'], 'nobody waits for what is broken')
})
