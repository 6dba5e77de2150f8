// What has gone wrong here before, or would: small rules that no other tool checks.

import { globSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const problems: string[] = []
const banned =
  /\b(actor|cell|grain|mutex|epoch|activate|failover)(?=[A-Z_\b])|\b(?:const|let|class|function|interface|type) (?:actor|cell|grain|mutex|epoch|activate|failover)\b/i

for (const path of globSync(['{src,test,tools,bench}/**/*.ts', 'examples/**/*.ts'], {
  cwd: root,
})) {
  const text = readFileSync(root + path, 'utf8')
  const lines = text.split('\n')
  for (const [i, line] of lines.entries()) {
    const say = (what: string): number => problems.push(`${path}:${i + 1}: ${what}`)
    if (/\b(FIXME|TODO\(now\))/.test(line) || /\bTODO(?!\(#\d+\):)/.test(line)) {
      if (path !== 'tools/tidy.ts') say('a TODO names an open issue: TODO(#123): …')
    }
    if (!path.startsWith('src/') || path.endsWith('.test.ts')) continue
    if (banned.test(line.replace(/\/\/.*|^\s*\*.*/, ''))) say('a banned word in an identifier')
    if (/\bDate\.now\(|\bMath\.random\(/.test(line) && path !== 'src/runtime/system-timers.ts') {
      say('time and chance come through Clock and Random')
    }
  }
  if (path.startsWith('src/') && lines.length > 700) problems.push(`${path}: longer than 700 lines`)
  if (/src\/[^/]+\/index\.ts/.test(path) && !text.startsWith('//')) {
    problems.push(`${path}: a door begins with what the room is`)
  }
  if (/\/(utils|helpers|common)\.ts$/.test(path)) problems.push(`${path}: a name that says nothing`)
}
for (const path of globSync(['*.md', 'docs/**/*.md'], { cwd: root })) {
  const titles = readFileSync(root + path, 'utf8')
    .replaceAll(/```[\s\S]*?```/g, '')
    .match(/^# /gm)
  if (titles?.length !== 1)
    problems.push(`${path}: has ${titles?.length ?? 0} titles, one is wanted`)
}
// A host name of a registry in the lock file breaks the clone of everybody else.
if (/"resolved": "http/.test(readFileSync(`${root}package-lock.json`, 'utf8'))) {
  problems.push('package-lock.json names a registry host')
}

for (const problem of problems) console.error(problem)
if (problems.length > 0) process.exitCode = 1
