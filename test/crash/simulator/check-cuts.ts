// node --import …/preload.ts check-cuts.ts TRACE-FOLDER SEED FIRST END STEP: makes every STEPth cut from
// FIRST to before END. Prints the report, or the failure, as JSON.

import { join } from 'node:path'
import { makeRandom } from '../random.ts'
import { checkCuts, CutFailure } from './cuts.ts'
import { materialize } from './session.ts'
import { readTrace, writePart } from './trace.ts'

const [directory = '', ...numbers] = process.argv.slice(2)
const [seed = 0, first = 0, end = 0, step = 1] = numbers.map(Number)
const trace = readTrace(directory)
const cuts = Array.from({ length: Math.ceil((end - first) / step) }, (_, i) => first + i * step)
try {
  console.log(JSON.stringify(await checkCuts({ trace, seed, cuts })))
} catch (error) {
  if (!(error instanceof CutFailure)) throw error
  const { stack } = error.cause as Error
  const kept = join(directory, `cut-${error.cut}`)
  for (const [i, { image, events }] of error.recoveries.entries()) {
    materialize(image, join(kept, `before-recovery-${i + 1}`), makeRandom(0))
    writePart(kept, `recovery-${i + 1}`, events)
  }
  console.log(JSON.stringify({ cut: error.cut, failure: error.message, stack, kept }))
}
