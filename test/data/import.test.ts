// Import of folders that the reference has written: by miniflare (so by `wrangler dev`), and by workerd.

import assert from 'node:assert/strict'
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { convertV4MiniflareOptions, Miniflare } from 'miniflare'
import { startSluice } from '../workerd/sluice.ts'
import { startWorkerd } from '../workerd/workerd.ts'
import { ask, data, project, stateOf, type Ended } from './asking.ts'

const root = mkdtempSync(join(tmpdir(), 'sluice-import-test-'))
after(() => rmSync(root, { recursive: true, force: true }))

const state = join(root, 'state')
const namespace = join(state, 'do', 'attic-Room')
const ids = { both: '', unnamed: '' }
let read: Record<string, unknown>
let whileInUse: Ended

before(async () => {
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      name: 'attic',
      modules: true,
      scriptPath: join(project, 'program.js'),
      compatibilityDate: '2026-11-01',
      bindings: { RUNTIME: 'miniflare' },
      durableObjects: { ROOM: { className: 'Room', useSQLite: true } },
      resourcePersistencePath: state,
    }),
  )
  const url = String(await miniflare.ready)
  ids.both = (await ask(url, 'both', 'keys', 20)) as string
  await ask(url, 'both', 'rows', 5)
  await ask(url, 'both', 'values')
  ids.unnamed = (await ask(url, 'new', 'keys', 3)) as string
  await ask(url, 'touched', 'read')
  await ask(url, 'later', 'alarmIn', 3_600_000)
  whileInUse = data('import', state, '--data', join(root, 'in use'))
  read = (await ask(url, 'both', 'read')) as Record<string, unknown>
  // Due long after miniflare is gone.
  await ask(url, 'soon', 'alarmIn', 10_000)
  await miniflare.dispose()
})

test('[DT8] [DT10] the objects that miniflare stored are found again, and their alarms ring', async () => {
  assert.ok(
    readdirSync(namespace).some(
      (file) => file.endsWith('-wal') && statSync(join(namespace, file)).size > 0,
    ),
  )
  const target = join(root, 'imported')
  const before = stateOf(state)
  const { code, out, err } = data('import', state, '--data', target)
  assert.equal(code, 0, err)
  assert.equal(
    out,
    'imported: objects 4, keys 24, rows 12, alarms 2\nnot imported, because empty: 1\n',
  )
  assert.deepEqual(stateOf(state), before, '[DT9] the source is only read')
  assert.match(data('verify', target).out, /objects 4, .*\n.*\nno faults/)
  const listed = data('list', target).out
  assert.match(listed, /"soon"\n/)
  assert.match(listed, /"later"\n/)
  assert.match(listed, new RegExp(`no alarm.* ${ids.unnamed}\n`))

  await using server = await startSluice({ project, data: target })
  try {
    assert.deepEqual(await ask(server.url, 'both', 'read'), read)
    assert.deepEqual(await ask(server.url, ids.both, 'read'), read)
    assert.deepEqual(
      ((await ask(server.url, ids.unnamed, 'read')) as { keys: unknown }).keys,
      [0, 1, 2].map((i) => [`key ${i}`, { i }]),
    )
    const later = (await ask(server.url, 'later', 'read')) as { alarm: number; rangOn: unknown }
    assert.ok(later.alarm > Date.now())
    assert.equal(later.rangOn, null)
    let soon: { alarm: unknown; rangOn: unknown }
    do {
      await delay(200)
      soon = (await ask(server.url, 'soon', 'read')) as typeof soon
    } while (soon.rangOn === null)
    assert.deepEqual([soon.rangOn, soon.alarm], ['sluice', null])
    // They can be written to, and what is written stays.
    await ask(server.url, 'both', 'rows', 1)
    await ask(server.url, 'both', 'keys', 21)
    const more = await ask(server.url, 'both', 'read')
    await server.kill()
    await using again = await startSluice({ project, data: target })
    assert.deepEqual(await ask(again.url, 'both', 'read'), more)
    await again.stop()
  } finally {
    await server.stop()
  }
  assert.equal(data('verify', target).code, 0)
})

