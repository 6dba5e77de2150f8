// The programs about storage and SQL on both runtimes.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { askProgram } from './ask-program.ts'
import { programs } from './programs.ts'

for (const { name, asks } of programs) {
  if (name !== 'storage-edges' && name !== 'sql-cursors') continue
  for (const runtime of ['workerd', 'ours'] as const) {
    test(`${runtime} gives the recorded answers to the program ${name}`, async () => {
      const outcomes = await askProgram(runtime, name, asks)
      assert.ok(outcomes.length > 0)
      for (const { ask, failure, differences } of outcomes) {
        assert.equal(failure, undefined, ask.path)
        assert.deepEqual(differences, [], ask.path)
      }
    })
  }
}
