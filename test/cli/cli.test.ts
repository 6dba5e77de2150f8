import assert from 'node:assert/strict'
import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'

const bin = fileURLToPath(new URL('../../bin/sluice.js', import.meta.url))
const root = mkdtempSync(join(tmpdir(), 'sluice-cli-'))
after(() => rmSync(root, { recursive: true, force: true }))

const program = `
import { DurableObject } from 'cloudflare:workers'
export class Counter extends DurableObject {
  async increment() {
    const n = ((await this.ctx.storage.get('n')) ?? 0) + 1
    await this.ctx.storage.put('n', n)
    return n
  }
}
export class Helper {}
export default {
  async fetch(request, env) {
    if (request.url.endsWith('/slow')) await new Promise((resolve) => setTimeout(resolve, 400))
    return new Response(Object.keys(env) + ' ' + (await env.Counter.getByName('a').increment()))
  },
}
`
const main = join(root, 'program.js')
writeFileSync(main, program)

function makeProject(name: string, files: Record<string, string>): string {
  const folder = join(root, name)
  mkdirSync(folder)
  for (const [file, text] of Object.entries(files)) writeFileSync(join(folder, file), text)
  return folder
}

/** Runs a command to its end. */
function run(...values: string[]): { code: number | null; out: string; err: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [bin, ...values], {
    encoding: 'utf8',
    timeout: 30_000,
  })
  return { code: status, out: stdout, err: stderr }
}

async function serve(
  ...values: string[]
): Promise<{ child: ChildProcessWithoutNullStreams; url: string }> {
  const child = spawn(process.execPath, [bin, 'serve', ...values])
  child.stderr.pipe(process.stderr)
  let out = ''
  for await (const chunk of child.stdout) {
    out += String(chunk)
    const url = /^Ready on (http:\S+)$/m.exec(out)?.[1]
    if (url !== undefined) return { child, url }
  }
  throw new Error(`serve ended: ${out}`)
}

const refusals: [title: string, values: string[], message: RegExp][] = [
  ['no project', ['serve'], /serve needs a PROJECT/],
  ['two projects', ['serve', main, 'other'], /takes one PROJECT, not also 'other'/],
  ['an unknown command', ['sevre'], /unknown command 'sevre'/],
  ['an unknown option', ['serve', main, '--prot', '1'], /Unknown option '--prot'/],
  ['an option without its value', ['serve', main, '--port'], /--port needs a value/],
  ['a bad port', ['serve', main, '--port', '70000'], /--port is '70000', a whole number/],
  [
    'a bad delay',
    ['serve', main, '--confirm-delay', '1s'],
    /--confirm-delay is '1s', a whole number/,
  ],
  [
    'a bad storage delay',
    ['serve', main, '--storage-delay', '20x'],
    /--storage-delay is '20x', a whole number/,
  ],
  ['a missing project', ['serve', join(root, 'nowhere')], /Cannot find the project '.*nowhere'/],
  ['a folder without a config', ['serve', makeProject('empty', {})], /Cannot find a config in/],
  [
    'a broken config',
    ['serve', makeProject('broken', { 'wrangler.jsonc': '{ "main": "x.js",\n "name": }' })],
    /wrangler\.jsonc', line 2/,
  ],
  [
    'a broken TOML config',
    ['serve', makeProject('toml', { 'wrangler.toml': 'main = "x.js"\nname = = 1' })],
    /wrangler\.toml', line 2/,
  ],
  [
    'a config of the wrong shape',
    [
      'serve',
      makeProject('shape', {
        'wrangler.json': '{"main":"a.js","durable_objects":{"bindings":{}}}',
        'a.js': '',
      }),
    ],
    /'bindings' is a table, a list was wanted/,
  ],
  [
    'a main that does not exist',
    ['serve', makeProject('nomain', { 'wrangler.json': '{"main":"gone.js"}' })],
    /'main' names 'gone.js', which does not exist/,
  ],
  [
    'a class that is not exported',
    [
      'serve',
      makeProject('noclass', {
        'wrangler.json':
          '{"main":"a.js","durable_objects":{"bindings":[{"name":"ROOM","class_name":"Room"}]}}',
        'a.js': 'export default { fetch() {} }',
      }),
      '--port',
      '0',
    ],
    /Cannot bind 'ROOM' to the class 'Room': '.*a\.js' does not export it/,
  ],
  [
    'a program that does not build',
    ['serve', makeProject('syntax', { 'wrangler.json': '{"main":"a.js"}', 'a.js': '\nlet x = ;' })],
    /Cannot build '.*a\.js': Unexpected ";" \(.*a\.js:2\)/,
  ],
  [
    'a program that throws when it is loaded',
    [
      'serve',
      makeProject('throws', {
        'wrangler.json': '{"main":"a.js"}',
        'a.js': 'throw new Error("at load")',
      }),
      '--port',
      '0',
      '--port',
      '0',
    ],
    /Cannot load '.*a\.js': at load/,
  ],
]

