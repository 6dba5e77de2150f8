import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { createRuntime } from '../../src/sluice/index.ts'

const folder = mkdtempSync(join(tmpdir(), 'sluice-sql-classes-'))
after(() => rmSync(folder, { recursive: true, force: true }))

const program = `
import { DurableObject } from 'cloudflare:workers'
const attempt = (act) => { try { return String(act()) } catch (error) { return error.message } }
class Asked extends DurableObject {
  ask() {
    const { sql, kv } = this.ctx.storage
    return {
      sql: attempt(() => sql),
      exec: attempt(() => sql.exec('SELECT 7').raw().next().value),
      size: attempt(() => sql.databaseSize > 0),
      kv: attempt(() => kv.get('a')),
      sync: attempt(() => this.ctx.storage.transactionSync(() => 1)),
    }
  }
}
export class Keys extends Asked {}
export class Rows extends Asked {}
export class Renamed extends Asked {}
export class Unnamed extends Asked {}
export default {
  async fetch(request, env) {
    const answers = {}
    for (const name of ['Keys', 'Rows', 'Renamed', 'Unnamed']) answers[name] = await env[name].getByName('a').ask()
    return Response.json(answers)
  },
}
`

test('[ST29] a class declared by new_classes has neither SQL nor synchronous keys', async () => {
  writeFileSync(join(folder, 'worker.js'), program)
  const config = {
    name: 'classes',
    main: 'worker.js',
    compatibility_date: '2026-11-01',
    durable_objects: {
      bindings: ['Keys', 'Rows', 'Renamed', 'Unnamed'].map((name) => ({ name, class_name: name })),
    },
    migrations: [
      { tag: 'v1', new_classes: ['Keys', 'Old'], new_sqlite_classes: ['Rows'] },
      { tag: 'v2', renamed_classes: [{ from: 'Old', to: 'Renamed' }] },
    ],
  }
  writeFileSync(join(folder, 'wrangler.json'), JSON.stringify(config))
  const runtime = await createRuntime({ project: folder })
  const response = await runtime.fetch('http://localhost/')
  const answers = (await response.json()) as Record<string, Record<string, string>>
  await runtime.close()
  const withSql = {
    sql: '[object SqlStorage]',
    exec: '7',
    size: 'true',
    kv: 'undefined',
    sync: '1',
  }
  assert.partialDeepStrictEqual(answers, { Rows: withSql, Unnamed: withSql })
  for (const name of ['Keys', 'Renamed']) {
    const { sql, exec, size, kv, sync } = answers[name] ?? {}
    assert.equal(sql, '[object SqlStorage]', name)
    assert.match(
      exec ?? '',
      /^SQL is not enabled for this Durable Object class\. To enable it, change/,
    )
    assert.equal(size, exec)
    assert.match(
      kv ?? '',
      /^The storage\.kv \(synchronous KV\) API is only available for SQLite-backed/,
    )
    assert.equal(sync, '1')
  }
})
