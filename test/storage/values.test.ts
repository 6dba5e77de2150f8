// What workerd stored is read here, and the reverse; and both write the same bytes.

import assert from 'node:assert/strict'
import { cpSync, globSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, before, test } from 'node:test'
import { serialize } from 'node:v8'
import { fileURLToPath } from 'node:url'
import { decodeValue, encodeValue } from '../../src/storage/values.ts'
import { type RuntimeName, startRuntime } from '../workerd/start.ts'

const project = fileURLToPath(new URL('values/', import.meta.url))
const root = mkdtempSync(join(tmpdir(), 'sluice-values-'))
after(() => rmSync(root, { recursive: true, force: true }))

const runtimes: readonly RuntimeName[] = ['workerd', 'ours']
const folderOf = (runtime: RuntimeName): string => join(root, runtime)

async function ask(runtime: RuntimeName, data: string, method: 'put' | 'read'): Promise<unknown> {
  await using server = await startRuntime(runtime, { project, data })
  const response = await fetch(`${server.url}/${method}`)
  const text = await response.text()
  assert.equal(response.status, 200, text)
  return JSON.parse(text)
}

function databaseOf(folder: string): string {
  const [path] = globSync('**/*.sqlite', { cwd: folder })
    .filter((name) => !/metadata|catalog/.test(name))
    .map((name) => join(folder, name))
  assert.ok(path !== undefined, `there is no database in ${folder}`)
  return path
}

function storedIn(folder: string): Map<string, string> {
  const db = new DatabaseSync(databaseOf(folder), { readOnly: true })
  const rows = db.prepare('SELECT key, value FROM _cf_KV ORDER BY key').all()
  db.close()
  return new Map(
    rows.map(({ key, value }) => [
      key as string,
      Buffer.from(value as Uint8Array).toString('latin1'),
    ]),
  )
}

const read: Partial<Record<RuntimeName, unknown>> = {}

before(async () => {
  for (const runtime of runtimes) {
    await ask(runtime, folderOf(runtime), 'put')
    read[runtime] = await ask(runtime, folderOf(runtime), 'read')
  }
})

test('[ST11] [ST43] every kind of value is stored byte for byte as workerd stores it', () => {
  const [workerd, ours] = runtimes.map((runtime) => storedIn(folderOf(runtime)))
  assert.ok((workerd?.size ?? 0) >= 45, `only ${workerd?.size} values`)
  assert.deepEqual(ours, workerd)
})

test('[ST11] [ST43] what each runtime stored reads as the same values on the other', async () => {
  assert.deepEqual(read.ours, read.workerd)
  for (const [reader, writer] of [
    ['ours', 'workerd'],
    ['workerd', 'ours'],
  ] as const) {
    // The rows of the one in a database that the other made.
    const folder = join(root, `${reader} reads`)
    mkdirSync(dirname(folder), { recursive: true })
    cpSync(folderOf(reader), folder, { recursive: true })
    const db = new DatabaseSync(databaseOf(folder))
    db.exec('DELETE FROM _cf_KV')
    const put = db.prepare('INSERT INTO _cf_KV (key, value) VALUES (?, ?)')
    for (const [key, bytes] of storedIn(folderOf(writer)))
      put.run(key, Buffer.from(bytes, 'latin1'))
    db.exec('PRAGMA wal_checkpoint(TRUNCATE)')
    db.close()
    assert.deepEqual(await ask(reader, folder, 'read'), read[writer])
  }
})

test('[ST43] what has no header is read as version 13', () => {
  // As V8 wrote it then: tags have not changed since.
  for (const value of ['text', 1, { a: [1, 2] }, new Map([[1, 'a']])]) {
    assert.deepEqual(decodeValue(serialize(value).subarray(2)), value)
  }
  // Version 13 has views without flags, which later versions have.
  const view = Buffer.from([0x42, 0x02, 1, 2, 0x56, 0x42, 0x00, 0x02])
  assert.deepEqual(decodeValue(view), new Uint8Array([1, 2]))
})

test('[ST43] errors of older projects are stored as V8 writes them', () => {
  const error = new TypeError('m', { cause: 1 })
  const bytes = encodeValue({ error }, 'v8')
  assert.deepEqual(Buffer.from(bytes), serialize({ error }))
  const { error: back } = decodeValue(bytes) as { error: Error }
  assert.ok(back instanceof TypeError)
  assert.equal(back.message, 'm')
})

test('[ST43] an object that only the reference stores is named when it is read', () => {
  assert.throws(() => decodeValue(Buffer.from([0xff, 0x0f, 0x5c, 0x04, 0x03, 0x00])), {
    message: "Cannot read a stored value: it holds an object of type 'Headers'",
  })
})
