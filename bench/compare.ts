// npm run bench [-- --rounds 5] [--seconds 3] [--match TEXT|TEXT…] [--only ours|workerd] [--write]
//   [--sync-delay-us 2000]: as if the disk took so much longer; needs strace
//
// Sluice and workerd on the same worker, in one run, in interleaved rounds; medians are reported.
// After the last round each durable counter is compared with the number of acknowledged requests:
// a server that answers before it has counted fails the run.

import { execFile, execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs, promisify } from 'node:util'
import type { RunningServer } from '../test/workerd/running-server.ts'
import { type RuntimeName, startRuntime } from '../test/workerd/start.ts'
import { measureDiskLimit } from './disk-limit.ts'
import { KeepAliveConnection } from './keep-alive-connection.ts'
import type { LoadOptions, LoadResult } from './load.ts'
import { readGroupCpuUs } from './process-cpu.ts'
import { type Figures, median, renderReport, writeReport } from './report.ts'

interface Scenario {
  readonly name: string
  readonly method: 'plain' | 'add' | 'insert' | 'accept' | 'hibernate'
  readonly objects: number
  readonly connections: number
  /** One write for each of so many objects that never were before. */
  readonly isOnce?: boolean
  readonly writesPerSecond?: number
}

const allScenarios: readonly Scenario[] = [
  { name: 'no storage, 1 object, 64 connections', method: 'plain', objects: 1, connections: 64 },
  { name: 'get+put, 1 object, 1 connection', method: 'add', objects: 1, connections: 1 },
  { name: 'get+put, 1 object, 64 connections', method: 'add', objects: 1, connections: 64 },
  { name: 'get+put, 1,000 objects, 64 connections', method: 'add', objects: 1000, connections: 64 },
  { name: 'SQL insert, 1 object, 64 connections', method: 'insert', objects: 1, connections: 64 },
  {
    name: 'SQL insert, 1,000 objects, 64 connections',
    method: 'insert',
    objects: 1000,
    connections: 64,
  },
  {
    name: 'first touch of 10,000 objects, one put each, 64 connections',
    method: 'add',
    objects: 10_000,
    connections: 64,
    isOnce: true,
  },
  { name: 'no-op on an idle object, 1 connection', method: 'plain', objects: 1, connections: 1 },
  {
    name: 'the same while 50 others take 1,000 durable writes/s',
    method: 'plain',
    objects: 1,
    connections: 1,
    writesPerSecond: 1000,
  },
  { name: 'WebSocket echo, plain, 100 sockets', method: 'accept', objects: 1, connections: 100 },
  {
    name: 'WebSocket echo, hibernatable, 100 sockets',
    method: 'hibernate',
    objects: 1,
    connections: 100,
  },
]

/** How to read what a method has written. */
const readers: Readonly<Partial<Record<Scenario['method'], string>>> = {
  add: 'read',
  insert: 'count',
}

const { values } = parseArgs({
  options: {
    match: { type: 'string', default: '' },
    'sync-delay-us': { type: 'string' },
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '3' },
    only: { type: 'string' },
    write: { type: 'boolean', default: false },
  },
})
const matches = values.match.split('|')
const scenarios = allScenarios.filter(({ name }) => matches.some((text) => name.includes(text)))
const syncDelayUs =
  values['sync-delay-us'] === undefined ? undefined : Number(values['sync-delay-us'])
const rounds = Number(values.rounds)
const measuredMs = Number(values.seconds) * 1000
const runtimes: readonly RuntimeName[] =
  values.only === undefined ? ['ours', 'workerd'] : [values.only as RuntimeName]
const canPin = cpus().length >= 2 && hasTaskset()
const [serverCore, loadCore] = canPin ? ['0', '1'] : [undefined, undefined]
const project = fileURLToPath(new URL('worker', import.meta.url))
const loadPath = fileURLToPath(new URL('load.ts', import.meta.url))
const run = promisify(execFile)

