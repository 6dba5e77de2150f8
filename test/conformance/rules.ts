// The rules of the reference that the corpus covers, read from rules/*.md, and what covers each.
//
// A line `- **R4.1** text` is a rule of section 1.4, `- **S1** text` one of section 2. It is covered by a case of the corpus whose key
// begins with its ID, or by what stands in brackets at its end: a rule of docs/spec, which has tests of
// its own (`[OG2]`), or an answer of a program (`[gates: nested bcw]`, `[sockets 3: tags]`).

import { globSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseRecording } from './compare.ts'

export interface Rule {
  /** `R4.1`. */
  readonly id: string
  /** `1.4`, as in the reference. */
  readonly section: string
  readonly text: string
  /** What covers it beside the cases of the corpus, as written in brackets. */
  readonly covers: readonly string[]
}

/** Sections whose rules are written down before their cases are; a rule without one fails elsewhere. */
export const incompleteSections: ReadonlySet<string> = new Set<string>()

const here = fileURLToPath(new URL('.', import.meta.url))
const root = fileURLToPath(new URL('../..', import.meta.url))

/** All rules in order; throws when one is defined twice or stands in the file of another section. */
export function readRules(): Rule[] {
  const rules = new Map<string, Rule>()
  for (const path of globSync('rules/*.md', { cwd: here }).toSorted()) {
    const text = readFileSync(here + path, 'utf8')
    const section = /^# (1\.\d+|2) /.exec(text)?.[1]
    if (section === undefined) throw new Error(`${path}: its title begins with no section`)
    for (const item of text.split(/^- /m).slice(1)) {
      const [, id = '', body = ''] = /^\*\*((?:R\d+\.|S)\d+)\*\* ([^]+?)(?:\n\n|$)/.exec(item) ?? []
      if (id === '') throw new Error(`${path}: '${item.slice(0, 60)}' begins with no ID`)
      if (rules.has(id)) throw new Error(`${path}: ${id} is defined twice`)
      if ((id.startsWith('S') ? '2' : `1.${id.slice(1).split('.')[0]}`) !== section) {
        throw new Error(`${path}: ${id} is not of section ${section}`)
      }
      const line = body.replaceAll(/\s+/g, ' ').trim()
      const brackets = /(?:\s*\[[^\]]+\])+$/.exec(line)?.[0] ?? ''
      rules.set(id, {
        id,
        section,
        text: line.slice(0, line.length - brackets.length),
        covers: Array.from(brackets.matchAll(/\[([^\]]+)\]/g), ([, cover = '']) => cover),
      })
    }
  }
  return [...rules.values()]
}

/** The IDs that a case asks about: `R4.1` and `R4.2` in 'R4.1 R4.2 gives …'. */
export function rulesOf(caseKey: string): string[] {
  return /^(?:(?:R\d+\.|S)\d+ )*/.exec(caseKey)?.[0].trim().split(' ').filter(Boolean) ?? []
}

/** What is wrong with the brackets of the rules and the IDs of the cases; empty when all is well. */
export function checkCovers(rules: readonly Rule[], caseKeys: readonly string[]): string[] {
  const problems: string[] = []
  const known = new Set(rules.map(({ id }) => id))
  for (const key of caseKeys) {
    const ids = rulesOf(key)
    if (ids.length === 0) problems.push(`the case '${key}' names no rule`)
    for (const id of ids) {
      if (!known.has(id)) problems.push(`the case '${key}' names ${id}, which no rule is`)
    }
  }
  const specIds = new Set(
    globSync('docs/spec/*.md', { cwd: root }).flatMap((path) =>
      Array.from(
        readFileSync(root + path, 'utf8').matchAll(/^- \*\*([A-Z]+\d+)\*\*/gm),
        ([, id = '']) => id,
      ),
    ),
  )
  for (const { id, covers } of rules) {
    for (const cover of covers) {
      if (!specIds.has(cover) && !isRecorded(cover)) {
        problems.push(`${id}: '${cover}' is no rule of docs/spec and no answer of a program`)
      }
    }
  }
  return problems
}

// `program: key` or `program index: key`, where the recording holds several values.
function isRecorded(cover: string): boolean {
  const [, program = '', index = '0', key = ''] = /^([\w-]+)(?: (\d+))?: (.+)$/.exec(cover) ?? []
  const [path] = globSync(`${program}/expected.json`, { cwd: here })
  if (path === undefined) return false
  const value = parseRecording(readFileSync(here + path, 'utf8'))[Number(index)]
  return typeof value === 'object' && value !== null && Object.hasOwn(value, key)
}

/** The rules that nothing covers. */
export function uncovered(rules: readonly Rule[], caseKeys: readonly string[]): Rule[] {
  const asked = new Set(caseKeys.flatMap(rulesOf))
  return rules.filter(({ id, covers }) => covers.length === 0 && !asked.has(id))
}
