import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { createRuntime, type Runtime } from '../../src/sluice/index.ts'

const folder = mkdtempSync(join(tmpdir(), 'sluice-names-'))
after(() => rmSync(folder, { recursive: true, force: true }))

interface Answer {
  readonly id?: unknown
  readonly about: unknown
}

async function ask(runtime: Runtime, path: string): Promise<Answer> {
  const response = await runtime.fetch(`http://localhost/${path}`)
  return (await response.json()) as Answer
}

test('[NM4] an object keeps its jurisdiction over a restart, also when its alarm wakes it', async () => {
  const options = {
    project: fileURLToPath(new URL('program', import.meta.url)),
    data: join(folder, 'data'),
  }
  const first = await createRuntime(options)
  const made = await ask(first, 'make?delay=600')
  assert.partialDeepStrictEqual(made, {
    about: { jurisdiction: 'eu', name: 'box', kept: 'before' },
    elsewhere: { name: 'box' },
  })
  await first.close()
  const second = await createRuntime(options)
  try {
    let seen = await ask(second, 'witness')
    while (!JSON.stringify(seen).includes('kept')) {
      await delay(50)
      seen = await ask(second, 'witness')
    }
    assert.deepEqual(seen.about, { name: 'witness', kept: 'box rang in eu' })
    const found = await ask(second, String(made.id))
    assert.deepEqual(found.id, { jurisdiction: 'eu' })
    assert.partialDeepStrictEqual(found.about, { jurisdiction: 'eu', kept: 'before' })
  } finally {
    await second.close()
  }
})

test('[EX5] a call made while modules are loaded is refused, and the program runs', async () => {
  const path = join(folder, 'early.js')
  writeFileSync(
    path,
    `import { DurableObject, env } from 'cloudflare:workers'
     const early = await env.Thing?.getByName('a').hi().catch((error) => error.message)
     export class Thing extends DurableObject { hi() { return 'hi' } }
     export default {
       async fetch(request, { Thing }) {
         return Response.json([early ?? 'unbound', await Thing.getByName('a').hi()])
       },
     }`,
  )
  writeFileSync(
    join(folder, 'wrangler.json'),
    JSON.stringify({
      name: 'early',
      main: 'early.js',
      compatibility_date: '2026-11-01',
      durable_objects: { bindings: [{ name: 'Thing', class_name: 'Thing' }] },
    }),
  )
  const runtime = await createRuntime({ project: folder })
  try {
    const [early, later] = (await (await runtime.fetch('http://localhost/')).json()) as string[]
    assert.match(early ?? '', /^Disallowed operation called within global scope\./)
    assert.equal(later, 'hi')
  } finally {
    await runtime.close()
  }
})

test('[EX7] retryable() takes functions only, and marks change nothing', async () => {
  const { onHibernate, retryable } = await import('../../src/runtime/durable-objects-module.ts')
  assert.equal(onHibernate, undefined)
  assert.equal(
    retryable(() => 1),
    undefined,
  )
  assert.throws(() => retryable(5), {
    name: 'TypeError',
    message: 'retryable() accepts only functions.',
  })
})
