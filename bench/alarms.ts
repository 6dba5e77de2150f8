// npm run bench:alarms [-- --count 100000]
//
// Arms many alarms, one for each object, and shows that neither the start of the server nor its memory
// depends on how many are armed. Prints one line for each number of alarms.

import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { fileURLToPath } from 'node:url'
import { startSluice } from '../test/workerd/sluice.ts'

const { values } = parseArgs({ options: { count: { type: 'string', default: '100000' } } })
const total = Number(values.count)
const project = fileURLToPath(new URL('../test/alarms/program', import.meta.url))
const data = mkdtempSync(join(tmpdir(), 'sluice-bench-alarms-'))
const connections = 64
const dayMs = 86_400_000
let armed = 0

try {
  await row(0)
  await row(total / 10)
  await row(total)
} finally {
  rmSync(data, { recursive: true, force: true })
}

async function row(count: number): Promise<void> {
  const arming = await arm(count)
  await settle()
  const starts = [await start(), await start()]
  const shown = starts.map(({ ms, rssMb }) => `start ${ms} ms, ${rssMb} MB`).join('; ')
  console.log(`${count} armed${arming}: ${shown}`)
}

async function arm(count: number): Promise<string> {
  if (count <= armed) return ''
  const server = await startSluice({ project, data })
  const startedAt = performance.now()
  const agent = new Agent({ keepAlive: true, maxSockets: connections })
  const from = armed
  const work = async (): Promise<void> => {
    while (armed < count) {
      armed += 1
      await ask(agent, `${server.url}/bench%20${armed}/arm/[${dayMs}]`)
    }
  }
  await Promise.all(Array.from({ length: connections }, work))
  const perSecond = Math.round((count - from) / ((performance.now() - startedAt) / 1000))
  const { rssMb } = memory(server.pid)
  agent.destroy()
  await server.stop()
  return ` (${perSecond}/s, ${rssMb} MB then)`
}

// The log of the arming is brought into the database files by the starts behind it; what is measured
// is what a start costs when only the catalogue knows of the alarms.
async function settle(): Promise<void> {
  while (logBytes() > 0) {
    const server = await startSluice({ project, data })
    // A segment that is not full stays as long as nothing happens.
    for (let before = -1, left = logBytes(); left !== before; before = left, left = logBytes()) {
      console.error(`  ${Math.round(left / 2 ** 20)} MB of log are left`)
      await delay(3000)
    }
    await server.stop()
  }
}

function logBytes(): number {
  const folder = join(data, 'log')
  if (!existsSync(folder)) return 0
  // A segment may go between the two calls.
  return readdirSync(folder).reduce(
    (sum, name) => sum + (statSync(join(folder, name), { throwIfNoEntry: false })?.size ?? 0),
    0,
  )
}

async function start(): Promise<{ ms: number; rssMb: number }> {
  const startedAt = performance.now()
  const server = await startSluice({ project, data })
  const ms = Math.round(performance.now() - startedAt)
  const { rssMb } = memory(server.pid)
  await server.stop()
  return { ms, rssMb }
}

function memory(pid: number): { rssMb: number } {
  const kilobytes = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  return { rssMb: Math.round(Number(kilobytes) / 1024) }
}

function ask(agent: Agent, url: string): Promise<void> {
  return new Promise((resolve, reject) => {
    request(url, { agent }, (response) => {
      response.resume().on('end', () => {
        if (response.statusCode === 200) resolve()
        else reject(new Error(`Cannot get ${url}: ${response.statusCode}`))
      })
    })
      .on('error', reject)
      .end()
  })
}
