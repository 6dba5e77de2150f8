import assert from 'node:assert/strict'
import { Agent, request } from 'node:http'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { createRuntime } from '../../src/sluice/index.ts'

const main = fileURLToPath(new URL('program.ts', import.meta.url))
const root = mkdtempSync(join(tmpdir(), 'sluice-library-'))
after(() => rmSync(root, { recursive: true, force: true }))

test('a runtime serves, answers in process, and closes everything', async () => {
  const runtime = await createRuntime({ main })
  const { url, port, host } = await runtime.listen()
  assert.equal(url, `http://${host}:${port}`)
  assert.equal(await (await fetch(`${url}/write?name=a&key=k&bytes=1`)).json(), 1)
  assert.equal(await (await runtime.fetch('http://x/write?name=a&key=l&bytes=1')).json(), 2)
  await assert.rejects(runtime.listen({ port }), { code: 'EADDRINUSE' })
  await runtime.close()
  await runtime.close()
  assert.equal(await runtime.ended, undefined)
  await assert.rejects(fetch(url))
})

test('what cannot start says why, and leaves nothing', async () => {
  await assert.rejects(createRuntime({}), { name: 'ConfigError', message: /neither `project` nor/ })
  const data = join(root, 'never')
  const project = join(root, 'no project')
  for (const shard of ['inline', 'thread', 'process'] as const) {
    await assert.rejects(createRuntime({ project, data, shard }), { name: 'ConfigError' })
    const broken = fileURLToPath(new URL('broken.js', import.meta.url))
    await assert.rejects(createRuntime({ main: broken, data, shard }), {
      name: 'ProjectError',
      message: /Cannot load '.*broken\.js': broken on purpose/,
    })
  }
  assert.ok(!existsSync(data))
})

test('a body that nobody reads and an answer that cannot be sent leave the connection usable', async (context) => {
  context.mock.method(console, 'error', () => {})
  const runtime = await createRuntime({ main })
  const { port } = await runtime.listen()
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const ask = (path: string, body: string): Promise<string> =>
    new Promise((resolve, reject) => {
      const outgoing = request({ port, path, agent, method: 'POST' }, (response) => {
        let text = ''
        response.on('data', (chunk) => (text += String(chunk)))
        response.on('end', () => resolve(`${response.statusCode} ${text}`))
      })
      outgoing.on('error', reject)
      outgoing.end(body)
    })
  assert.equal(await ask('/ignore', 'x'.repeat(2_000_000)), '200 ignored the body')
  assert.equal(await ask('/bad-status-text', ''), '500 Internal Server Error\n')
  assert.equal(await ask('/ignore', ''), '200 ignored the body')
  agent.destroy()
  await runtime.close()
})

test('the package says what it needs and names no registry', () => {
  const read = (path: string): string =>
    readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')
  assert.equal(
    (JSON.parse(read('package.json')) as { engines: { node: string } }).engines.node,
    '>=24',
  )
  assert.ok(!read('package-lock.json').includes('"resolved"'))
})
