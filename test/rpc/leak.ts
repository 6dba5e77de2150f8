// node --expose-gc test/rpc/leak.ts [calls]
//
// Makes many calls of every kind between objects that live on, and fails when memory grows with them.

import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { createRuntime } from '../../src/sluice/index.ts'

const calls = Number(process.argv[2] ?? 20_000)
const callsPerRequest = 600
// What the engine keeps anyway, and less than a word for each call.
const grownMax = 400_000 + calls / 2
const project = fileURLToPath(new URL('program', import.meta.url))
const runtime = await createRuntime({ project, idleMs: 3_600_000 })

async function make(count: number): Promise<void> {
  for (let made = 0; made < count; made += callsPerRequest) {
    const response = await runtime.fetch('http://localhost/many')
    assert.equal(await response.json(), callsPerRequest)
  }
}

async function heapBytes(): Promise<number> {
  for (let i = 0; i < 10; i += 1) {
    globalThis.gc?.()
    await delay(20)
    // What was collected has written a line each.
    await (await runtime.fetch('http://localhost/log?name=many%20callee')).text()
  }
  return process.memoryUsage().heapUsed
}

assert.ok(globalThis.gc !== undefined, 'node --expose-gc was wanted')
await make(6000)
const before = await heapBytes()
await make(calls)
const grown = (await heapBytes()) - before
await runtime.close()
console.log(`${calls} calls: ${Math.round(grown / 1024)} KiB more`)
assert.ok(grown < grownMax, `memory grew by ${grown} bytes, less than ${grownMax} was wanted`)
