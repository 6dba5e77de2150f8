// npm run bench:memory [-- --counts 1000,10000] [--write]
//
// What an object costs in memory, in the real runtime: while it is in memory, and after it has left it.
// Each line is a process of its own, which runs the shard; what it needs without objects is taken off.

import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { createRuntime, type Runtime, type RuntimeOptions } from '../src/sluice/index.ts'
import { renderHead, writeReport } from './report.ts'

interface Scenario {
  readonly name: string
  readonly method: 'put' | 'insert'
  readonly limitKb: number
  /** Nothing of it is in memory any more when it is measured. */
  readonly isEvicted?: boolean
  /** More would need more file descriptors than a process may have. */
  readonly countMax?: number
  readonly options?: Partial<RuntimeOptions>
}

const scenarios: readonly Scenario[] = [
  { name: 'in memory, keys alone', method: 'put', limitKb: 250 },
  {
    name: 'in memory, its database open',
    method: 'insert',
    limitKb: 250,
    options: { openDatabases: 2000 },
    countMax: 1000,
  },
  {
    name: 'in memory, its database closed for others (10 are open)',
    method: 'insert',
    limitKb: 250,
    options: { openDatabases: 10 },
  },
  { name: 'evicted, keys alone, in the log', method: 'put', limitKb: 2, isEvicted: true },
  {
    name: 'evicted, in its database file',
    method: 'insert',
    limitKb: 2,
    isEvicted: true,
    options: { logSegmentBytes: 1_000_000 },
  },
]

interface Usage {
  readonly heapKb: number
  readonly rssKb: number
}

const { values } = parseArgs({
  options: {
    counts: { type: 'string', default: '1000,10000' },
    write: { type: 'boolean', default: false },
    scenario: { type: 'string' },
    count: { type: 'string' },
  },
})

if (values.scenario === undefined) await compare()
else await measure(scenarios[Number(values.scenario)] as Scenario, Number(values.count))

async function compare(): Promise<void> {
  const lines = [
    ...renderHead(': memory of an object'),
    '- Conditions: one process for each figure; heap with buffers after a full collection, and resident' +
      ' memory, each less what other objects had left behind before (200; of evicted ones as many), divided by' +
      ' the number of objects',
    '',
    '| an object | objects | heap KB | resident KB | at most KB |',
    '| --- | ---: | ---: | ---: | ---: |',
  ]
  for (const [i, { name, limitKb, countMax = Infinity }] of scenarios.entries()) {
    for (const count of values.counts.split(',').map(Number)) {
      if (count > countMax) continue
      const { heapKb, rssKb } = await measureInProcess(i, count)
      const cells = [count.toLocaleString('en-US'), heapKb.toFixed(2), rssKb.toFixed(2), limitKb]
      lines.push(`| ${name} | ${cells.join(' | ')} |`)
      console.error(lines.at(-1))
      // Resident memory moves in steps that are larger than what evicted objects leave.
      const counted = limitKb < 10 ? heapKb : Math.max(heapKb, rssKb)
      if (counted > limitKb) process.exitCode = 1
    }
  }
  const report = [...lines, ''].join('\n')
  console.log(report)
  if (values.write) writeReport(report)
}

async function measureInProcess(scenario: number, count: number): Promise<Usage> {
  const parameters = ['--scenario', String(scenario), '--count', String(count)]
  const child = fork(fileURLToPath(import.meta.url), parameters, {
    execArgv: ['--expose-gc'],
    serialization: 'advanced',
  })
  const result = Promise.withResolvers<Usage>()
  child.on('message', (usage) => result.resolve(usage as Usage))
  child.on('exit', (code) => result.reject(new Error(`the process that measures ended: ${code}`)))
  const usage = await result.promise
  if (child.exitCode === null) await once(child, 'exit')
  return usage
}

// In a process of its own.
async function measure(scenario: Scenario, count: number): Promise<void> {
  const data = mkdtempSync(join(tmpdir(), 'sluice-bench-memory-'))
  const runtime = await createRuntime({
    main: fileURLToPath(new URL('memory-worker.ts', import.meta.url)),
    data,
    idleMs: scenario.isEvicted === true ? 1000 : 3_600_000,
    ...scenario.options,
  })
  try {
    // Code is compiled, caches are filled and free lists are made by others, which stay, or have left
    // like those measured.
    const others = scenario.isEvicted === true ? count : 200
    const before = await usageAfter(runtime, scenario, data, 'before', others)
    const after = await usageAfter(runtime, scenario, data, 'object', count)
    process.send?.({
      heapKb: (after.heapKb - before.heapKb) / count,
      rssKb: (after.rssKb - before.rssKb) / count,
    } satisfies Usage)
    // An evicted object begins anew, one in memory goes on.
    const calls = await ask(runtime, 'read', 'object0')
    const wanted = scenario.isEvicted === true ? '1' : '2'
    if (calls !== wanted) throw new Error(`call ${calls} of its instance, ${wanted} was expected`)
  } finally {
    await runtime.close()
    rmSync(data, { recursive: true, force: true })
  }
  process.disconnect?.()
}

async function usageAfter(
  runtime: Runtime,
  { method, isEvicted, options }: Scenario,
  data: string,
  prefix: string,
  count: number,
): Promise<Usage> {
  let next = 0
  const work = async (): Promise<void> => {
    while (next < count) {
      next += 1
      await ask(runtime, method, `${prefix}${next - 1}`)
    }
  }
  await Promise.all(Array.from({ length: 64 }, work))
  // The runtime looks once a second for what has been idle.
  if (isEvicted === true) await delay(4000)
  if (options?.logSegmentBytes !== undefined) await emptyLog(data)
  await delay(500)
  for (let i = 0; i < 3; i += 1) globalThis.gc?.()
  const { heapUsed, external, rss } = process.memoryUsage()
  return { heapKb: (heapUsed + external) / 1024, rssKb: rss / 1024 }
}

// Segments that are full go by checkpoints; what is in the last one is little.
async function emptyLog(data: string): Promise<void> {
  const segments = (): number => readdirSync(join(data, 'log')).length
  while (segments() > 2) await delay(100)
}

async function ask(runtime: Runtime, method: string, name: string): Promise<string> {
  const response = await runtime.fetch(`http://bench/${method}/${name}`)
  const text = await response.text()
  if (response.status !== 200) throw new Error(`Cannot ask ${name} to ${method}: ${text}`)
  return text
}
