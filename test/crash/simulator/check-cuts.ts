// node --import …/preload.ts check-cuts.ts FOLDER TRACE-FOLDER SEED FIRST END STEP: makes every STEPth cut
// from FIRST to before END of the trace of a run in FOLDER. Prints what it did, or what went wrong, as
// JSON.

import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { makeRandom } from '../random.ts'
import { countTrace } from './counts.ts'
import { checkCuts, CutFailure, requireComplete } from './cuts.ts'
import { materialize } from './session.ts'
import { readTrace, writePart } from './trace.ts'

const [root = '', directory = '', ...numbers] = process.argv.slice(2)
const [seed = 0, first = 0, end = 0, step = 1] = numbers.map(Number)
const trace = readTrace(directory)
requireComplete(trace, root)
const cuts = Array.from({ length: Math.ceil((end - first) / step) }, (_, i) => first + i * step)
try {
  console.log(
    JSON.stringify({ trace: countTrace(trace), cuts: await checkCuts({ trace, seed, cuts }) }),
  )
} catch (error) {
  if (!(error instanceof CutFailure)) throw error
  const kept = join(directory, `cut-${error.cut}`)
  mkdirSync(kept, { recursive: true })
  for (const [i, { image, events }] of error.recoveries.entries()) {
    materialize(image, join(kept, `before-recovery-${i + 1}`), makeRandom(0))
    writePart(kept, `recovery-${i + 1}`, events)
  }
  const { stack } = error.cause as Error
  console.log(JSON.stringify({ failure: { cut: error.cut, message: error.message, stack, kept } }))
}
