import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { RunningServer } from '../../test/workerd/running-server.ts'
import { runtimeUnderTest, startRuntime } from '../../test/workerd/start.ts'

const project = fileURLToPath(new URL('.', import.meta.url))
const data = mkdtempSync(join(tmpdir(), 'sluice-counter-'))
after(() => rmSync(data, { recursive: true, force: true }))

const start = (): Promise<RunningServer> => startRuntime(runtimeUnderTest(), { project, data })

async function ask(server: RunningServer, path: string, method = 'GET'): Promise<number> {
  const response = await fetch(server.url + path, { method })
  assert.equal(response.status, 200)
  return Number(await response.text())
}

test('counts each request once, also when many come at once', async () => {
  await using server = await start()
  const answers = await Promise.all(Array.from({ length: 200 }, () => ask(server, '/many', 'POST')))
  answers.sort((left, right) => left - right)
  assert.deepEqual(
    answers,
    Array.from({ length: 200 }, (_, index) => index + 1),
  )
  assert.equal(await ask(server, '/many'), 200)
})

test('each path has a counter of its own', async () => {
  await using server = await start()
  assert.equal(await ask(server, '/a', 'POST'), 1)
  assert.equal(await ask(server, '/b'), 0)
  assert.equal(await ask(server, '/b', 'POST'), 1)
  assert.equal(await ask(server, '/a', 'POST'), 2)
})

test('a number that was answered outlives a killed process', async () => {
  let answered = 0
  {
    const server = await start()
    const load = Array.from({ length: 8 }, async () => {
      for (;;) {
        answered = Math.max(answered, await ask(server, '/killed', 'POST'))
      }
    })
    const ended = Promise.allSettled(load)
    while (answered < 100) await new Promise((resolve) => setTimeout(resolve, 5))
    await server.kill()
    await ended
  }
  await using server = await start()
  const count = await ask(server, '/killed')
  assert.ok(count >= answered, `${answered} was answered, ${count} is stored`)
})
