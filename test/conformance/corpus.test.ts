// The corpus: each program on both runtimes, and each rule covered.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { groups, recordedCases, runGroup } from './corpus.ts'
import { checkCovers, incompleteSections, readRules, uncovered } from './rules.ts'

for (const group of groups) {
  test(`the corpus program ${group}`, { concurrency: true }, async (t) => {
    await Promise.all(
      (['ours', 'workerd'] as const).map((runtime) =>
        t.test(`${runtime} gives the recorded answers`, async () => {
          const outcomes = await runGroup(runtime, group, false)
          assert.ok(outcomes.length > 0)
          assert.deepEqual(
            outcomes.filter(({ verdict }) => verdict === 'failure'),
            [],
          )
        }),
      ),
    )
  })
}

test('every rule has a case, and every case and every reference to a test is of something that exists', () => {
  const rules = readRules()
  assert.ok(rules.length > 0)
  assert.deepEqual(checkCovers(rules, recordedCases()), [])
  assert.deepEqual(
    uncovered(rules, recordedCases()).filter(({ section }) => !incompleteSections.has(section)),
    [],
  )
})
