// npm run compatibility [-- --check]
//
// Writes docs/compatibility.md from the recorded answers of the corpus and the differences that are
// listed as intended; `npm run conformance` is what keeps both true. With --check it only compares.

import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import {
  groups,
  type IntendedDifference,
  readExpected,
  readIntended,
  recordedCases,
} from './corpus.ts'
import { type Rule, readRules, rulesOf, uncovered } from './rules.ts'

type Members = Readonly<Record<string, string>>

interface Difference extends IntendedDifference {
  readonly key: string
}

const path = fileURLToPath(new URL('../../docs/compatibility.md', import.meta.url))

/** What reflection cannot find, and the rules that say whether it is there. */
const others: readonly [
  title: string,
  members: readonly [name: string, ids: readonly string[]][],
][] = [
  [
    'Handlers of an object',
    [
      ['fetch', ['R5.3']],
      ['alarm', ['R12.9']],
      ['webSocketMessage', ['R5.7', 'R5.24']],
      ['RPC methods', ['R5.1', 'R5.2']],
    ],
  ],
  [
    'Options',
    [
      ['get, list: allowConcurrency, noCache', ['R6.3', 'R6.6']],
      ['put, delete: allowConcurrency, allowUnconfirmed, noCache', ['R5.11', 'R6.6']],
      ['list: start, startAfter, end, prefix, reverse, limit', ['R7.6', 'R7.7']],
      ['getAlarm, setAlarm, deleteAlarm: allowConcurrency, allowUnconfirmed', ['R12.29']],
      ['abort: retryAlarm', ['R12.22']],
    ],
  ],
]

const experimental = [
  'ctx: primaryStub, restore, version, configureReadReplication',
  'storage: waitForBookmark, primary, ensureReplicas, disableReplicas, snapshot, onNextSessionRestore',
  'sql: prepare, ingest, setMaxPageCountForTest; cursor: reusedCachedQueryForTest',
  'namespace: getExisting, get with a version',
]

const rules = readRules()
const cases = recordedCases()
const differences = groups.flatMap((group) =>
  Object.entries(readIntended(group)).map(([key, rest]): Difference => ({ key, ...rest })),
)
const text = render()
if (!process.argv.includes('--check')) writeFileSync(path, text)
else if (readFileSync(path, 'utf8') !== text) {
  console.error('docs/compatibility.md is not what the corpus says: npm run compatibility')
  process.exitCode = 1
}

function render(): string {
  const surface = readExpected('surface') as Record<string, Members>
  const ours = readIntended('surface')
  const classes = Object.entries(surface).map(([key, members]) => {
    const name = key.slice(key.indexOf(' ') + 1)
    const own = (ours[key]?.answer ?? members) as Members
    return table(name, [
      ...Object.entries(members).map(([member, kind]) => [
        member,
        verdict(name, member, kind, own[member]),
      ]),
      ...Object.keys(own)
        .filter((member) => !Object.hasOwn(members, member))
        .map((member) => [member, 'ours alone']),
    ])
  })
  return `${[
    '# Compatibility with the reference',
    'Written by `npm run compatibility` from the corpus of `test/conformance/`, which runs on workerd 1.20261117.1 and on Sluice: the members are found by reflection on both, the\ndifferences are those that the run compares. **yes**: as on the reference, by the cases of its rules; **differs**: on purpose; **not yet**: missing.',
    '## Members',
    ...classes,
    ...others.map(([title, members]) =>
      table(
        title,
        members.map(([name, ids]) => [name, ofRules(ids)]),
      ),
    ),
    '## Differences, by rule',
    'Each is part of the comparison: when ours answers in yet another way, or as the reference does, the run fails. Streams have a list of their own in\n`test/conformance/programs.ts`; what the reference does wrong and we do not is in `docs/spec/`.',
    differenceTable(),
    '## Only with experimental flags on the reference, and not here',
    experimental.map((line) => `- ${line}`).join('\n'),
    '## What the corpus covers',
    coverage(),
  ].join('\n\n')}\n`
}

function verdict(type: string, member: string, kind: string, own: string | undefined): string {
  if (own === undefined) return '**not yet**'
  const reasons = differences
    .filter(({ members }) => members?.includes(`${type}.${member}`))
    .map(({ key, reason }) => `${reason} (${rulesOf(key).join(', ')})`)
  if (own !== kind) reasons.push(`a ${own}, there a ${kind}`)
  return reasons.length === 0 ? 'yes' : `**differs**: ${reasons.join(' ')}`
}

function ofRules(ids: readonly string[]): string {
  for (const id of ids) {
    if (!rules.some((rule) => rule.id === id)) throw new Error(`${id} is no rule`)
  }
  const open = uncovered(rules, cases).filter(({ id }) => ids.includes(id))
  return open.length === 0 ? `yes (${ids.join(', ')})` : '**not yet**'
}

function differenceTable(): string {
  const rows = differences
    .filter(({ key }) => !key.startsWith('S'))
    .map(({ key, reason }): [Rule, string[]] => {
      const ids = rulesOf(key)
      const first = rules.find(({ id }) => id === ids[0])
      if (first === undefined) throw new Error(`'${key}' names no rule`)
      return [first, [ids.join(' '), key.slice(ids.join(' ').length + 1), reason]]
    })
    .toSorted(([a], [b]) => rules.indexOf(a) - rules.indexOf(b))
    .map(([, row]) => row)
  return rowsOf(['Rule', 'Case', 'Difference, and why'], rows)
}

function coverage(): string {
  const open = uncovered(rules, cases)
  const sections = [...new Set(rules.map(({ section }) => section))]
  return rowsOf(
    ['Section', 'Rules', 'Without a case', 'Cases', 'Intended differences'],
    sections.map((section) => {
      const ids = new Set(rules.filter((rule) => rule.section === section).map(({ id }) => id))
      const isOf = (key: string): boolean => rulesOf(key).some((id) => ids.has(id))
      return [
        section,
        ids.size,
        open.filter(({ id }) => ids.has(id)).length,
        cases.filter(isOf).length,
        differences.filter(({ key }) => isOf(key)).length,
      ].map(String)
    }),
  )
}

function table(title: string, rows: readonly (readonly string[])[]): string {
  return `### ${title}\n\n${rowsOf(
    ['Member', ''],
    rows.map(([name = '', ...rest]) => [`\`${name}\``, ...rest]),
  )}`
}

function rowsOf(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}
