// Alarms on both runtimes: a program of our own, and the part of the gates program.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RuntimeName } from '../workerd/start.ts'
import { askProgram } from './ask-program.ts'
import { programs } from './programs.ts'

async function assertEqual(runtime: RuntimeName, name: string, path: string): Promise<void> {
  const asks = programs
    .filter((program) => program.name === name)
    .flatMap((program) => program.asks)
    .filter((ask) => ask.path === path)
  assert.equal(asks.length, 1)
  for (const outcome of await askProgram(runtime, name, asks)) {
    assert.equal(outcome.failure, undefined)
    assert.deepEqual(outcome.differences, [])
  }
}

for (const runtime of ['workerd', 'ours'] as const) {
  test(`alarms on ${runtime}`, { concurrency: true }, async (t) => {
    await Promise.all([
      t.test('[AL1] [AL2] [AL4] [AL6] [AL7] [AL8] [AL13] as recorded', () =>
        assertEqual(runtime, 'alarms', '/'),
      ),
      t.test('[AL7] two retries as recorded', () => assertEqual(runtime, 'gates', '/alarm')),
    ])
  })
}
