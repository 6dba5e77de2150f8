// Records runs of Sluice and cuts them, each in processes of their own, so that a mutant is loaded into
// all of it.

import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { TraceCounts } from './counts.ts'
import type { CutReport } from './cuts.ts'
import { requireMutant } from './mutants.ts'

export interface Simulation {
  readonly seed: number
  /** Requests in the recorded run. */
  readonly operations: number
  readonly cuts: number
  readonly mutant?: string
  readonly processes?: number
}

export type Report = TraceCounts & CutReport

/** A promise was broken; the message says which, and how to see it again. */
export class SimulationFailure extends Error {
  override readonly name = 'SimulationFailure'
}

interface Output {
  readonly trace: TraceCounts
  readonly cuts: CutReport
  readonly failure?: { message: string; stack: string; kept: string }
}

/**
 * One recorded run, and its cuts.
 *
 * @throws SimulationFailure; then the trace is kept
 */
export async function simulate(simulation: Simulation): Promise<Report> {
  const { seed, operations, cuts, mutant, processes = 2 } = simulation
  if (mutant !== undefined) requireMutant(mutant)
  const folder = mkdtempSync(join(tmpdir(), 'sluice-simulation-'))
  const [root, trace] = [join(folder, 'run'), join(folder, 'trace')]
  for (const path of [root, trace]) mkdirSync(path)
  const environment = mutant === undefined ? {} : { SLUICE_MUTANT: mutant }
  try {
    await run('record-run.ts', [root, trace, String(seed), String(operations)], environment)
    const report = await checkTrace({ root, trace, seed, cuts, processes, environment })
    rmSync(folder, { recursive: true })
    return report
  } catch (error) {
    // Of a mutant nobody wants to see more.
    if (mutant !== undefined) rmSync(folder, { recursive: true })
    throw error
  }
}

/**
 * Runs of fixed seeds, one after the other, until one shows the mutant. Threads run as they like, so
 * that no two recordings are the same.
 *
 * @returns how it was noticed; undefined when it was not
 */
export async function noticeMutant(mutant: string): Promise<string | undefined> {
  for (let seed = 1; seed <= 5; seed += 1) {
    try {
      await simulate({ seed, operations: 400, cuts: 250, mutant, processes: 1 })
    } catch (error) {
      if (!(error instanceof SimulationFailure)) throw error
      return `run ${seed}, ${error.message.split('\n', 1)[0]}`
    }
  }
  return undefined
}

export interface Check {
  readonly root: string
  readonly trace: string
  readonly seed: number
  readonly cuts: number
  /** Not the ones before. */
  readonly firstCut?: number
  readonly processes: number
  readonly environment?: Readonly<Record<string, string>>
}

/** Cuts of a run that was recorded before. */
export async function checkTrace(check: Check): Promise<Report> {
  const { root, trace, seed, cuts, firstCut = 0, processes, environment = {} } = check
  const outputs = await Promise.all(
    Array.from({ length: processes }, async (_, i) => {
      const numbers = [seed, firstCut + i, firstCut + cuts, processes].map(String)
      const inside = { ...environment, SLUICE_WRITER: 'inside' }
      return JSON.parse(await run('check-cuts.ts', [root, trace, ...numbers], inside)) as Output
    }),
  )
  for (const { failure } of outputs) {
    if (failure === undefined) continue
    throw new SimulationFailure(
      `${failure.message}\n${failure.stack}\nseed ${seed}; again: npm run crash -- --folder ${root} --trace ${trace} --seed ${seed} --cut ${/\d+/.exec(failure.message)?.[0]}; what it began with: ${failure.kept}`,
    )
  }
  const report: Report = {
    ...(outputs[0] as Output).trace,
    cuts: 0,
    recoveries: 0,
    recoveriesAgain: 0,
  }
  for (const { cuts: part } of outputs) {
    report.cuts += part.cuts
    report.recoveries += part.recoveries
    report.recoveriesAgain += part.recoveriesAgain
  }
  return report
}

const preload = new URL('preload.ts', import.meta.url).href

function run(
  program: string,
  parameters: readonly string[],
  environment: Readonly<Record<string, string>>,
): Promise<string> {
  const path = fileURLToPath(new URL(program, import.meta.url))
  // Mostly short-lived: the trace, the image, the objects of one session.
  const flags = ['--max-semi-space-size=64', '--import', preload]
  const child: ChildProcess = spawn(process.execPath, [...flags, path, ...parameters], {
    env: { ...process.env, NODE_OPTIONS: '', ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let [output, errors] = ['', '']
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (output += text))
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (errors += text))
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) => {
      if (code === 0) resolve(output)
      else reject(new SimulationFailure(`${program} ended with ${code}: ${errors.slice(-2000)}`))
    })
  })
}
