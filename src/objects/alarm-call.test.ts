import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { setImmediate as immediate } from 'node:timers/promises'
import { DurableError } from '../base/index.ts'
import { ScriptedLog } from '../log/index.ts'
import { ObjectStore } from '../storage/index.ts'
import { alarmCall, type AlarmEnd } from './alarm-call.ts'
import type { InboundCall } from './call.ts'
import { ObjectAlarm } from './object-alarm.ts'

const root = mkdtempSync(join(tmpdir(), 'sluice-alarm-call-'))
after(() => rmSync(root, { recursive: true, force: true }))
let files = 0

/** One call of an alarm set for 100, on an object whose timers the test fires. */
function setUp(ring: { at?: number; retryCount?: number; isLast?: boolean } = {}): {
  call: InboundCall
  store: ObjectStore
  alarm: ObjectAlarm
  ends: AlarmEnd[]
  timers: { delayMs: number; fire(): void; isCancelled: boolean }[]
  host: { broken: { error: unknown } | undefined }
  reported: string[]
  confirm(): Promise<void>
} {
  const log = new ScriptedLog()
  const path = join(root, `${(files += 1)}.sqlite`)
  const store = ObjectStore.open({ path, object: 'n/o', fence: 0, log })
  store.setAlarm(100)
  store.turnEnded()
  const confirm = async (): Promise<void> => {
    store.turnEnded()
    log.flush()
    while (log.confirmNext());
    await immediate()
  }
  log.flush()
  while (log.confirmNext());
  const alarm = new ObjectAlarm(store)
  const ends: AlarmEnd[] = []
  const timers: { delayMs: number; fire(): void; isCancelled: boolean }[] = []
  const reported: string[] = []
  const host = {
    alarm,
    store,
    broken: undefined as { error: unknown } | undefined,
    timers: {
      after: (delayMs: number, fire: () => void) => {
        const timer = { delayMs, fire, isCancelled: false }
        timers.push(timer)
        return {
          cancel: () => {
            timer.isCancelled = true
          },
        }
      },
    },
    break: (error: unknown) => {
      host.broken = { error }
      call.fail(error as Error)
    },
    report: (message: string, error: unknown) =>
      reported.push(`${message}: ${(error as Error).message}`),
  }
  const call = alarmCall(host, {
    at: 100,
    retryCount: 0,
    isLast: false,
    ended: (end) => ends.push(end),
    ...ring,
  })
  return { call, store, alarm, ends, timers, host, reported, confirm }
}

test('[AL5] the alarm is stored until the handler has succeeded and its last commit is confirmed', async () => {
  const { call, store, alarm, ends, confirm } = setUp()
  const handler = Promise.withResolvers<void>()
  const done = call.invoke({ alarm: () => handler.promise }) as Promise<void>
  assert.equal(alarm.get(), null, 'nobody sees the alarm that rings')
  assert.equal(store.getAlarm(), 100, 'it is stored')
  handler.resolve()
  await done
  assert.equal(store.getAlarm(), null)
  call.reply(undefined)
  await immediate()
  assert.deepEqual(ends, [], 'the commit that deletes it is not confirmed')
  await confirm()
  assert.deepEqual(ends, [{ kind: 'succeeded' }])
})

test('[AL3] the handler is not called when another time is stored', async () => {
  const { call, ends } = setUp({ at: 90 })
  let calls = 0
  await call.invoke({ alarm: () => (calls += 1) })
  call.reply(undefined)
  await immediate()
  assert.equal(calls, 0)
  assert.deepEqual(ends, [{ kind: 'spurious', storedAt: 100 }])
})

test('[AL6] the handler gets exactly three things', async () => {
  for (const retryCount of [0, 3]) {
    const { call } = setUp({ retryCount })
    let given: object[] = []
    await call.invoke({ alarm: (...values: object[]) => (given = values) })
    const things = given.map((value) => ({ ...value }))
    assert.deepEqual(things, [{ scheduledTime: 100, retryCount, isRetry: retryCount > 0 }])
  }
})

test('[AL7] the alarm is there again when its handler failed, and gone after the last failure', async () => {
  for (const isLast of [false, true]) {
    const { call, alarm, ends, reported, confirm } = setUp({ isLast })
    await call.invoke({ alarm: () => Promise.reject(new Error('no')) })
    assert.equal(alarm.get(), isLast ? null : 100)
    call.reply(undefined)
    await confirm()
    assert.deepEqual(ends, [{ kind: 'threw', isReplaced: isLast }])
    assert.deepEqual(reported, ['Uncaught error in alarm(): no'])
  }
})

test('[AL9] a handler that takes more than 15 minutes resets the object, which counts', async () => {
  const { call, timers, host, ends } = setUp()
  void call.invoke({ alarm: () => new Promise(() => {}) })
  const [timer] = timers
  assert.equal(timer?.delayMs, 900_000)
  timer.fire()
  const error = host.broken?.error
  assert.ok(error instanceof Error)
  assert.equal(error.message, 'Alarm exceeded its allowed execution time')
  await immediate()
  assert.partialDeepStrictEqual(ends, [{ kind: 'reset', isCounted: true, mayRetry: true }])
})

test('[AL7] [AL8] what breaks the object counts unless it is the world’s fault; it may give up', async () => {
  for (const [error, isCounted, gaveUp] of [
    [new Error('abort'), true, false],
    [new Error('abort'), true, true],
    [new DurableError('no space'), false, false],
  ] as const) {
    const { call, alarm, timers, host, ends } = setUp()
    void call.invoke({ alarm: () => new Promise(() => {}) })
    if (gaveUp) alarm.giveUp()
    host.broken = { error }
    call.fail(error)
    await immediate()
    assert.deepEqual(ends, [{ kind: 'reset', error, isCounted, mayRetry: !gaveUp }])
    assert.equal(timers[0]?.isCancelled, true)
  }
})
