import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

test('[RP10] [RP14] memory does not grow with the calls made', () => {
  const script = fileURLToPath(new URL('leak.ts', import.meta.url))
  const calls = process.env['SLUICE_CALLS'] ?? '20000'
  const run = spawnSync(process.execPath, ['--expose-gc', script, calls], { encoding: 'utf8' })
  assert.equal(run.status, 0, run.stdout + run.stderr)
})
