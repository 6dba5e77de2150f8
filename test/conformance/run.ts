// npm run conformance [-- program …] [--only ours|workerd] [--slow]
//
// Runs the same bytes on Sluice and on workerd and compares both with the recorded answers.
// Ends with 1 when a required program differs.

import { parseArgs } from 'node:util'
import type { RuntimeName } from '../workerd/start.ts'
import { askProgram, type Outcome } from './ask-program.ts'
import { type Program, programs } from './programs.ts'

const fastSecondsMax = 40

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { only: { type: 'string' }, slow: { type: 'boolean', default: false } },
})
const runtimes = chooseRuntimes(values.only)
let isFailed = false
const rows: string[][] = []
const details: string[] = []

for (const program of choosePrograms(positionals)) {
  const asks = program.asks.filter(
    (ask) => values.slow === true || (ask.seconds ?? 0) <= fastSecondsMax,
  )
  const results = await Promise.all(
    runtimes.map(async (runtime) => ({
      runtime,
      outcomes: await askProgram(runtime, program.name, asks),
    })),
  )
  for (const [index, ask] of asks.entries()) {
    const verdicts = results.map(({ runtime, outcomes }) => {
      const outcome = outcomes[index] as Outcome
      const isEqual = outcome.failure === undefined && outcome.differences.length === 0
      if (!isEqual) {
        if (program.isRequired) isFailed = true
        details.push(describe(program, runtime, outcome))
      }
      return verdict(outcome)
    })
    rows.push([
      program.name,
      ask.path,
      program.isRequired ? 'required' : 'information',
      ...verdicts,
    ])
  }
}

printTable([['program', 'ask', 'counts as', ...runtimes], ...rows])
for (const detail of details) console.log(`\n${detail}`)
process.exitCode = isFailed ? 1 : 0

function chooseRuntimes(only: string | undefined): readonly RuntimeName[] {
  if (only === undefined) return ['ours', 'workerd']
  if (only === 'ours' || only === 'workerd') return [only]
  throw new Error(`Cannot run '--only ${only}': wanted 'ours' or 'workerd'`)
}

function choosePrograms(names: readonly string[]): readonly Program[] {
  for (const name of names) {
    if (!programs.some((program) => program.name === name)) {
      const known = programs.map((program) => program.name).join(', ')
      throw new Error(`Cannot run program '${name}': it is unknown, wanted one of ${known}`)
    }
  }
  return names.length === 0 ? programs : programs.filter(({ name }) => names.includes(name))
}

function verdict(outcome: Outcome): string {
  if (outcome.failure !== undefined) return 'no answer'
  const count = outcome.differences.length
  return count === 0 ? 'equal' : `${count} different`
}

function describe(program: Program, runtime: RuntimeName, outcome: Outcome): string {
  const title = `${runtime}: ${program.name} ${outcome.ask.path}`
  if (outcome.failure !== undefined) return `${title}\n  ${outcome.failure}`
  const lines = outcome.differences.flatMap(({ path, actual, expected }) => [
    `  ${path}`,
    `    - ${expected}`,
    `    + ${actual}`,
  ])
  return [`${title}  (- recorded, + ${runtime})`, ...lines].join('\n')
}

function printTable(table: readonly (readonly string[])[]): void {
  const widths = (table[0] ?? []).map((_, column) =>
    Math.max(...table.map((row) => row[column]?.length ?? 0)),
  )
  for (const row of table) {
    console.log(
      row
        .map((text, column) => text.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
  }
}
