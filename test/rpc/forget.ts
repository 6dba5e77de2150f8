// Leaves stubs to the garbage collector, in a process of its own, and ends when it was noticed.

import { fileURLToPath } from 'node:url'
import { setTimeout as delay } from 'node:timers/promises'
import { createRuntime } from '../../src/sluice/index.ts'

const project = fileURLToPath(new URL('program', import.meta.url))
const runtime = await createRuntime({ project })
const ask = (scenario: string): Promise<unknown> =>
  runtime.fetch(`http://localhost/${scenario}`).then((response) => response.json())
await ask('forgetInObject')
let disposed: unknown[] = []
while (disposed.length === 0) {
  globalThis.gc?.()
  await delay(20)
  disposed = (await ask('log?name=leak%20source')) as unknown[]
}
await runtime.close()
