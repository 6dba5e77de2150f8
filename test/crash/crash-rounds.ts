// Kills a server under load, starts it again on the same data, and compares what is stored with
// what was acknowledged. Over and over.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { RunningServer } from '../workerd/running-server.ts'
import { type RuntimeName, startRuntime } from '../workerd/start.ts'
import { makeRandom } from './random.ts'

export interface CrashOptions {
  readonly runtime: RuntimeName
  readonly rounds: number
  /** Decides what is written and when the server is killed; the interleaving is the machine's. */
  readonly seed: number
  readonly onRound?: (round: number, report: CrashReport) => void
}

/** What a run has done; all of it above 0, or the run proved nothing. */
export interface CrashReport {
  kills: number
  /** Starts that were killed before they were ready, so that recovery itself is interrupted. */
  killedStarts: number
  acknowledged: number
  /** Writes that a kill cut off; any of them may be there, whole, or not. */
  cutOff: number
  entriesChecked: number
}

const kinds = [
  'single',
  'single',
  'single',
  'single',
  'several',
  'several',
  'transaction',
  'rollback',
]
const entriesOf: Record<string, number> = { single: 1, several: 3, transaction: 2, rollback: 0 }
const objectCount = 24
const clientCount = 32
// The objects grow with each round; a new set now and then keeps the checks quick.
const roundsPerSet = 10
const project = fileURLToPath(new URL('program', import.meta.url))

/** What was asked of one object, by number. */
type Asked = Map<number, { readonly kind: string; isAcknowledged: boolean }>

export async function runCrashRounds(options: CrashOptions): Promise<CrashReport> {
  const { runtime, rounds } = options
  const random = makeRandom(options.seed)
  const data = mkdtempSync(join(tmpdir(), 'sluice-crash-'))
  const report = { kills: 0, killedStarts: 0, acknowledged: 0, cutOff: 0, entriesChecked: 0 }
  const objects = new Map<string, Asked>()
  let server = await startRuntime(runtime, { project, data })
  try {
    for (let round = 1; round <= rounds; round += 1) {
      const set = Math.floor(round / roundsPerSet)
      await loadUntilKilled(server, set, objects, random, report)
      if (random() < 0.5) await killWhileStarting(runtime, data, random, report)
      server = await startRuntime(runtime, { project, data })
      for (const [name, asked] of objects) {
        const isLast = round === rounds
        if (isLast || name.startsWith(`${set}-`)) await check(server, name, asked, report)
      }
      options.onRound?.(round, report)
    }
    return report
  } finally {
    await server.kill()
    rmSync(data, { recursive: true, force: true })
  }
}

async function loadUntilKilled(
  server: RunningServer,
  set: number,
  objects: Map<string, Asked>,
  random: () => number,
  report: CrashReport,
): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: clientCount })
  const killAfterMs = 20 + random() * 400
  let isKilled = false
  const load = Array.from({ length: clientCount }, async () => {
    while (!isKilled) {
      const name = `${set}-${Math.floor(random() * objectCount)}`
      const kind = kinds[Math.floor(random() * kinds.length)] as string
      let asked = objects.get(name)
      if (asked === undefined) objects.set(name, (asked = new Map()))
      const number = asked.size
      const entry = { kind, isAcknowledged: false }
      asked.set(number, entry)
      const answer = await ask(agent, 'POST', `${server.url}/${name}/${kind}/${number}`)
      if (answer === undefined) {
        assert.ok(isKilled, `the server closed a connection by itself\n${server.stderr()}`)
        report.cutOff += 1
        return
      }
      assert.equal(answer, 'done')
      entry.isAcknowledged = true
      report.acknowledged += 1
    }
  })
  const ended = Promise.all(load)
  // A failure must not be unhandled while the kill is awaited; `await ended` below reports it.
  ended.catch(() => undefined)
  await sleep(killAfterMs)
  isKilled = true
  await server.kill()
  report.kills += 1
  await ended
  agent.destroy()
}

async function killWhileStarting(
  runtime: RuntimeName,
  data: string,
  random: () => number,
  report: CrashReport,
): Promise<void> {
  const signal = AbortSignal.timeout(Math.ceil(random() * 150))
  let server: RunningServer
  try {
    server = await startRuntime(runtime, { project, data, signal })
  } catch (error) {
    if (!signal.aborted) throw error
    report.killedStarts += 1
    return
  }
  await server.kill()
}

async function check(
  server: RunningServer,
  name: string,
  asked: Asked,
  report: CrashReport,
): Promise<void> {
  const agent = new Agent()
  const answer = await ask(agent, 'GET', `${server.url}/${name}`)
  assert.ok(answer !== undefined, `no answer about ${name}\n${server.stderr()}`)
  const stored = JSON.parse(answer) as { put: string[]; sql: string[] }
  assert.deepEqual(
    stored.put.toSorted(),
    stored.sql.toSorted(),
    `object ${name}: what storage.put left and what SQL left differ`,
  )
  const counts = new Map<number, number>()
  for (const entry of stored.sql) {
    const number = Number(entry.split('.')[0])
    counts.set(number, (counts.get(number) ?? 0) + 1)
  }
  for (const number of counts.keys()) {
    assert.ok(asked.has(number), `object ${name}: ${number} is stored and nobody asked for it`)
  }
  for (const [number, { kind, isAcknowledged }] of asked) {
    const count = counts.get(number) ?? 0
    const whole = entriesOf[kind]
    const what = `object ${name}: ${kind} ${number} left ${count} of ${whole} entries`
    if (isAcknowledged) assert.equal(count, whole, `${what}, and was acknowledged`)
    else assert.ok(count === 0 || count === whole, what)
  }
  report.entriesChecked += stored.sql.length
}

/** The body of the answer, or nothing when the connection broke. Any status but 200 throws. */
function ask(agent: Agent, method: string, url: string): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const message = request(url, { agent, method }, (response) => {
      let body = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => {
        body += chunk
      })
      response.on('error', () => resolve(undefined))
      response.on('end', () => {
        if (response.statusCode === 200) resolve(body)
        else reject(new Error(`Cannot ${method} ${url}: ${response.statusCode} ${body}`))
      })
    })
    message.on('error', () => resolve(undefined))
    message.end()
  })
}
