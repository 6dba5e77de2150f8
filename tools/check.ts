// npm run check: everything about the code that can be judged without running it.

import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const checks: [name: string, command: string, ...values: string[]][] = [
  ['types of tests and tools', 'tsc', '-p', 'tsconfig.tests.json'],
  ['format', 'biome', 'format', '--log-level=warn'],
  ['lint', 'oxlint', '--deny-warnings', '--quiet'],
  ['rooms', process.execPath, 'tools/rooms.ts'],
  ['tidy', process.execPath, 'tools/tidy.ts'],
  ['spec coverage', process.execPath, 'tools/spec-coverage.ts'],
  ['compatibility', process.execPath, 'test/conformance/compatibility.ts', '--check'],
]

let isGood = true
for (const [name, command, ...values] of checks) {
  const { status, stdout, stderr } = spawnSync(command, values, { cwd: root, encoding: 'utf8' })
  console.log(`${status === 0 ? '✔' : '✖'} ${name}`)
  if (status === 0) continue
  isGood = false
  console.log(stdout, stderr)
}
if (!isGood) process.exitCode = 1
