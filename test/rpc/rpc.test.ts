import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { createRuntime, type Runtime } from '../../src/sluice/index.ts'

const project = fileURLToPath(new URL('program', import.meta.url))
const confirmDelayMs = 400
let runtime: Runtime
let delayed: Runtime

before(async () => {
  runtime = await createRuntime({ project, idleMs: 200 })
  delayed = await createRuntime({ project, confirmDelayMs })
})
after(() => Promise.all([runtime.close(), delayed.close()]))

async function ask(of: Runtime, scenario: string): Promise<unknown> {
  const response = await of.fetch(`http://localhost/${scenario}`)
  assert.equal(response.status, 200, `${scenario}: ${response.status}`)
  return response.json()
}

const run = (scenario: string): Promise<unknown> => ask(runtime, scenario)

async function assertHeld(scenario: string): Promise<void> {
  const [at, arrivedAt] = (await ask(delayed, scenario)) as [number, number]
  assert.ok(arrivedAt - at >= confirmDelayMs - 5, `arrived ${arrivedAt - at} ms after the write`)
}

test('[RP1] [RP2] [RP3] what cannot be reached or passed is refused, and leaves nothing behind', async () => {
  assert.deepEqual(await run('refusals'), [
    'DataCloneError: Symbol(s) could not be cloned.',
    1,
    'Error: Serialized RPC arguments or return values are limited to 32MiB, but the size of this value was: 34603028 bytes.',
    'TypeError: The RPC receiver does not implement the method "nope".',
    'TypeError: The RPC receiver does not implement the method "log".',
  ])
})

test('[RP11] [RP12] a result is disposed of as a whole, and arguments when the call is over', async () => {
  assert.deepEqual(await run('contents'), [2, ['first', 'second'], 0, 1])
})

test('[RP13] [RP30] dates: stubs in arguments, and own properties of errors', async () => {
  const old = await createRuntime({
    project: fileURLToPath(new URL('program-old', import.meta.url)),
  })
  try {
    assert.equal(await run('argument'), 2)
    assert.equal(await ask(old, 'argument'), 'Error: RPC stub used after being disposed.')
    const properties = ['own', 'durableObjectId', 'remote']
    assert.deepEqual(await run('thrown'), ['RangeError', 'text', properties])
    assert.deepEqual(await ask(old, 'thrown'), ['RangeError', 'text', ['remote']])
  } finally {
    await old.close()
  }
})

test('[RP21] a result is delivered in the section in which it was asked for', async () => {
  assert.deepEqual(await run('resultInSection'), ['asked inside', 'asked outside'])
})

test('[RP5] calls of one stub and of what it gives arrive in order, without waiting', async () => {
  const numbers = Array.from({ length: 10 }, (_, i) => [i + 1, null]).flat()
  const log = Array.from({ length: 10 }, (_, i) => `n${i}`)
  assert.deepEqual(await run('order'), [numbers, log])
})

test('[RP6] a callback runs in the critical section in which it was passed out', async () => {
  assert.deepEqual(await run('section'), [
    'section begins',
    'callback inside',
    'section ends',
    'from outside',
    'after',
  ])
})

test('[RP10] the disposer is called when the last reference is given up', async () => {
  assert.deepEqual(await run('disposal'), [0, 1, 'Error: RPC stub used after being disposed.'])
})

test('[RP14] what a request still has references to is given up when it is over', async () => {
  assert.equal(await run('hold?name=held'), 1)
  assert.deepEqual(await run('log?name=held'), ['disposed'])
})

test('[RP16] a callback of a request that is over cannot be called', async () => {
  const gone = 'Error: The execution context which hosts this callback is no longer running.'
  assert.equal(await run('leaveCallback?name=gone'), 'still here')
  assert.equal(await run('callKept?name=gone'), gone)
  assert.deepEqual(await run('hostReset'), [gone, gone])
})

test('[RP15] a reference keeps its object in memory', async () => {
  assert.deepEqual(await run('keepAlive'), [1, true, false])
})

for (const way of ['pipelined', 'property', 'pipelined property', 'stub', 'argument']) {
  test(`[RP20] a call waits for the writes before it: ${way}`, () =>
    assertHeld(`write?way=${encodeURIComponent(way)}&name=${encodeURIComponent(way)}`))
}
test('[RP20] a call of a stub of its own waits for the writes before it', () =>
  assertHeld('write?way=own%20stub&name=own'))
test('[RP20] disposing of a stub is told after the writes before it are confirmed', () =>
  assertHeld('disposalAfterWrite'))
test('[RP20] what a callback returns waits for the writes of its host', () =>
  assertHeld('callbackResult'))
test('[RP20] what a callback throws waits for the writes of its host', () =>
  assertHeld('callbackError'))

test('[RP17] a stub that is garbage is told of once, with the call that it came from', async () => {
  const script = fileURLToPath(new URL('forget.ts', import.meta.url))
  const child = spawn(process.execPath, ['--expose-gc', script], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let text = ''
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk
  })
  const code = await new Promise((resolve) => child.on('exit', resolve))
  assert.equal(code, 0, text)
  const lines = text.match(/An RPC stub in the result of counter\(\) was not disposed of/g)
  assert.equal(lines?.length, 1, text)
})
