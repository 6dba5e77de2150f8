// Each rule in docs/spec is quoted by at least one test title, and no title quotes an unknown rule.

import { globSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const read = (pattern: string[]): { path: string; text: string }[] =>
  globSync(pattern, { cwd: root }).map((path) => ({
    path,
    text: readFileSync(root + path, 'utf8'),
  }))

const rules = new Map<string, string>()
const problems: string[] = []
for (const { path, text } of read(['docs/spec/*.md'])) {
  for (const [, id = ''] of text.matchAll(/^- \*\*([A-Z]+\d+)\*\*/gm)) {
    if (rules.has(id)) problems.push(`${path}: ${id} is defined twice`)
    rules.set(id, path)
  }
}

const quoted = new Set<string>()
const tests = read([
  'src/**/*.test.ts',
  'src/**/*-suite.ts',
  'test/**/*.test.ts',
  'examples/**/*.test.ts',
])
for (const { path, text } of tests) {
  for (const [, title = ''] of text.matchAll(/\b(?:test|it)\(\s*['"`]([^\n]*)/g)) {
    for (const [, id = ''] of title.matchAll(/\[([A-Z]+\d+)\]/g)) {
      quoted.add(id)
      if (!rules.has(id)) problems.push(`${path}: a test quotes ${id}, which no spec defines`)
    }
  }
}
for (const { path, text } of read(['src/**/*.ts'])) {
  for (const [, id = ''] of text.matchAll(
    /\[((?:IG|CS|OG|TN|EG|GL|OB|ST|CL|NM|KC|SM|WS|EX|FC|RP)\d+)[,\]]/g,
  )) {
    if (!rules.has(id)) problems.push(`${path}: a comment quotes ${id}, which no spec defines`)
  }
}
for (const [id, path] of rules) {
  if (!quoted.has(id)) problems.push(`${path}: no test quotes ${id}`)
}
if (rules.size === 0) problems.push('no rules found in docs/spec')

for (const problem of problems) console.error(problem)
console.log(`${rules.size} rules, ${quoted.size} of them in test titles`)
if (problems.length > 0) process.exitCode = 1
