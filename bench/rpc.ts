// npm run bench:rpc [-- --requests 300] [--only ours|workerd]
//
// What one RPC call costs inside of a runtime: requests that make 100 calls, less the time of requests
// that make none. Both runtimes take turns in one run; medians, in microseconds for one call.

import { mkdtempSync, rmSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { type RuntimeName, startRuntime } from '../test/workerd/start.ts'
import { median } from './report.ts'

const callsPerRequest = 100
const rounds = 5
const kinds = ['sequence', 'together', 'values', 'pipelined', 'callbacks'] as const

const { values } = parseArgs({
  options: { requests: { type: 'string', default: '300' }, only: { type: 'string' } },
})
const requestsPerRound = Math.ceil(Number(values.requests) / rounds)
const project = fileURLToPath(new URL('rpc-worker', import.meta.url))
const data = mkdtempSync(join(tmpdir(), 'sluice-bench-rpc-'))
const agent = new Agent({ keepAlive: true, maxSockets: 1 })
const names: RuntimeName[] = (['ours', 'workerd'] as const).filter(
  (name) => values.only === undefined || values.only === name,
)
const servers = await Promise.all(
  names.map((name) => startRuntime(name, { project, data: join(data, name) })),
)
try {
  console.log(`node ${process.version}, ${callsPerRequest} calls per request`)
  for (const kind of kinds) {
    const figures = names.map(() => [] as number[])
    for (let round = 0; round < rounds; round += 1) {
      for (const [i, server] of servers.entries()) {
        const base = await millisecondsOf(`${server.url}/${kind}/0`)
        const full = await millisecondsOf(`${server.url}/${kind}/${callsPerRequest}`)
        figures[i]?.push(((full - base) / callsPerRequest) * 1000)
      }
    }
    const medians = figures.map(median)
    const row = names.map((name, i) => `${name} ${(medians[i] ?? 0).toFixed(1)} µs`)
    const [ours = 0, theirs] = medians
    if (theirs !== undefined) row.push(`${(theirs / ours).toFixed(1)} ×`)
    console.log(`${kind.padEnd(10)}  ${row.join('  ')}`)
  }
} finally {
  await Promise.all(servers.map((server) => server.stop()))
  agent.destroy()
  rmSync(data, { recursive: true, force: true })
}

async function millisecondsOf(url: string): Promise<number> {
  const times: number[] = []
  for (let i = 0; i < requestsPerRound; i += 1) {
    const startedAt = performance.now()
    await get(url)
    times.push(performance.now() - startedAt)
  }
  return median(times)
}

function get(url: string): Promise<void> {
  return new Promise((resolve, reject) => {
    request(url, { agent }, (response) => {
      if (response.statusCode !== 200) reject(new Error(`HTTP ${response.statusCode}`))
      response.resume().on('end', resolve)
    })
      .on('error', reject)
      .end()
  })
}
