// npm run bench:storage [-- --rounds 5] [--only select]
//
// What one storage operation costs within an event, ours beside workerd in one run: the CPU time, of all
// threads, of an event with many operations less that of one with few, divided by the difference. Unlike
// the time on a clock, it hardly depends on what else the machine does. Rounds alternate; medians.

import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { fileURLToPath } from 'node:url'
import type { RunningServer } from '../test/workerd/running-server.ts'
import { startRuntime } from '../test/workerd/start.ts'

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '5' }, only: { type: 'string' } },
})
const runtimes = ['ours', 'workerd'] as const
/** Operation, what it is called, and how many make an event of some tens of milliseconds. */
const rows: readonly (readonly [operation: string, title: string, count: number])[] = [
  ['nothing', 'await null', 100_000],
  ['get', 'storage.get, hit', 20_000],
  ['put', 'storage.put, in one commit', 20_000],
  ['kvGet', 'storage.kv.get, hit', 20_000],
  ['select', 'sql.exec point select, one()', 10_000],
  ['selectArray', 'sql.exec point select, toArray()', 10_000],
  ['insert', 'sql.exec insert, in one commit', 10_000],
  ['scan', '1,000-row scan, toArray()', 60],
  ['scanFor', '1,000-row scan, for … of', 60],
  ['scanRaw', '1,000-row scan, raw().toArray()', 60],
]

const data = mkdtempSync(join(tmpdir(), 'sluice-bench-storage-'))
const project = fileURLToPath(new URL('storage-worker', import.meta.url))
const servers: RunningServer[] = []
try {
  for (const runtime of runtimes) {
    const server = await startRuntime(runtime, { project, data: join(data, runtime), pin: '0' })
    servers.push(server)
    await ask(server, 'prepare')
  }
  console.log(
    `${'CPU µs per operation'.padEnd(36)}${runtimes.map((name) => name.padStart(10)).join('')}     ratio`,
  )
  for (const [operation, title, count] of rows) {
    if (values.only !== undefined && values.only !== operation) continue
    const times = await measure(operation, count)
    const [ours = 0, workerd = 0] = times
    const shown = times.map((us) => us.toFixed(us < 100 ? 2 : 0).padStart(10)).join('')
    console.log(`${title.padEnd(36)}${shown}${`${(ours / workerd).toFixed(2)}×`.padStart(10)}`)
  }
} finally {
  for (const server of servers) await server.stop()
  rmSync(data, { recursive: true, force: true })
}

async function measure(operation: string, count: number): Promise<number[]> {
  const few = Math.ceil(count / 10)
  const found: number[][] = servers.map(() => [])
  // The first round warms up.
  for (let round = 0; round <= Number(values.rounds); round += 1) {
    for (const [i, server] of servers.entries()) {
      const short = await ask(server, `${operation}/${few}`)
      const long = await ask(server, `${operation}/${count}`)
      if (round > 0) found[i]?.push(((long - short) * 1000) / (count - few))
    }
  }
  return found.map((samples) => samples.toSorted((a, b) => a - b)[samples.length >> 1] ?? 0)
}

/** @returns CPU milliseconds of all threads */
async function ask(server: RunningServer, path: string): Promise<number> {
  const before = readCpuMs(server.pid)
  const response = await fetch(`${server.url}/${path}`)
  const text = await response.text()
  if (text !== 'done')
    throw new Error(`Cannot measure '${path}': the answer is ${response.status} ${text}`)
  return readCpuMs(server.pid) - before
}

// Unlike /proc/<pid>/stat, which counts ticks of 10 ms, this counts nanoseconds.
function readCpuMs(pid: number): number {
  let nanoseconds = 0
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    nanoseconds += Number(
      readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0],
    )
  }
  return nanoseconds / 1e6
}
