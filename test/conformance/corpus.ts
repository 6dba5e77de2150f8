// Runs the programs in corpus/ on one runtime and compares each case with its recorded answer.

import { existsSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type RuntimeName, startRuntime } from '../workerd/start.ts'
import { httpGet } from './ask-program.ts'
import { compareAnswers, type Difference } from './compare.ts'

/** The answers of one program, by case key. */
type Answers = Record<string, unknown>

/** A case that ours answers in another way on purpose, and how. */
export interface IntendedDifference {
  readonly reason: string
  /** The members that docs/compatibility.md shows as different: 'DurableObjectState.abort'. */
  readonly members?: readonly string[]
  readonly answer: unknown
}

export interface CaseOutcome {
  readonly key: string
  readonly verdict: 'equal' | 'intended difference' | 'failure'
  readonly differences: readonly Difference[]
  /** Set when there is nothing to compare: no answer, or no recording. */
  readonly failure?: string
}

/** Cases that take longer are asked only when slow ones are wanted. */
const fastSecondsMax = 12

const folder = fileURLToPath(new URL('corpus/', import.meta.url))

/** The names of the programs of the corpus. */
export const groups: readonly string[] = globSync('*/wrangler.jsonc', { cwd: folder })
  .map((path) => dirname(path))
  .toSorted()

export function readExpected(group: string): Answers {
  return readJson(join(folder, group, 'expected.json')) as Answers
}

/** What ours answers in another way on purpose; by case key. */
export function readIntended(group: string): Record<string, IntendedDifference> {
  return readJson(join(folder, group, 'intended.json')) as Record<string, IntendedDifference>
}

function readJson(path: string): unknown {
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : {}
}

/** Every recorded case of every program. */
export function recordedCases(): string[] {
  return groups.flatMap((group) => Object.keys(readExpected(group)))
}

/** Asks a program everything and compares; a case without recording fails, and so does the reverse. */
export async function runGroup(
  runtime: RuntimeName,
  group: string,
  isSlow: boolean,
): Promise<CaseOutcome[]> {
  const expected = readExpected(group)
  const intended = runtime === 'ours' ? readIntended(group) : {}
  let answers: Map<string, Answer>
  try {
    answers = await askGroup(runtime, group, isSlow)
  } catch (error) {
    return [failed(group, (error as Error).message)]
  }
  const outcomes = [...answers].map(([key, answer]) => judge(key, answer))
  const gone = Object.keys(intended).filter((key) => !Object.hasOwn(expected, key))
  const unasked = [...Object.keys(expected), ...gone].filter((key) => !answers.has(key))
  return [...outcomes, ...unasked.map((key) => failed(key, 'the program has no such case'))]

  function judge(key: string, answer: Answer): CaseOutcome {
    if (answer.state === 'skipped') return { key, verdict: 'equal', differences: [] }
    if (answer.state === 'failed') return failed(key, answer.failure)
    if (!Object.hasOwn(expected, key)) return failed(key, 'its answer is not recorded')
    const difference = intended[key]
    if (difference === undefined) {
      const differences = compareAnswers(answer.value, expected[key])
      return { key, verdict: differences.length === 0 ? 'equal' : 'failure', differences }
    }
    if (compareAnswers(answer.value, expected[key]).length === 0) {
      return failed(key, 'is listed as an intended difference and answers as the reference does')
    }
    const differences = compareAnswers(answer.value, difference.answer)
    const isAsListed = differences.length === 0
    return { key, verdict: isAsListed ? 'intended difference' : 'failure', differences }
  }
}

function failed(key: string, failure: string): CaseOutcome {
  return { key, verdict: 'failure', differences: [], failure }
}

type Answer =
  | { readonly state: 'answered'; readonly value: unknown }
  | { readonly state: 'failed'; readonly failure: string }
  | { readonly state: 'skipped' }

// All at once: the cases have objects of their own, and many of them wait.
async function askGroup(
  runtime: RuntimeName,
  group: string,
  isSlow: boolean,
): Promise<Map<string, Answer>> {
  const data = mkdtempSync(join(tmpdir(), `sluice-corpus-${group}-`))
  try {
    await using server = await startRuntime(runtime, { project: join(folder, group), data })
    const { status, text } = await httpGet(`${server.url}/`, 30_000)
    if (status !== 200) throw new Error(`the list of cases: HTTP ${status}: ${text}`)
    const list = JSON.parse(text) as { name: string; seconds: number }[]
    const ask = async (key: string, seconds: number): Promise<Answer> => {
      if (!isSlow && seconds > fastSecondsMax) return { state: 'skipped' }
      try {
        const path = `/?case=${encodeURIComponent(key)}`
        const reply = await httpGet(server.url + path, (seconds + 60) * 1000)
        if (reply.status === 200) return { state: 'answered', value: JSON.parse(reply.text) }
        return { state: 'failed', failure: `HTTP ${reply.status}: ${reply.text.slice(0, 500)}` }
      } catch (error) {
        const failure = `${(error as Error).message}\n${server.stderr().slice(-2000)}`
        return { state: 'failed', failure }
      }
    }
    return new Map(
      await Promise.all(
        list.map(async ({ name, seconds }) => [name, await ask(name, seconds)] as const),
      ),
    )
  } finally {
    rmSync(data, { recursive: true, force: true })
  }
}

/**
 * Writes the reference's answers beside the program, and what ours answers to the cases that are listed
 * in `intended.json` with a reason. The reference is asked twice: an answer that is not the same both
 * times is no rule, and is not recorded. Slow cases keep their recording unless `isSlow`.
 *
 * @returns what kept an answer from being recorded
 */
export async function recordGroup(group: string, isSlow: boolean): Promise<string[]> {
  const problems: string[] = []
  const [first, second] = await Promise.all([
    askGroup('workerd', group, isSlow),
    askGroup('workerd', group, isSlow),
  ])
  const recorded = readExpected(group)
  const recording: Answers = {}
  for (const [key, answer] of first) {
    const again = second.get(key)
    if (answer.state === 'skipped' && Object.hasOwn(recorded, key)) {
      recording[key] = recorded[key]
      continue
    }
    if (answer.state !== 'answered' || again?.state !== 'answered') {
      const failure = [answer, again].find((each) => each?.state === 'failed')
      problems.push(`${key}: ${failure?.state === 'failed' ? failure.failure : 'no answer'}`)
      continue
    }
    const differences = compareAnswers(again.value, answer.value)
    if (differences.length === 0) recording[key] = answer.value
    for (const { path, actual, expected } of differences) {
      problems.push(`${key}: at '${path}' first ${expected}, then ${actual}`)
    }
  }
  writeJson(join(folder, group, 'expected.json'), recording)
  const intended = readIntended(group)
  if (Object.keys(intended).length > 0) {
    const answers = await askGroup('ours', group, isSlow)
    const listed = Object.entries(intended).map(([key, difference]) => {
      const answer = answers.get(key)
      if (answer?.state === 'skipped') return [key, difference]
      if (answer?.state !== 'answered') {
        problems.push(`${key}: ours gives no answer`)
        return [key, { ...difference, answer: null }]
      }
      return [key, { ...difference, answer: answer.value }]
    })
    writeJson(join(folder, group, 'intended.json'), Object.fromEntries(listed))
  }
  return problems
}

function writeJson(path: string, value: unknown): void {
  writeFileSync(path, `${JSON.stringify(value, null, 1)}\n`)
}
