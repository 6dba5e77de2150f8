// npm run crash [-- --rounds 100] [--traces 5] [--cuts 1000] [--seed 7] [--on ours|workerd]
// npm run crash -- --mutants [--only NAME]                 breaks Sluice on purpose, in each way we know
// npm run crash -- --folder F --trace T --seed 7 --cut 60  one cut of a trace that was kept

import { parseArgs } from 'node:util'
import type { RuntimeName } from '../workerd/start.ts'
import { runCrashRounds } from './crash-rounds.ts'
import { mutants } from './simulator/mutants.ts'
import { checkTrace, noticeMutant, simulate } from './simulator/simulate.ts'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '100' },
    traces: { type: 'string', default: '5' },
    cuts: { type: 'string', default: '1000' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000_000) },
    on: { type: 'string', default: 'ours' },
    mutants: { type: 'boolean', default: false },
    only: { type: 'string' },
    folder: { type: 'string' },
    trace: { type: 'string' },
    cut: { type: 'string' },
  },
})
const seed = Number(values.seed)
const operations = 400

if (values.mutants) await tryMutants()
else if (values.folder !== undefined && values.trace !== undefined) {
  const { folder: root, trace } = values
  const firstCut = Number(values.cut ?? 0)
  const cuts = values.cut === undefined ? Number(values.cuts) : 1
  console.log(await checkTrace({ root, trace, seed, cuts, firstCut, processes: 1 }))
} else {
  if (values.on === 'ours') await cutPower()
  await killProcesses()
}

async function cutPower(): Promise<void> {
  console.log(`power cuts: --traces ${values.traces} --cuts ${values.cuts} --seed ${seed}`)
  for (let i = 0; i < Number(values.traces); i += 1) {
    console.log(await simulate({ seed: seed + i, operations, cuts: Number(values.cuts) }))
  }
}

async function killProcesses(): Promise<void> {
  console.log(`kills: --rounds ${values.rounds} --seed ${seed} --on ${values.on}`)
  const report = await runCrashRounds({
    runtime: values.on as RuntimeName,
    rounds: Number(values.rounds),
    seed,
    onRound: (round, { acknowledged, cutOff }) => {
      if (round % 10 === 0) console.log(`round ${round}: ${acknowledged} kept, ${cutOff} cut off`)
    },
  })
  console.log(report)
}

// First Sluice as it is, then each mutant: runs of fixed seeds, until one shows it.
async function tryMutants(): Promise<void> {
  console.log('no mutant:', await simulate({ seed: 1, operations, cuts: 400 }))
  const left = mutants.filter(({ name }) => values.only === undefined || name === values.only)
  let noticed = 0
  const total = left.length
  const work = async (): Promise<void> => {
    for (let next = left.shift(); next !== undefined; next = left.shift()) {
      const verdict = await noticeMutant(next.name)
      if (verdict !== undefined) noticed += 1
      console.log(`${verdict === undefined ? '✖' : '✔'} ${next.name}: ${verdict ?? 'not noticed'}`)
    }
  }
  await Promise.all([work(), work()])
  console.log(`${noticed} of ${total} mutants noticed`)
  if (noticed < total) process.exitCode = 1
}
