import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { program } from './programs.ts'
import { type Counts, World } from './world.ts'

const seed = Number(process.env['SLUICE_SEED'] ?? 20261124)
const numRuns = Number(process.env['SLUICE_RUNS'] ?? 3000)

test(`[KC1] [KC5] [KC6] [KC9] [KC17] [KC18] random programs (seed ${seed}) see what their model sees, whatever the store does meanwhile`, async () => {
  const total: Counts = { reads: 0, flushes: 0, retries: 0, waits: 0, released: 0, breaks: 0 }
  await fc.assert(
    fc.asyncProperty(program, async (random) => {
      const counts = await new World(random).run()
      for (const name of Object.keys(total) as (keyof Counts)[]) total[name] += counts[name]
    }),
    { seed, numRuns },
  )
  for (const [name, count] of Object.entries(total)) assert.ok(count > 0, `no ${name} in any run`)
})
