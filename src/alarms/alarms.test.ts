import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { DueHeap } from './due-heap.ts'
import {
  AlarmSchedule,
  type AlarmSource,
  decideRetry,
  type Due,
  DueIndex,
  firstRun,
  type RetryState,
  type RingOutcome,
} from './index.ts'

const seed = Number(process.env['SLUICE_SEED'] ?? 20_261_124)
const numRuns = Number(process.env['SLUICE_RUNS'] ?? 2000)

const compareKeys = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
const compare = (a: Due, b: Due): number => a.at - b.at || compareKeys(a.key, b.key)

/** What is stored, and how often it was read. */
class FakeSource implements AlarmSource {
  readonly stored = new Map<string, number>()
  readonly compareKeys = compareKeys
  reads = 0

  readAlarms(after: Due | undefined, limit: number): Due[] {
    this.reads += 1
    return [...this.stored]
      .map(([key, at]) => ({ key, at }))
      .filter((due) => after === undefined || compare(due, after) > 0)
      .sort(compare)
      .slice(0, limit)
  }
}

function schedule(random = 0): {
  alarms: AlarmSchedule
  source: FakeSource
  commit(key: string, at: number | null): void
  due(nowMs: number): string[]
} {
  const source = new FakeSource()
  const alarms = new AlarmSchedule({ source, random: () => random, indexLimit: 4 })
  return {
    alarms,
    source,
    commit(key, at) {
      if (at === null) source.stored.delete(key)
      else source.stored.set(key, at)
      alarms.confirmed(key, at)
    },
    due: (nowMs) =>
      alarms.takeDue(nowMs, 100).map(({ key, at, retryCount }) => `${key}@${at}#${retryCount}`),
  }
}

const threw: RingOutcome = { kind: 'failed', isCounted: true, isReplaced: false, mayRetry: true }
const lost: RingOutcome = { ...threw, isCounted: false }

test('[AL2] an alarm is due at its time, the earliest first, and moves with each commit', () => {
  const { alarms, commit, due } = schedule()
  commit('b', 20)
  commit('a', 30)
  commit('c', 20)
  assert.equal(alarms.nextAt(), 20)
  assert.deepEqual(due(19), [])
  commit('b', 40)
  commit('a', 5)
  assert.equal(alarms.nextAt(), 5)
  commit('c', null)
  assert.deepEqual(due(39), ['a@5#0'])
  assert.deepEqual(due(40), ['b@40#0'])
  assert.equal(alarms.nextAt(), undefined)
})

test('[AL4] an alarm that rings does not ring again before its handler is done', () => {
  const { alarms, commit, due } = schedule()
  commit('a', 10)
  assert.deepEqual(due(10), ['a@10#0'])
  // A commit of the handler with the alarm as it was, then one that sets the next.
  commit('a', 10)
  assert.deepEqual(due(50), [])
  commit('a', 20)
  assert.deepEqual(due(50), [])
  assert.equal(alarms.ringingCount, 1)
  assert.equal(alarms.finished('a', { kind: 'succeeded' }, 50), 'done')
  assert.deepEqual(due(50), ['a@20#0'])
  commit('a', null)
  alarms.finished('a', { kind: 'succeeded' }, 50)
  assert.deepEqual(due(1000), [])
})

test('[AL4] an alarm set in its handler for the very same time rings again', () => {
  const { alarms, commit, due } = schedule()
  commit('a', 10)
  due(10)
  commit('a', 10)
  alarms.finished('a', { kind: 'succeeded' }, 10)
  assert.deepEqual(due(10), ['a@10#0'])
})

test('[AL3] a spurious ring waits for the time that is stored', () => {
  const { alarms, commit, due } = schedule()
  commit('a', 10)
  assert.deepEqual(due(10), ['a@10#0'])
  alarms.finished('a', { kind: 'spurious', storedAt: 70 }, 10)
  assert.deepEqual(due(69), [])
  assert.deepEqual(due(70), ['a@70#0'])
  // What was confirmed meanwhile is newer than what the ring found.
  commit('a', 80)
  alarms.finished('a', { kind: 'spurious', storedAt: 70 }, 71)
  assert.deepEqual(due(79), [])
  assert.deepEqual(due(80), ['a@80#0'])
})

test('[AL7] a failing handler is retried six times, ever later, then the alarm is abandoned', () => {
  const { alarms, commit, due } = schedule()
  commit('a', 1000)
  let now = 1000
  const delays: number[] = []
  for (let retry = 0; retry <= 6; retry += 1) {
    assert.deepEqual(due(now), [`a@1000#${retry}`])
    const verdict = alarms.finished('a', threw, now)
    assert.equal(verdict, retry < 6 ? 'done' : 'abandoned')
    if (verdict === 'abandoned') break
    const next = alarms.nextAt() ?? 0
    delays.push(next - now)
    assert.deepEqual(due(next - 1), [])
    now = next
  }
  assert.deepEqual(delays, [2000, 4000, 8000, 16_000, 32_000, 64_000])
  assert.deepEqual(due(Number.MAX_SAFE_INTEGER), [])
})