for (const [title, values, message] of refusals) {
  test(`${title} is refused with one line, and nothing is left on disk`, () => {
    const data = join(root, `data of ${title}`)
    const { code, out, err } = run(...values, ...(values[1] === undefined ? [] : ['--data', data]))
    assert.match(err, message)
    assert.equal(err.trimEnd().split('\n').length, 1, err)
    assert.equal(out, '')
    assert.equal(code, 1)
    assert.ok(!existsSync(data))
  })
}

test('a port in use is refused with one line, and nothing is left on disk', async () => {
  const other = createServer()
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
  const { port } = other.address() as { port: number }
  const data = join(root, 'data of the port')
  const child = spawn(process.execPath, [
    bin,
    'serve',
    main,
    '--port',
    String(port),
    '--data',
    data,
  ])
  let err = ''
  child.stderr.on('data', (chunk) => (err += String(chunk)))
  assert.deepEqual(await once(child, 'exit'), [1, null])
  assert.equal(err, `sluice: port ${port} on 127.0.0.1 is in use; choose another with --port\n`)
  assert.ok(!existsSync(data))
  other.close()
})

test('help and version are printed', () => {
  assert.match(run('--help').out, /serve PROJECT/)
  assert.match(run('serve', '--help').out, /--confirm-delay MS/)
  assert.match(run('serve', '--help').out, /--storage-delay MS/)
  assert.match(run('--version').out, /^\d+\.\d+\.\d+\n$/)
})

test('an older Node.js is told what is needed', () => {
  // The check runs before anything else; an old Node is played by overriding the version.
  const script = `Object.defineProperty(process.versions, 'node', { value: '20.1.0' }); await import(${JSON.stringify(bin)})`
  const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    encoding: 'utf8',
  })
  assert.equal(stderr, 'sluice needs Node.js 24 or newer; this is 20.1.0\n')
  assert.equal(status, 1)
})

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  test(`${signal} lets requests finish, keeps the data and ends cleanly`, async () => {
    const data = join(root, `data ${signal}`)
    const { child, url } = await serve(main, '--port', '0', '--data', data)
    assert.equal(await (await fetch(url)).text(), 'Counter 1')
    const slow = fetch(`${url}/slow`).then((response) => response.text())
    await new Promise((resolve) => setTimeout(resolve, 100))
    child.kill(signal)
    assert.equal(await slow, 'Counter 2')
    assert.deepEqual(await once(child, 'exit'), [0, null])
    assert.deepEqual(readdirSync(data).toSorted(), ['format', 'lock.guard', 'log', 'objects'])
    assert.deepEqual(readdirSync(join(data, 'log')), [], 'a clean end leaves an empty log')
    const again = await serve(main, '--port', '0', '--data', data)
    assert.equal(await (await fetch(again.url)).text(), 'Counter 3')
    again.child.kill(signal)
    await once(again.child, 'exit')
  })
}

test('[OB10] a second process cannot open the data folder, and one that was killed does not keep it', async () => {
  const data = join(root, 'data of two')
  const first = await serve(main, '--port', '0', '--data', data)
  const { code, err } = run('serve', main, '--port', '0', '--data', data)
  assert.equal(code, 1)
  assert.match(
    err,
    new RegExp(`Cannot open the data folder .*: process ${first.child.pid} has it open`),
  )
  first.child.kill('SIGKILL')
  await once(first.child, 'exit')
  const second = await serve(main, '--port', '0', '--data', data)
  second.child.kill()
  await once(second.child, 'exit')
})

test('a key of the config that is not supported is named in a warning', async () => {
  const folder = makeProject('warns', {
    'wrangler.toml': `name = "w"\nmain = "a.js"\n[[r2_buckets]]\nbinding = "B"\n`,
    'a.js': 'export default { fetch: () => new Response("ok") }',
  })
  const child = spawn(process.execPath, [
    bin,
    'serve',
    folder,
    '--port',
    '0',
    '--data',
    join(root, 'w'),
  ])
  let err = ''
  child.stderr.on('data', (chunk) => (err += String(chunk)))
  await once(child.stdout, 'data')
  child.kill()
  await once(child, 'exit')
  assert.match(
    err,
    /warning: 'r2_buckets' in .*wrangler\.toml is not supported: the project runs without it/,
  )
})
