// The program about names and exports on both runtimes.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { askProgram } from './ask-program.ts'
import { programs } from './programs.ts'

const program = programs.find(({ name }) => name === 'names')
assert.ok(program)

for (const runtime of ['workerd', 'ours'] as const) {
  test(`[NM5] [NM6] [EX1] [EX2] [EX3] [EX4] [EX5] [EX6] ${runtime} gives the recorded answers about names and exports`, async () => {
    const outcomes = await askProgram(runtime, program.name, program.asks)
    assert.ok(outcomes.length > 0)
    for (const { ask, failure, differences } of outcomes) {
      assert.equal(failure, undefined, ask.path)
      assert.deepEqual(differences, [], ask.path)
    }
  })
}
