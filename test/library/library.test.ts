import assert from 'node:assert/strict'
import { Agent, request } from 'node:http'
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
} from 'node:fs'
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

test('[CL6] full segments are checkpointed and deleted under load, and nothing is lost', async () => {
  const data = join(root, 'segments')
  const options = { main, data, logSegmentBytes: 200_000 }
  const runtime = await createRuntime(options)
  const write = async (i: number): Promise<void> => {
    await runtime.fetch(`http://x/write?name=o${i % 20}&key=k${i}&bytes=5000`)
  }
  for (let i = 0; i < 400; i += 20)
    await Promise.all(Array.from({ length: 20 }, (_, j) => write(i + j)))
  const logBytes = (): number =>
    readdirSync(join(data, 'log'))
      // The writer thread may delete one meanwhile.
      .map((name) => statSync(join(data, 'log', name), { throwIfNoEntry: false })?.size ?? 0)
      .reduce((sum, size) => sum + size, 0)
  // What is being checkpointed goes on being written to: the log shrinks while the load goes on.
  for (let i = 400; logBytes() > 1_000_000; i += 1) await write(i % 400)

  // An open cursor keeps its segment until it is gone, and nothing else stops.
  await runtime.fetch('http://x/cursor?name=o0')
  for (let i = 400; i < 500; i += 1) await write(i)
  assert.equal(await (await runtime.fetch('http://x/write?name=o0&key=last&bytes=1')).json(), 26)

  // As after a crash: a copy of the folder taken now, without the lock.
  const copy = join(root, 'copy')
  cpSync(data, copy, { recursive: true })
  rmSync(join(copy, 'lock'))
  const recovered = await createRuntime({ ...options, data: copy })
  for (let i = 0; i < 20; i += 1) {
    const url = `http://x/write?name=o${i}&key=again&bytes=1`
    assert.equal(await (await recovered.fetch(url)).json(), i === 0 ? 27 : 26)
  }
  await recovered.close()
  await runtime.close()
  assert.deepEqual(readdirSync(join(data, 'log')), [])
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