test('[AL7] the last ring says so', () => {
  const { alarms, commit } = schedule()
  commit('a', 1)
  let now = 1
  for (let retry = 0; retry <= 6; retry += 1) {
    const [ring] = alarms.takeDue(now, 1)
    assert.equal(ring?.isLast, retry === 6)
    alarms.finished('a', threw, now)
    now = alarms.nextAt() ?? 0
  }
})

test('[AL7] failures that do not count are retried for ever, and counting begins anew', () => {
  const { alarms, commit, due } = schedule()
  commit('a', 0)
  let now = 0
  const fail = (outcome: RingOutcome): number => {
    assert.equal(due(now).length, 1)
    assert.equal(alarms.finished('a', outcome, now), 'done')
    const delay = (alarms.nextAt() ?? 0) - now
    now += delay
    return delay
  }
  const delays = Array.from({ length: 20 }, () => fail(lost))
  assert.deepEqual(
    delays.slice(0, 10),
    [2, 4, 8, 16, 32, 64, 128, 256, 512, 1024].map((s) => s * 1000),
  )
  assert.ok(delays.slice(10).every((delay) => delay === 1_024_000))
  assert.equal(fail(threw), 2000)
  assert.equal(fail(threw), 4000)
  assert.deepEqual(due(now), ['a@0#2'])
})

test('[AL7] the delay has up to a quarter of chance in it', () => {
  const delayOf = (random: number): number => {
    const decision = decideRetry(firstRun, true, () => random)
    return decision.kind === 'retry' ? decision.delayMs : -1
  }
  assert.equal(delayOf(0), 2000)
  assert.equal(delayOf(0.5), 2250)
  assert.ok(delayOf(1 - Number.EPSILON) <= 2500)
})

test('[AL7] retries end when the program sets or deletes the alarm, in the handler or later', () => {
  const { alarms, commit, due } = schedule()
  commit('a', 10)
  due(10)
  commit('a', 30)
  alarms.finished('a', { ...threw, isReplaced: true }, 10)
  assert.deepEqual(due(30), ['a@30#0'])
  alarms.finished('a', threw, 30)
  // Other writes of the object carry the alarm as it is.
  commit('a', 30)
  assert.equal(alarms.nextAt(), 2030)
  commit('a', 500)
  assert.equal(alarms.nextAt(), 500)
  assert.deepEqual(due(500), ['a@500#0'])
  alarms.finished('a', threw, 500)
  commit('a', null)
  assert.equal(alarms.nextAt(), undefined)
})

test('[AL8] an alarm that was given up is abandoned at its first failure', () => {
  const { alarms, commit, due } = schedule()
  commit('a', 10)
  due(10)
  assert.equal(alarms.finished('a', { ...threw, mayRetry: false }, 10), 'abandoned')
  assert.equal(alarms.nextAt(), undefined)
})

test('[AL11] memory holds a page of the alarms that are due next, however many are armed', () => {
  const source = new FakeSource()
  for (let i = 0; i < 5000; i += 1)
    source.stored.set(`k${String(i).padStart(4, '0')}`, 1000 + (i % 7))
  const index = new DueIndex(source, 50)
  const taken: Due[] = []
  for (let due = index.take(2000); due !== undefined; due = index.take(2000)) {
    assert.ok(index.size < 50)
    source.stored.delete(due.key)
    taken.push(due)
  }
  assert.equal(taken.length, 5000)
  assert.deepEqual(taken, taken.toSorted(compare))
  assert.equal(source.reads, 101)
})

test(`[AL11] the index gives what sorting everything gives (seed ${seed})`, () => {
  const key = fc.integer({ min: 0, max: 20 }).map((n) => `k${String(n).padStart(2, '0')}`)
  const step = fc.oneof(
    fc.record({ do: fc.constant('set' as const), key, at: fc.option(fc.nat(12), { nil: null }) }),
    fc.record({ do: fc.constant('take' as const), now: fc.nat(12) }),
  )
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 80 }),
      fc.integer({ min: 1, max: 6 }),
      (steps, limit) => {
        const source = new FakeSource()
        const index = new DueIndex(source, limit)
        for (const action of steps) {
          if (action.do === 'set') {
            if (action.at === null) source.stored.delete(action.key)
            else source.stored.set(action.key, action.at)
            index.set(action.key, action.at)
          } else {
            const [first] = source.readAlarms(undefined, 1)
            const expected = first !== undefined && first.at <= action.now ? first : undefined
            assert.deepEqual(index.take(action.now), expected)
            if (expected !== undefined) source.stored.delete(expected.key)
          }
          assert.ok(index.size <= 2 * limit)
          assert.equal(index.next(), source.readAlarms(undefined, 1)[0]?.at)
        }
      },
    ),
    { seed, numRuns },
  )
})

