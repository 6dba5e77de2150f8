// npm run bench [-- --rounds 5] [--seconds 3] [--only ours|workerd] [--write]
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
  readonly method: 'plain' | 'add' | 'accept' | 'hibernate'
  readonly objects: number
  readonly connections: number
}

const scenarios: readonly Scenario[] = [
  { name: 'no storage, 1 object, 64 connections', method: 'plain', objects: 1, connections: 64 },
  { name: 'get+put, 1 object, 1 connection', method: 'add', objects: 1, connections: 1 },
  { name: 'get+put, 1 object, 64 connections', method: 'add', objects: 1, connections: 64 },
  { name: 'get+put, 1,000 objects, 64 connections', method: 'add', objects: 1000, connections: 64 },
  { name: 'WebSocket echo, plain, 100 sockets', method: 'accept', objects: 1, connections: 100 },
  {
    name: 'WebSocket echo, hibernatable, 100 sockets',
    method: 'hibernate',
    objects: 1,
    connections: 100,
  },
]

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '3' },
    only: { type: 'string' },
    write: { type: 'boolean', default: false },
  },
})
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
    const server = await startRuntime(runtime, { project, data, pin: serverCore })
    contenders.push({ runtime, server, acknowledged: new Map(), samples: new Map() })
  }
  const diskLimits: number[] = []
  for (let round = 0; round < rounds; round += 1) {
    diskLimits.push(measureDiskLimit(folder, 500))
    for (const scenario of scenarios) {
      // Who goes first changes, so that neither always follows the other's dirty pages.
      for (const contender of round % 2 === 0 ? contenders : contenders.toReversed()) {
        await measure(contender, scenario)
      }
    }
    process.stderr.write(`round ${round + 1} of ${rounds} done\n`)
  }
  for (const contender of contenders) await verify(contender)
  const report = renderReport({
    rounds,
    seconds: Number(values.seconds),
    isPinned: canPin,
    scenarios: scenarios.map(({ name }) => name),
    diskLimit: median(diskLimits),
    results: contenders.map(({ runtime, samples }) => ({ runtime, samples })),
  })
  console.log(report)
  if (values.write) writeReport(report)
} finally {
  for (const { server } of contenders) await server.stop()
  rmSync(folder, { recursive: true, force: true })
}

async function measure(contender: Contender, scenario: Scenario): Promise<void> {
  const { server, acknowledged, samples } = contender
  const options: LoadOptions = {
    port: Number(new URL(server.url).port),
    method: scenario.method,
    objects: scenario.objects,
    connections: scenario.connections,
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
  if (scenario.method !== 'add') return
  for (const [index, count] of result.acknowledged.entries()) {
    const object = `o${index}`
    acknowledged.set(object, (acknowledged.get(object) ?? 0) + count)
  }
}

async function verify({ runtime, server, acknowledged }: Contender): Promise<void> {
  const connection = new KeepAliveConnection(Number(new URL(server.url).port))
  for (const [object, count] of acknowledged) {
    const stored = Number(await connection.get(`/read/${object}`))
    if (stored !== count) {
      throw new Error(
        `Cannot trust ${runtime}: '${object}' counts ${stored}, wanted the ${count} acknowledged`,
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
