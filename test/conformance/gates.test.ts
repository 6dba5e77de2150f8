// The gates program on both runtimes. Its slow answer (the 30 s limit of a critical section) is
// asked at the same time as the quick one, on ours only.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RuntimeName } from '../workerd/start.ts'
import { askProgram } from './ask-program.ts'
import { type Ask, programs } from './programs.ts'

const gates = programs.find((program) => program.name === 'gates')
assert(gates !== undefined)
const quick = gates.asks.filter((ask) => ask.path === '/')
const slow = gates.asks.filter((ask) => ask.path === '/timeout')

async function assertEqual(runtime: RuntimeName, asks: readonly Ask[]): Promise<void> {
  assert.ok(asks.length > 0)
  for (const outcome of await askProgram(runtime, 'gates', asks)) {
    assert.equal(outcome.failure, undefined)
    assert.deepEqual(outcome.differences, [])
  }
}

// Over storage that takes time an operation with allowConcurrency opens the gate where it has to wait,
// which it never has to on SQLite: only the first read of the key. Everything else is the same.
const openedOnce = ['B0', 'A1', 'A2', 'A3', 'Aend']

async function assertEqualButConcurrency(): Promise<void> {
  const [outcome] = await askProgram('ours', 'gates', quick, 20)
  assert.equal(outcome?.failure, undefined)
  assert.deepEqual(
    outcome?.differences.map(({ path, actual }) => [path, actual]),
    openedOnce.map((entry, i) => [
      `.two storage loops allowConcurrency.log.${i + 1}`,
      JSON.stringify(entry),
    ]),
  )
}

test('the gates program', { concurrency: true }, async (t) => {
  await Promise.all([
    t.test('workerd gives the recorded answer', () => assertEqual('workerd', quick)),
    t.test('sluice gives the recorded answer', () => assertEqual('ours', quick)),
    t.test('sluice gives it over storage that waits, but for allowConcurrency', () =>
      assertEqualButConcurrency(),
    ),
    t.test('sluice resets an object whose critical section takes more than 30 s', () =>
      assertEqual('ours', slow),
    ),
  ])
})
