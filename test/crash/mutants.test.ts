import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mutants, requireMutant } from './simulator/mutants.ts'
import { noticeMutant } from './simulator/simulate.ts'

// All of them: npm run crash -- --mutants
const quick = ['no fdatasync', 'reset without truncating the -wal', 'older keys win in recovery']

test('every mutant still finds what it breaks', () => {
  for (const { name } of mutants) requireMutant(name)
})

for (const name of quick) {
  test(`the simulator notices: ${name}`, async () => {
    assert.ok((await noticeMutant(name)) !== undefined)
  })
}
