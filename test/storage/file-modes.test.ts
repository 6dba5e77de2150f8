import assert from 'node:assert/strict'
import { globSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { startSluice } from '../workerd/sluice.ts'

const project = fileURLToPath(new URL('../alarms/program/', import.meta.url))

test('[ST45] nobody but the owner can read what objects have stored, whatever the umask is', async () => {
  const root = mkdtempSync(join(tmpdir(), 'sluice-modes-'))
  const data = join(root, 'data')
  const umask = process.umask(0)
  try {
    await using server = await startSluice({ project, data })
    // Keys in the log, rows in a database that is open.
    for (const path of ['a/write/[1]', 'a/tally/[]', 'a/tally/[]', 'a/arm/[100000]']) {
      const response = await fetch(`${server.url}/${path}`)
      assert.equal(response.status, 200, await response.text())
    }
    const paths = globSync('**/*', { cwd: data }).filter((path) =>
      statSync(join(data, path)).isFile(),
    )
    for (const wanted of [/\.sqlite$/, /\.sqlite-wal$/, /^log\//]) {
      assert.ok(
        paths.some((path) => wanted.test(path)),
        `no ${wanted} among ${paths.join(', ')}`,
      )
    }
    const open = paths.filter((path) => (statSync(join(data, path)).mode & 0o077) !== 0)
    assert.deepEqual(open, [])
  } finally {
    process.umask(umask)
    rmSync(root, { recursive: true, force: true })
  }
})
