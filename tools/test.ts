// npm test [-- FILE…]: the static checks, then every test, or those in the named files.
//
// Always with a time limit, and fails when no test ran or one was cancelled: `node --test` with a
// wrong path exits 0, and a promise that never settles would hang.

import { spawnSync } from 'node:child_process'
import { globSync } from 'node:fs'
import { run } from 'node:test'
import { spec } from 'node:test/reporters'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const named = process.argv.slice(2)
const files =
  named.length > 0
    ? named
    : globSync(['src/**/*.test.ts', 'test/**/*.test.ts', 'examples/**/*.test.ts'], { cwd: root })

if (named.length === 0) {
  const { status } = spawnSync(process.execPath, ['tools/check.ts'], {
    cwd: root,
    stdio: 'inherit',
  })
  if (status !== 0) process.exit(1)
}

let passed = 0
let failed = 0
const stream = run({ files: files.toSorted(), cwd: root, concurrency: 2, timeout: 400_000 })
stream.on('test:pass', ({ details, skip }) => {
  if (details.type !== 'suite' && skip === undefined) passed += 1
})
stream.on('test:fail', ({ details }) => {
  if (details.type !== 'suite') failed += 1
})
stream.on('end', () => {
  if (passed + failed === 0) console.error('no test ran')
  if (passed === 0 || failed > 0) process.exitCode = 1
})
stream.compose(spec).pipe(process.stdout)
