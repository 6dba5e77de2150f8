// npm run conformance [-- program …] [--only ours|workerd] [--slow]
// npm run conformance -- --record [--slow] program-of-the-corpus …
//
// Runs the same bytes on Sluice and on workerd and compares both with the recorded answers: first the
// programs that are asked one question, then the corpus, and then which rules nothing covers. Ends with
// 1 when a required program or a case of the corpus differs, or a rule of a complete section is uncovered.

import { parseArgs } from 'node:util'
import type { RuntimeName } from '../workerd/start.ts'
import { askProgram, type Outcome } from './ask-program.ts'
import type { Difference } from './compare.ts'
import { type CaseOutcome, groups, recordedCases, recordGroup, runGroup } from './corpus.ts'
import { type Program, programs } from './programs.ts'
import { checkCovers, incompleteSections, readRules, rulesOf, uncovered } from './rules.ts'

const fastSecondsMax = 40

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    only: { type: 'string' },
    slow: { type: 'boolean', default: false },
    record: { type: 'boolean', default: false },
  },
})
checkNames(positionals)
if (values.record) {
  for (const group of positionals.filter((name) => groups.includes(name))) {
    for (const problem of await recordGroup(group, values.slow)) console.log(`${group}: ${problem}`)
  }
  process.exit(0)
}
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
        const title = `${runtime}: ${program.name} ${ask.path}`
        details.push(describe(title, runtime, outcome.differences, outcome.failure))
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

if (rows.length > 0) printTable([['program', 'ask', 'counts as', ...runtimes], ...rows])
const chosenGroups =
  positionals.length === 0 ? groups : groups.filter((name) => positionals.includes(name))
if (chosenGroups.length > 0) await runCorpus(chosenGroups)
for (const detail of details) console.log(`\n${detail}`)
if (positionals.length === 0) printCoverage()
process.exitCode = isFailed ? 1 : 0

async function runCorpus(names: readonly string[]): Promise<void> {
  const table = [['corpus', 'runtime', 'cases', 'equal', 'intended differences', 'failures']]
  for (const group of names) {
    const results = await Promise.all(
      runtimes.map((runtime) => runGroup(runtime, group, values.slow)),
    )
    for (const [index, outcomes] of results.entries()) {
      const runtime = runtimes[index] as RuntimeName
      const count = (verdict: CaseOutcome['verdict']): number =>
        outcomes.filter((outcome) => outcome.verdict === verdict).length
      const counts = [count('equal'), count('intended difference'), count('failure')]
      table.push([group, runtime, String(outcomes.length), ...counts.map(String)])
      for (const { key, verdict, differences, failure } of outcomes) {
        if (verdict !== 'failure') continue
        isFailed = true
        details.push(describe(`${runtime}: ${group}: ${key}`, runtime, differences, failure))
      }
    }
  }
  console.log()
  printTable(table)
}

function printCoverage(): void {
  const rules = readRules()
  const cases = recordedCases()
  const open = uncovered(rules, cases)
  const table = [['section', 'rules', 'uncovered', 'cases', '']]
  for (const section of new Set(rules.map((rule) => rule.section))) {
    const of = (list: typeof rules): typeof rules => list.filter((rule) => rule.section === section)
    const ids = new Set(of(rules).map(({ id }) => id))
    const asking = cases.filter((key) => rulesOf(key).some((id) => ids.has(id)))
    const isComplete = !incompleteSections.has(section)
    if (isComplete && of(open).length > 0) isFailed = true
    table.push([
      section,
      String(ids.size),
      String(of(open).length),
      String(asking.length),
      isComplete ? 'complete' : 'in progress',
    ])
  }
  console.log()
  printTable(table)
  for (const { id, text } of open) console.log(`uncovered: ${id} ${text}`)
  for (const problem of checkCovers(rules, cases)) {
    isFailed = true
    console.log(problem)
  }
}

function chooseRuntimes(only: string | undefined): readonly RuntimeName[] {
  if (only === undefined) return ['ours', 'workerd']
  if (only === 'ours' || only === 'workerd') return [only]
  throw new Error(`Cannot run '--only ${only}': wanted 'ours' or 'workerd'`)
}

function checkNames(names: readonly string[]): void {
  const known = [...programs.map((program) => program.name), ...groups]
  for (const name of names) {
    if (!known.includes(name)) {
      const list = known.join(', ')
      throw new Error(`Cannot run program '${name}': it is unknown, wanted one of ${list}`)
    }
  }
}

function choosePrograms(names: readonly string[]): readonly Program[] {
  return names.length === 0 ? programs : programs.filter(({ name }) => names.includes(name))
}

function verdict(outcome: Outcome): string {
  if (outcome.failure !== undefined) return 'no answer'
  const count = outcome.differences.length
  return count === 0 ? 'equal' : `${count} different`
}

function describe(
  title: string,
  runtime: RuntimeName,
  differences: readonly Difference[],
  failure: string | undefined,
): string {
  if (failure !== undefined) return `${title}\n  ${failure}`
  const lines = differences.flatMap(({ path, actual, expected }) => [
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
