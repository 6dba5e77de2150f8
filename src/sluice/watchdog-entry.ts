// Beside a shard in a child process: a thread that ends the process when a turn does not end.

import { writeSync } from 'node:fs'
import { workerData } from 'node:worker_threads'
import { stuckText, TurnWatch } from '../runtime/index.ts'

const { buffer, limitMs } = workerData as {
  readonly buffer: SharedArrayBuffer
  readonly limitMs: number
}

new TurnWatch(buffer).look(limitMs, (label, runsForMs) => {
  // Not through the process's own thread, which is stuck.
  writeSync(2, `sluice: ${stuckText(label, runsForMs, limitMs)}\n`)
  process.kill(process.pid, 'SIGKILL')
})
// The look does not keep a thread alive by itself.
setInterval(() => {}, 2 ** 30)
