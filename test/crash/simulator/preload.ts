// node --import …/preload.ts: in every thread of the process. Records the thread's file operations when
// asked to, and breaks Sluice on purpose when asked to.

import { isMainThread, setEnvironmentData, getEnvironmentData, threadId } from 'node:worker_threads'
import { installInsideWriter } from './inside-writer.ts'
import { installMutant } from './mutants.ts'
import { faultKinds, installRecorder, record, type Recording } from './recorder.ts'
import { writePart } from './trace.ts'

installRecorder()
if (process.env['SLUICE_WRITER'] === 'inside') installInsideWriter()
const mutant = process.env['SLUICE_MUTANT']
if (mutant !== undefined) installMutant(mutant)

const key = 'sluice crash simulator'

interface Shared {
  readonly root: string
  readonly traceDirectory: string
  readonly clock: Int32Array
  readonly faults: Int32Array
}

/** Records this thread, and every thread that it starts, until the process ends. */
export function recordThreads(root: string, traceDirectory: string): Recording {
  const shared: Shared = {
    root,
    traceDirectory,
    clock: new Int32Array(new SharedArrayBuffer(4)),
    faults: new Int32Array(new SharedArrayBuffer(4 * faultKinds.length)),
  }
  setEnvironmentData(key, shared)
  return recordThread(shared)
}

function recordThread({ root, traceDirectory, clock, faults }: Shared): Recording {
  // Only the log's writer copes with a disk that fails: what SQLite does is not seen in time to fail it.
  const recording = { root, clock, events: [], ...(isMainThread ? {} : { faults }) }
  record(recording)
  process.on('exit', () => {
    record(undefined)
    writePart(traceDirectory, String(threadId), recording.events)
  })
  return { ...recording, faults }
}

const shared = getEnvironmentData(key) as unknown as Shared | undefined
if (!isMainThread && shared !== undefined) recordThread(shared)
