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

test('the gates program', { concurrency: true }, async (t) => {
  await Promise.all([
    t.test('workerd gives the recorded answer', () => assertEqual('workerd', quick)),
    t.test('sluice gives the recorded answer', () => assertEqual('ours', quick)),
    t.test('sluice resets an object whose critical section takes more than 30 s', () =>
      assertEqual('ours', slow),
    ),
  ])
})
