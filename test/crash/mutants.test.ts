import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mutants, requireMutant } from './simulator/mutants.ts'
import { simulate, SimulationFailure } from './simulator/simulate.ts'

// All of them: npm run crash -- --mutants
const quick = ['no fdatasync', 'RESTART instead of TRUNCATE', 'older keys win in recovery']

test('every mutant still finds what it breaks', () => {
  for (const { name } of mutants) requireMutant(name)
})

for (const name of quick) {
  test(`the simulator notices: ${name}`, async () => {
    assert.ok(mutants.some((mutant) => mutant.name === name))
    await assert.rejects(
      simulate({ seed: 1, operations: 400, cuts: 200, mutant: name }),
      SimulationFailure,
    )
  })
}