test(`[AL1] [AL4] no alarm is lost and none rings twice at once (seed ${seed})`, () => {
  const key = fc.integer({ min: 0, max: 6 }).map((n) => `k${n}`)
  const step = fc.oneof(
    fc.record({
      do: fc.constant('commit' as const),
      key,
      at: fc.option(fc.nat(40), { nil: null }),
    }),
    fc.record({ do: fc.constant('tick' as const), by: fc.nat(3000) }),
    fc.record({
      do: fc.constant('finish' as const),
      pick: fc.nat(),
      how: fc.constantFrom('succeeded', 'threw', 'lost', 'replaced', 'spurious'),
    }),
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const { alarms, source, commit } = schedule()
      const ringing = new Map<string, number>()
      let now = 0
      const finish = (ringKey: string, how: string): void => {
        const at = ringing.get(ringKey) ?? 0
        ringing.delete(ringKey)
        const stored = source.stored.get(ringKey) ?? null
        // As the runtime does: a handler that succeeded deletes the alarm that rang.
        if (how === 'succeeded' && stored === at) commit(ringKey, null)
        const outcome: RingOutcome =
          how === 'threw'
            ? threw
            : how === 'lost'
              ? lost
              : how === 'replaced'
                ? { ...threw, isReplaced: true }
                : how === 'spurious' && stored !== at
                  ? { kind: 'spurious', storedAt: stored }
                  : { kind: 'succeeded' }
        if (how === 'replaced') commit(ringKey, now + 5)
        if (how === 'spurious' && stored === at) commit(ringKey, null)
        if (alarms.finished(ringKey, outcome, now) === 'abandoned') commit(ringKey, null)
      }
      for (const action of steps) {
        if (action.do === 'commit') commit(action.key, action.at === null ? null : now + action.at)
        else if (action.do === 'tick') {
          now += action.by
          for (const ring of alarms.takeDue(now, 3)) {
            assert.ok(!ringing.has(ring.key), 'two handlers of one object')
            assert.ok(ring.at <= now)
            ringing.set(ring.key, ring.at)
          }
        } else {
          const keys = [...ringing.keys()]
          const picked = keys[action.pick % Math.max(1, keys.length)]
          if (picked !== undefined) finish(picked, action.how)
        }
      }
      // Whatever is still stored must ring, once every handler succeeds.
      for (let round = 0; source.stored.size > 0; round += 1) {
        assert.ok(round < 100, `never rings: ${[...source.stored.keys()].join(' ')}`)
        for (const ringKey of ringing.keys()) finish(ringKey, 'succeeded')
        now += 2_000_000
        for (const ring of alarms.takeDue(now, 3)) ringing.set(ring.key, ring.at)
      }
      for (const ringKey of ringing.keys()) finish(ringKey, 'succeeded')
      assert.equal(alarms.size, 0)
    }),
    { seed, numRuns },
  )
})

test('[AL11] the heap keeps order through any sets and deletes', () => {
  const change = fc.tuple(fc.nat(15), fc.option(fc.nat(9), { nil: null }))
  fc.assert(
    fc.property(fc.array(change), (changes) => {
      const heap = new DueHeap(compare)
      const model = new Map<string, number>()
      for (const [n, at] of changes) {
        const key = `k${String(n).padStart(2, '0')}`
        if (at === null) {
          heap.delete(key)
          model.delete(key)
        } else {
          heap.set(key, at)
          model.set(key, at)
        }
        const sorted = [...model].map(([k, a]) => ({ key: k, at: a })).sort(compare)
        assert.deepEqual(heap.first, sorted[0])
        assert.equal(heap.size, model.size)
      }
      const sorted = [...model].map(([key, at]) => ({ key, at })).sort(compare)
      for (const due of sorted) {
        assert.deepEqual(heap.first, due)
        heap.delete(due.key)
      }
    }),
    { seed, numRuns },
  )
})

test('[AL7] a retry is decided by counts alone', () => {
  fc.assert(
    fc.property(fc.array(fc.boolean()), (failures) => {
      let state: RetryState = firstRun
      let counted = 0
      for (const isCounted of failures) {
        const decision = decideRetry(state, isCounted, () => 0)
        if (decision.kind === 'abandon') {
          assert.ok(isCounted && counted === 6)
          return
        }
        counted += isCounted ? 1 : 0
        assert.equal(decision.state.countedRetries, counted)
        assert.ok(decision.delayMs >= 2000 && decision.delayMs <= 1_024_000)
        state = decision.state
      }
    }),
    { seed, numRuns: 300 },
  )
})
