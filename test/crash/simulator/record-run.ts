// Records a run of Sluice, with a log writer in a thread of its own, in several lives on one folder.
// node --import …/preload.ts record-run.ts FOLDER TRACE-FOLDER SEED OPERATIONS

import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createRuntime } from '../../../src/sluice/index.ts'
import { makeRandom, pick } from '../random.ts'
import type { Mark } from './ledger.ts'
import { makeJournal } from './journal.ts'
import { recordThreads } from './preload.ts'
import { faultKinds, mark } from './recorder.ts'
import { askInVain, askOnce } from './workload.ts'

const [root = '', traceDirectory = '', seed, operations] = process.argv.slice(2)
const lives = 3
const clientCount = 6
const operationsPerLife = Math.ceil(Number(operations) / lives)
const project = fileURLToPath(new URL('program', import.meta.url))

// A shard looks for idle objects once a second; here it does so all the time.
const { setInterval: every } = globalThis
globalThis.setInterval = ((act: () => void, ms: number) =>
  every(act, ms === 1000 ? 15 : ms)) as typeof setInterval
const random = makeRandom(Number(seed))
const { faults } = recordThreads(root, traceDirectory)
const say = (said: Mark): void => mark(said)
globalThis.crashJournal = makeJournal(0, say)

for (let life = 0; life < lives; life += 1) {
  const runtime = await createRuntime({
    project,
    data: join(root, 'data'),
    // In the second life no segment goes: all that was ever logged is recovered.
    logSegmentBytes: life === 1 ? 10_000_000 : pick(random, [20_000, 60_000, 200_000]),
    idleMs: 20,
    openDatabases: pick(random, [2, 4, 1000]),
  })
  say({ said: 'started' })
  let left = operationsPerLife
  const client = async (): Promise<void> => {
    for (; left > 0; left -= 1) {
      if (faults !== undefined && random() < 0.025) {
        Atomics.add(faults, faultKinds.indexOf(pick(random, faultKinds)), 1)
      }
      const workload = { runtime, random, say, pauseMs: 30 }
      if (faults === undefined || random() > 0.03) await askOnce(workload)
      else {
        // The disk refuses what the second of the two stands on.
        Atomics.add(faults, faultKinds.indexOf(pick(random, ['write', 'fdatasync'])), 1)
        await askInVain(workload)
      }
    }
  }
  await Promise.all(Array.from({ length: clientCount }, client))
  faults?.fill(0)
  await runtime.close()
  say({ said: 'stopped' })
}
