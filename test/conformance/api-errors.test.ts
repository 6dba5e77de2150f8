// The program about errors and the surface of the API on both runtimes.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { askProgram } from './ask-program.ts'
import { programs } from './programs.ts'

for (const program of programs.filter(({ name }) => name === 'api-errors')) {
  for (const runtime of ['workerd', 'ours'] as const) {
    test(`${runtime} gives the recorded answers to the program ${program.name}`, async () => {
      const outcomes = await askProgram(runtime, program.name, program.asks)
      assert.ok(outcomes.length > 0)
      for (const { ask, failure, differences } of outcomes) {
        assert.equal(failure, undefined, ask.path)
        assert.deepEqual(differences, [], ask.path)
      }
    })
  }
}
