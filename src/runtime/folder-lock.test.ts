import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { takeDataFolder } from './data-folder.ts'
import { lockFolder } from './folder-lock.ts'

const root = mkdtempSync(join(tmpdir(), 'sluice-lock-'))
after(() => rmSync(root, { recursive: true, force: true }))
let folders = 0
const makeFolder = (): string => mkdtempSync(join(root, `${(folders += 1)}-`))
const module = new URL('./folder-lock.ts', import.meta.url).href

/** Takes the folder in a process of its own, and ends at once or when its input does. */
function taker(folder: string, then: 'exits' | 'stays'): string[] {
  const code = `
    const { lockFolder } = await import(${JSON.stringify(module)})
    try {
      lockFolder(${JSON.stringify(folder)})
      console.log('taken')
      ${then === 'exits' ? 'process.exit()' : 'process.stdin.resume()'}
    } catch (error) {
      console.log(error.message)
    }`
  return ['--input-type=module', '-e', code]
}

test('[DF1] a folder has one owner; the other is told which process that is', () => {
  const folder = makeFolder()
  const unlock = lockFolder(folder)
  const refusal = `Cannot open the data folder '${folder}': process ${process.pid} has it open, and one process at a time may`
  assert.throws(() => lockFolder(folder), { message: refusal })
  const { stdout } = spawnSync(process.execPath, taker(folder, 'exits'), { encoding: 'utf8' })
  assert.equal(stdout, `${refusal}\n`)
  unlock()
  assert.ok(!existsSync(join(folder, 'lock')))
  lockFolder(folder)()
})

test('[DF1] the lock of a dead process, of an id in use again, or torn by a crash, is taken over', () => {
  const folder = makeFolder()
  const { stdout, pid } = spawnSync(process.execPath, taker(folder, 'exits'), { encoding: 'utf8' })
  assert.equal(stdout, 'taken\n')
  const left = readFileSync(join(folder, 'lock'), 'utf8')
  assert.match(left, new RegExp(`^${pid} `))
  lockFolder(folder)()
  // This process, as if it had started at another time; and what a crash may leave of a line.
  for (const text of [`${process.pid} 1\n`, '', `${process.pid}`, '\0\0\0\0', 'x y z\n', left]) {
    writeFileSync(join(folder, 'lock'), text)
    lockFolder(folder)()
  }
})

test('[DF1] of many processes that find the lock of a dead one, exactly one takes it over', async () => {
  for (let round = 0; round < 2; round += 1) {
    const folder = makeFolder()
    spawnSync(process.execPath, taker(folder, 'exits'))
    const children = Array.from({ length: 4 }, () =>
      spawn(process.execPath, taker(folder, 'stays'), { stdio: ['pipe', 'pipe', 'inherit'] }),
    )
    const ended = Promise.all(children.map((child) => once(child, 'exit')))
    const answers = await Promise.all(
      children.map(async ({ stdout }) => String(((await once(stdout, 'data')) as [Buffer])[0])),
    )
    for (const { stdin } of children) stdin.end()
    await ended
    assert.equal(answers.filter((answer) => answer === 'taken\n').length, 1, answers.join(''))
    for (const answer of answers) assert.match(answer, /^taken$|has it open/m)
  }
})

test('[DF2] what is made in the folder is for its owner alone', () => {
  const folder = join(makeFolder(), 'data')
  const taken = takeDataFolder(folder)
  taken.upgraded()
  const modeOf = (path: string): number => statSync(path).mode & 0o777
  for (const path of [folder, taken.logDirectory, taken.objectsDirectory]) {
    assert.equal(modeOf(path), 0o700)
  }
  const files = readdirSync(folder).filter((name) => statSync(join(folder, name)).isFile())
  assert.deepEqual(files.toSorted(), ['format', 'lock', 'lock.guard'])
  for (const name of files) assert.equal(modeOf(join(folder, name)), 0o600, name)
  taken.release()
})
