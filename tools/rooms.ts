// The walls between the rooms of src/: prints the graph of the tsconfigs, fails when the one in
// ARCHITECTURE.md differs (--write puts it right), or when an import goes past a room's door.

import { globSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const rooms = readdirSync(`${root}src`).filter((name) => !name.includes('.'))
const sees = new Map(
  rooms.map((room) => {
    const config = JSON.parse(readFileSync(`${root}src/${room}/tsconfig.json`, 'utf8')) as {
      references: { path: string }[]
    }
    return [room, config.references.map(({ path }) => path.replace('../', '')).toSorted()] as const
  }),
)

// A room's level is one above the highest that it sees.
const levelOf = (room: string): number =>
  Math.max(0, ...(sees.get(room) ?? []).map((seen) => levelOf(seen) + 1))
const graph = rooms
  .toSorted((a, b) => levelOf(a) - levelOf(b) || a.localeCompare(b))
  .map((room) => `${levelOf(room)} ${room.padEnd(8)} → ${sees.get(room)?.join(' ') || '—'}`)
  .join('\n')

const problems: string[] = []
for (const path of globSync('src/**/*.ts', { cwd: root })) {
  const room = path.split('/')[1] ?? ''
  for (const [, target = ''] of readFileSync(root + path, 'utf8').matchAll(
    /from '(\.\.\/[^']+)'/g,
  )) {
    const [, other = '', file] = target.split('/')
    if (!path.endsWith('.test.ts') && sees.get(room)?.includes(other) !== true) {
      problems.push(`${path} imports ${target}: ${room} must not see ${other}`)
    }
    if (file !== 'index.ts') problems.push(`${path} imports ${target}: not through the door`)
  }
}

const page = `${root}ARCHITECTURE.md`
const text = readFileSync(page, 'utf8')
const block = /```rooms\n[\s\S]*?```/
const wanted = text.replace(block, `\`\`\`rooms\n${graph}\n\`\`\``)
if (process.argv.includes('--write')) writeFileSync(page, wanted)
else if (!block.test(text) || text !== wanted) {
  problems.push('ARCHITECTURE.md shows other rooms; run: node tools/rooms.ts --write')
}

console.log(graph)
for (const problem of problems) console.error(problem)
if (problems.length > 0) process.exitCode = 1
