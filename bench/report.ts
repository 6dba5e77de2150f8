// Turns the samples of a comparison into text, and keeps that text in RESULTS.md.

import { readFileSync, writeFileSync } from 'node:fs'
import { cpus, release, totalmem } from 'node:os'
import type { RuntimeName } from '../test/workerd/start.ts'

/** What one run of the load measured. */
export interface Figures {
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** CPU time of the server per request, all threads. */
  readonly cpuUs: number
}

export interface Report {
  readonly rounds: number
  readonly seconds: number
  /** Added to every fsync of both servers. */
  readonly syncDelayUs: number | undefined
  readonly isPinned: boolean
  readonly scenarios: readonly string[]
  /** 4 KiB appends made durable per second, one at a time. */
  readonly diskLimit: number
  readonly results: readonly {
    readonly runtime: RuntimeName
    readonly samples: ReadonlyMap<string, readonly Figures[]>
  }[]
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((left, right) => left - right)
  const middle = sorted.length >> 1
  const upper = sorted[middle]
  if (upper === undefined) throw new RangeError('Cannot take the median of nothing')
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] as number)) / 2
}

/** When, on what, of what: the first lines of a section. */
export function renderHead(title: string): string[] {
  const machine = `${cpus()[0]?.model ?? 'unknown CPU'} × ${cpus().length}`
  const memory = `${Math.round(totalmem() / 2 ** 30)} GiB`
  const versions = [
    `Sluice ${readVersion('../package.json')}`,
    `workerd ${readVersion('../node_modules/workerd/package.json')}`,
    `Node ${process.version.slice(1)}`,
  ]
  return [
    `## ${new Date().toISOString().slice(0, 10)}${title}`,
    '',
    `- Machine: ${machine}, ${memory}, Linux ${release()}`,
    `- Versions: ${versions.join(', ')}`,
  ]
}

export function renderReport(report: Report): string {
  const { rounds, seconds, isPinned, diskLimit } = report
  return [
    ...renderHead(''),
    `- Conditions: HTTP/1.1 keep-alive without pipelining → worker → object by RPC;` +
      ` WebSockets: one text in flight each, echoed by the object;` +
      ` ${rounds} interleaved rounds of ${seconds} s per line, medians;` +
      (isPinned
        ? ' server on core 0 with all its threads, load on core 1'
        : ' server and load not pinned'),
    ...(report.syncDelayUs === undefined
      ? []
      : [
          `- Every fsync and fdatasync of both servers was made ${report.syncDelayUs} µs slower (strace)`,
        ]),
    `- Physical limit: ${format(diskLimit)} appends of 4 KiB a second made durable one at a time` +
      ' (fdatasync, same disk, same run)',
    '- Verified: each counter equals the number of acknowledged requests',
    '',
    ...renderTable(report),
    '',
  ].join('\n')
}

function renderTable({ scenarios, results }: Report): string[] {
  const lines = [
    '| | | req/s | p50 ms | p99 ms | CPU µs/req |',
    '| --- | --- | ---: | ---: | ---: | ---: |',
  ]
  for (const scenario of scenarios) {
    const rows = results.map(({ runtime, samples }) => {
      const taken = samples.get(scenario) ?? []
      const of = (key: keyof Figures): number => median(taken.map((figures) => figures[key]))
      const figures = {
        perSecond: of('perSecond'),
        p50Ms: of('p50Ms'),
        p99Ms: of('p99Ms'),
        cpuUs: of('cpuUs'),
      }
      return { runtime, figures }
    })
    for (const [index, { runtime, figures }] of rows.entries()) {
      const { perSecond, p50Ms, p99Ms, cpuUs } = figures
      const cells = [format(perSecond), p50Ms.toFixed(2), p99Ms.toFixed(2), cpuUs.toFixed(1)]
      lines.push(`| ${index === 0 ? scenario : ''} | ${runtime} | ${cells.join(' | ')} |`)
    }
    const [first, second] = rows
    if (first !== undefined && second !== undefined) {
      const cells = (['perSecond', 'p50Ms', 'p99Ms', 'cpuUs'] as const).map(
        (key) => `${(first.figures[key] / second.figures[key]).toPrecision(2)}×`,
      )
      lines.push(`| | ratio | ${cells.map((cell) => `**${cell}**`).join(' | ')} |`)
    }
  }
  return lines
}

function readVersion(path: string): string {
  const text = readFileSync(new URL(path, import.meta.url), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}

function format(count: number): string {
  return Math.round(count).toLocaleString('en-US')
}

const resultsHead = `# Benchmark results

Written by \`npm run bench -- --write\`, newest first. Compare the ratios within a section, not the
figures of two sections.
`

/** Puts the report in front of the older ones in RESULTS.md. */
export function writeReport(report: string): void {
  const path = new URL('RESULTS.md', import.meta.url)
  let older = ''
  try {
    const text = readFileSync(path, 'utf8')
    const firstSection = text.search(/^## /m)
    if (firstSection !== -1) older = text.slice(firstSection)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
  writeFileSync(path, [resultsHead, report, ...(older === '' ? [] : [older])].join('\n'))
}
