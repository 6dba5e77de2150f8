import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { mutants } from './mutants.ts'
import { program } from './programs.ts'
import { Violation, World } from './world.ts'

const programsMax = 20_000
const programs = fc.sample(program, { seed: 20261124, numRuns: programsMax })

for (const [mistake, parts] of Object.entries(mutants)) {
  test(`the model test finds the mistake: ${mistake}`, async (context) => {
    for (const [i, random] of programs.entries()) {
      try {
        await new World(random, parts).run()
      } catch (error) {
        // Not any error will do: a mutant that crashes proves nothing.
        if (!(error instanceof Violation)) throw error
        context.diagnostic(`after ${i + 1} programs: ${(error as Error).message}`)
        return
      }
    }
    assert.fail(`no violation in ${programsMax} programs`)
  })
}
