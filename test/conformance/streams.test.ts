// The streams program on both runtimes; what differs on purpose is listed with the program.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { askProgram } from './ask-program.ts'
import { programs } from './programs.ts'

const streams = programs.find((program) => program.name === 'streams')
assert(streams !== undefined)

for (const runtime of ['workerd', 'ours'] as const) {
  test(`[SM7] [SM12] content, ends and errors of streams are as recorded (${runtime})`, async () => {
    for (const outcome of await askProgram(runtime, 'streams', streams.asks)) {
      assert.equal(outcome.failure, undefined)
      assert.deepEqual(outcome.differences, [])
    }
  })
}
