// npm run crash [-- --rounds 1000] [--seed 7] [--on ours|workerd]

import { parseArgs } from 'node:util'
import type { RuntimeName } from '../workerd/start.ts'
import { runCrashRounds } from './crash-rounds.ts'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '100' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000_000) },
    on: { type: 'string', default: 'ours' },
  },
})
console.log(`npm run crash -- --rounds ${values.rounds} --seed ${values.seed} --on ${values.on}`)
const report = await runCrashRounds({
  runtime: values.on as RuntimeName,
  rounds: Number(values.rounds),
  seed: Number(values.seed),
  onRound: (round, { acknowledged, cutOff }) => {
    if (round % 10 === 0) console.log(`round ${round}: ${acknowledged} kept, ${cutOff} cut off`)
  },
})
console.log(report)
