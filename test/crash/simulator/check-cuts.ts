// node --import …/preload.ts check-cuts.ts TRACE-FOLDER SEED FIRST END STEP: makes every STEPth cut from
// FIRST to before END. Prints the report, or the failure, as JSON.

import { checkCuts, CutFailure } from './cuts.ts'
import { readTrace } from './trace.ts'

const [directory = '', ...numbers] = process.argv.slice(2)
const [seed = 0, first = 0, end = 0, step = 1] = numbers.map(Number)
const trace = readTrace(directory)
const cuts = Array.from({ length: Math.ceil((end - first) / step) }, (_, i) => first + i * step)
try {
  console.log(JSON.stringify(await checkCuts({ trace, seed, cuts })))
} catch (error) {
  if (!(error instanceof CutFailure)) throw error
  console.log(JSON.stringify({ cut: error.cut, failure: error.message, stack: (error.cause as Error).stack }))
}