test('[DT9] objects that are there already are refused, all of them named, or replaced', async () => {
  const target = join(root, 'twice')
  assert.equal(data('import', state, '--data', target).code, 0)
  await using server = await startSluice({ project, data: target })
  await ask(server.url, 'both', 'keys', 30)
  await ask(server.url, 'both', 'alarmIn', 3_600_000)
  // What the log has of an object must not come over the one that replaces it.
  await server.kill()
  const refused = data('import', state, '--data', target)
  assert.equal(refused.code, 1)
  assert.match(
    refused.err,
    /^sluice: Cannot import into '.*twice': it has 4 of the objects already .*--overwrite/,
  )
  for (const id of Object.values(ids)) assert.ok(refused.err.includes(`attic-Room/${id}`))
  const replaced = data('import', state, '--data', target, '--overwrite')
  assert.equal(replaced.code, 0, replaced.err)
  await using again = await startSluice({ project, data: target })
  assert.deepEqual(await ask(again.url, 'both', 'read'), read)
  await again.stop()
})

test('[DT9] a source that is in use is refused, naming the process', {
  skip: !existsSync('/proc/self/fd'),
}, () => {
  assert.match(
    whileInUse.err,
    /^sluice: Cannot import from '.*': process \d+ has it open; stop it first\n$/,
  )
  assert.equal(whileInUse.code, 1)
  assert.ok(!existsSync(join(root, 'in use')))
})

test('[DT10] a damaged database is a fault, a facet without its index too, and the rest is imported', () => {
  const source = join(root, 'damaged')
  // As `wrangler dev` has it in a project's folder.
  const inProject = join(source, '.wrangler', 'state', 'v3')
  cpSync(state, inProject, { recursive: true })
  const folder = join(inProject, 'do', 'attic-Room')
  for (const suffix of ['-wal', '-shm'])
    rmSync(join(folder, `${ids.unnamed}.sqlite${suffix}`), { force: true })
  writeFileSync(join(folder, `${ids.unnamed}.sqlite`), 'nothing'.repeat(2000))
  writeFileSync(
    join(folder, `${ids.both}.1.sqlite`),
    readFileSync(join(folder, `${ids.both}.sqlite`)),
  )
  writeFileSync(join(folder, `${'b'.repeat(64)}.sqlite`), '')
  const target = join(root, 'of the damaged')
  const { code, out, err } = data('import', source, '--data', target)
  assert.equal(code, 1)
  assert.match(
    err,
    new RegExp(
      `^fault: attic-Room/${ids.unnamed}: '.*' cannot be imported: it is damaged: file is not a database$`,
      'm',
    ),
  )
  assert.match(err, /^fault: '.*bbb\.sqlite' is of no object of the namespace 'attic-Room'$/m)
  assert.match(out, /^imported: objects 3, keys 21, rows 12, alarms 2\n/)
  assert.match(err, /\.1: '.*\.facets' has no facet of this number$/m)
  assert.match(out, /\nfaults 3\n$/)
  assert.equal(data('verify', target).code, 0)
})

test('[DT8] a storage folder of workerd itself, and a folder without objects', async () => {
  const disk = join(root, 'disk')
  await using workerd = await startWorkerd({ project, data: disk })
  await ask(workerd.url, 'both', 'keys', 4)
  const before = await ask(workerd.url, 'both', 'read')
  await workerd.kill()
  const target = join(root, 'from workerd')
  assert.match(
    data('import', disk, '--data', target).out,
    /^imported: objects 1, keys 4, rows 0, alarms 0\n/,
  )
  await using server = await startSluice({ project, data: target })
  assert.deepEqual(await ask(server.url, 'both', 'read'), before)
  await server.stop()

  const nothing = join(root, 'nothing')
  const cases: [from: string, message: RegExp][] = [
    [project, /no objects are stored there/],
    [join(root, 'nowhere'), /it is no folder/],
    [target, /it is a data folder of Sluice already/],
  ]
  for (const [from, message] of cases) {
    const { code, err } = data('import', from, '--data', nothing)
    assert.match(err, message)
    assert.equal(err.trimEnd().split('\n').length, 1)
    assert.equal(code, 1)
  }
  assert.ok(!existsSync(nothing))
})

test('[DT11] import refuses a target that a process has open, or of a newer format', async () => {
  const target = join(root, 'target')
  await using server = await startSluice({ project, data: target })
  const used = data('import', state, '--data', target)
  assert.match(
    used.err,
    new RegExp(`^sluice: Cannot open the data folder .*: process ${server.pid} has it open.*\n$`),
  )
  assert.equal(used.code, 1)
  await server.stop()
  writeFileSync(join(target, 'format'), '9\n')
  const newer = data('import', state, '--data', target)
  assert.match(newer.err, /^sluice: .*it has format 9, this Sluice understands formats up to 2\n$/)
  assert.equal(newer.code, 1)
})
