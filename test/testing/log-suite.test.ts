import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { faults } from './log-faults.ts'

const broken = fileURLToPath(new URL('broken-logs.ts', import.meta.url))

test('the suite for commit logs finds each log that breaks a rule', () => {
  // A test run inside a test run would report to it.
  const { NODE_TEST_CONTEXT: _, ...env } = process.env
  const reporter = ['--test-reporter=tap', '--test-timeout=2000']
  const { stdout } = spawnSync(process.execPath, [...reporter, broken], { env, encoding: 'utf8' })
  for (const [fault, rule] of Object.entries(faults)) {
    const failed = stdout
      .split('\n')
      .some((line) => line.startsWith(`not ok `) && line.includes(`[${rule}] ${fault}:`))
    assert.ok(failed, `no test of ${rule} fails for a log that '${fault}'\n${stdout}`)
  }
  assert.match(stdout, /^ok \d+ - \[CL10\] answers in no order/m)
})