/** One runtime with what the load was told about it. */
interface Contender {
  readonly runtime: RuntimeName
  readonly server: RunningServer
  readonly acknowledged: Map<string, number>
  readonly samples: Map<string, Figures[]>
}

const folder = mkdtempSync(join(tmpdir(), 'sluice-bench-'))
const contenders: Contender[] = []
try {
  for (const runtime of runtimes) {
    const data = join(folder, runtime)
    const server = await startRuntime(runtime, { project, data, pin: serverCore, syncDelayUs })
    contenders.push({ runtime, server, acknowledged: new Map(), samples: new Map() })
  }
  const diskLimits: number[] = []
  for (let round = 0; round < rounds; round += 1) {
    diskLimits.push(measureDiskLimit(folder, 500))
    for (const scenario of scenarios) {
      // Who goes first changes, so that neither always follows the other's dirty pages.
      for (const contender of round % 2 === 0 ? contenders : contenders.toReversed()) {
        await measure(contender, scenario, round)
      }
    }
    process.stderr.write(`round ${round + 1} of ${rounds} done\n`)
  }
  for (const contender of contenders) await verify(contender)
  const report = renderReport({
    rounds,
    syncDelayUs,
    seconds: Number(values.seconds),
    isPinned: canPin,
    scenarios: scenarios.map(({ name }) => name),
    diskLimit: median(diskLimits),
    results: contenders.map(({ runtime, samples }) => ({ runtime, samples })),
  })
  console.log(report)
  if (values.write) writeReport(report)
} finally {
  // strace would keep the signal to itself.
  for (const { server } of contenders)
    await (syncDelayUs === undefined ? server.stop() : server.kill())
  rmSync(folder, { recursive: true, force: true })
}

async function measure(contender: Contender, scenario: Scenario, round: number): Promise<void> {
  const { server, acknowledged, samples } = contender
  const prefix = scenario.isOnce === true ? `first${round}-` : 'o'
  const options: LoadOptions = {
    port: Number(new URL(server.url).port),
    method: scenario.method,
    objects: scenario.objects,
    prefix,
    connections: scenario.connections,
    isOnce: scenario.isOnce ?? false,
    writesPerSecond: scenario.writesPerSecond ?? 0,
    warmUpMs: measuredMs / 4,
    measuredMs,
  }
  const command = [process.execPath, loadPath, JSON.stringify(options)]
  const pinned = loadCore === undefined ? command : ['taskset', '-c', loadCore, ...command]
  const cpuBefore = readGroupCpuUs(server.pid)
  const { stdout } = await run(pinned[0] as string, pinned.slice(1))
  const cpuUs = readGroupCpuUs(server.pid) - cpuBefore
  const result = JSON.parse(stdout) as LoadResult
  const answers = result.acknowledged.reduce((sum, count) => sum + count, 0)
  const figures = {
    perSecond: result.requests / result.seconds,
    p50Ms: result.p50Ms,
    p99Ms: result.p99Ms,
    cpuUs: cpuUs / answers,
  }
  samples.set(scenario.name, [...(samples.get(scenario.name) ?? []), figures])
  const reader = readers[scenario.method]
  if (reader === undefined) return
  for (const [index, count] of result.acknowledged.entries()) {
    // Of very many, some.
    if (scenario.isOnce === true && index % 20 !== 0) continue
    const path = `/${reader}/${prefix}${index}`
    acknowledged.set(path, (acknowledged.get(path) ?? 0) + count)
  }
}

async function verify({ runtime, server, acknowledged }: Contender): Promise<void> {
  const connection = new KeepAliveConnection(Number(new URL(server.url).port))
  for (const [path, count] of acknowledged) {
    const stored = Number(await connection.get(path))
    if (stored !== count) {
      throw new Error(
        `Cannot trust ${runtime}: '${path}' says ${stored}, wanted the ${count} acknowledged`,
      )
    }
  }
  connection.close()
}

function hasTaskset(): boolean {
  try {
    execFileSync('taskset', ['-p', String(process.pid)], { stdio: 'ignore' })
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
    throw error
  }
}
