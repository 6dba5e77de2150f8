import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runtimeUnderTest } from '../workerd/start.ts'
import { runCrashRounds } from './crash-rounds.ts'

const seed = 20_261_123

test(`[OB10] a killed server has all it acknowledged and no half of anything (seed ${seed})`, async () => {
  const report = await runCrashRounds({ runtime: runtimeUnderTest(), rounds: 20, seed })
  assert.equal(report.kills, 20)
  for (const [what, count] of Object.entries(report)) assert.ok(count > 0, `${what} is ${count}`)
})
