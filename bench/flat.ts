// npm run bench:flat [-- --counts 1000,10000,100000] [--seconds 3] [--budget-s 240] [--write]
//
// What a durable request costs, by the number of objects that are on disk: rows are inserted into 1,000
// of them, while the others only exist, each with a database file of its own.

import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs, promisify } from 'node:util'
import { startSluice } from '../test/workerd/sluice.ts'
import type { LoadOptions, LoadResult } from './load.ts'
import { readGroupCpuUs } from './process-cpu.ts'
import { median, renderHead, writeReport } from './report.ts'

interface Sample {
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly cpuUs: number
}

const { values } = parseArgs({
  options: {
    counts: { type: 'string', default: '1000,10000,100000' },
    seconds: { type: 'string', default: '3' },
    'budget-s': { type: 'string', default: '240' },
    write: { type: 'boolean', default: false },
  },
})
const part = 1000
const rounds = 3
const flatness = 1.5
const endsAt = performance.now() + Number(values['budget-s']) * 1000
const run = promisify(execFile)
const loadPath = fileURLToPath(new URL('load.ts', import.meta.url))
const data = mkdtempSync(join(tmpdir(), 'sluice-bench-flat-'))
const server = await startSluice({
  project: fileURLToPath(new URL('worker', import.meta.url)),
  data,
  pin: '0',
})
const lines = [
  ...renderHead(': cost by the number of objects on disk'),
  '- Conditions: HTTP/1.1 keep-alive → worker → object by RPC, 64 connections; a row inserted into one of' +
    ` 1,000 objects; medians of ${rounds} runs of ${values.seconds} s; server on core 0, load on core 1`,
  '',
  '| objects on disk | req/s | p50 ms | p99 ms | CPU µs/req | to the first |',
  '| ---: | ---: | ---: | ---: | ---: | ---: |',
]
try {
  let made = 0
  let first: number | undefined
  for (const count of values.counts.split(',').map(Number)) {
    for (; made < count && performance.now() < endsAt; made += part) await load(`o${made}-`, true)
    await untilQuiet()
    const samples: Sample[] = []
    for (let i = 0; i < rounds; i += 1) samples.push(await load('o0-', false))
    const of = (key: keyof Sample): number => median(samples.map((sample) => sample[key]))
    first ??= of('cpuUs')
    const ratio = of('cpuUs') / first
    if (ratio > flatness) process.exitCode = 1
    const cells = [
      `${made.toLocaleString('en-US')}${made < count ? ' (out of time)' : ''}`,
      Math.round(of('perSecond')).toLocaleString('en-US'),
      ...[of('p50Ms').toFixed(2), of('p99Ms').toFixed(2), of('cpuUs').toFixed(1)],
      `${ratio.toFixed(2)}×`,
    ]
    lines.push(`| ${cells.join(' | ')} |`)
    console.error(lines.at(-1))
    if (made < count) break
  }
} finally {
  await server.stop()
  rmSync(data, { recursive: true, force: true })
}
const report = [...lines, ''].join('\n')
console.log(report)
if (values.write) writeReport(report)

async function load(prefix: string, isOnce: boolean): Promise<Sample> {
  const measuredMs = Number(values.seconds) * 1000
  const options: LoadOptions = {
    port: Number(new URL(server.url).port),
    method: 'insert',
    objects: part,
    prefix,
    connections: 64,
    isOnce,
    writesPerSecond: 0,
    warmUpMs: measuredMs / 4,
    measuredMs,
  }
  const before = readGroupCpuUs(server.pid)
  const command = ['-c', '1', process.execPath, loadPath, JSON.stringify(options)]
  const { stdout } = await run('taskset', command)
  const cpuUs = readGroupCpuUs(server.pid) - before
  const result = JSON.parse(stdout) as LoadResult
  const answers = result.acknowledged.reduce((sum, count) => sum + count, 0)
  const { requests, seconds, p50Ms, p99Ms } = result
  return { perSecond: requests / seconds, p50Ms, p99Ms, cpuUs: cpuUs / answers }
}

// Checkpoints and evictions of what was made go on for a while.
async function untilQuiet(): Promise<void> {
  for (let i = 0; i < 60; i += 1) {
    const before = readGroupCpuUs(server.pid)
    await delay(1000)
    if (readGroupCpuUs(server.pid) - before < 50_000) return
  }
}
