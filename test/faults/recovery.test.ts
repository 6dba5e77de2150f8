import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { startSluice } from '../workerd/sluice.ts'
import { main } from './faulty-shard.ts'

test('[CL18] a start after a crash says what it recovered, one after an orderly end nothing', async () => {
  const data = mkdtempSync(join(tmpdir(), 'sluice-recovery-'))
  const first = await startSluice({ project: main, data })
  for (const name of ['a', 'b']) {
    for (const value of ['1', '2']) await fetch(`${first.url}/${name}/put/${value}`)
  }
  await first.kill()
  assert.doesNotMatch(first.stderr(), /recovered/)
  const second = await startSluice({ project: main, data })
  // What it says may come behind what it says on another channel.
  for (let i = 0; i < 500 && !second.stderr().includes('\n'); i += 1) await setTimeout(10)
  const wanted = /^sluice: recovered from the log: commits \d+, objects 2, segments 1, bytes \d+$/m
  assert.match(second.stderr(), wanted)
  await second.stop()
  const third = await startSluice({ project: main, data })
  await third.stop()
  assert.doesNotMatch(third.stderr(), /recovered/)
  rmSync(data, { recursive: true })
})
