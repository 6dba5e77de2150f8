// Alarms of objects whose storage takes time.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { startSluice } from '../workerd/sluice.ts'

const project = fileURLToPath(new URL('delayed/', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'sluice-delayed-alarms-'))
after(() => rmSync(folder, { recursive: true, force: true }))

interface State {
  readonly log: readonly (readonly [step: string, retry: number, alarm: number | null])[]
  readonly isArmed: boolean
}

async function ask(
  url: string,
  name: string,
  method: string,
  ...values: unknown[]
): Promise<unknown> {
  const response = await fetch(
    `${url}/${name}/${method}/${encodeURIComponent(JSON.stringify(values))}`,
  )
  const text = await response.text()
  assert.equal(response.status, 200, text)
  return JSON.parse(text)
}

async function waitForRuns(url: string, name: string, runs: number): Promise<State> {
  const deadline = performance.now() + 20_000
  for (;;) {
    const state = (await ask(url, name, 'state')) as State
    if (state.log.length >= runs && !state.isArmed) return state
    assert.ok(performance.now() < deadline, `still: ${JSON.stringify(state)}`)
    await delay(50)
  }
}

test('[AL4] [AL5] alarms of storage that takes time ring, ring again, are tried again, and survive a kill', async () => {
  const options = { project, data: join(folder, 'data'), storageDelayMs: 30 }
  const first = await startSluice(options)
  try {
    await ask(first.url, 'chain', 'arm', 20, ['again', 'again', 'last'])
    await ask(first.url, 'failing', 'arm', 20, ['throw', 'last'])
    await ask(first.url, 'undone', 'arm', 20, ['rolled back'])
    assert.deepEqual((await waitForRuns(first.url, 'chain', 3)).log, [
      ['again', 0, null],
      ['again', 0, null],
      ['last', 0, null],
    ])
    assert.deepEqual((await waitForRuns(first.url, 'undone', 1)).log, [['rolled back', 0, null]])
    assert.deepEqual((await waitForRuns(first.url, 'failing', 2)).log, [
      ['throw', 0, null],
      ['last', 1, null],
    ])
    await ask(first.url, 'killed', 'arm', 1500, ['last'])
  } finally {
    await first.kill()
  }
  await using second = await startSluice(options)
  assert.deepEqual((await waitForRuns(second.url, 'killed', 1)).log, [['last', 0, null]])
})
