// What the tests of `sluice data` share: the command line, requests to the program, and the state of a
// folder, to see that it has not changed.

import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const bin = fileURLToPath(new URL('../../bin/sluice.js', import.meta.url))

export const project: string = fileURLToPath(new URL('./program', import.meta.url))

export interface Ended {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

/** Runs `sluice data …` to its end. */
export function data(...values: string[]): Ended {
  const { status, stdout, stderr } = spawnSync(process.execPath, [bin, 'data', ...values], {
    encoding: 'utf8',
    timeout: 60_000,
  })
  return { code: status, out: stdout, err: stderr }
}

/** Calls a method of an object of the program. */
export async function ask(url: string, name: string, method: string, value = 0): Promise<unknown> {
  const response = await fetch(new URL(`/${name}/${method}?${value}`, url))
  const text = await response.text()
  if (response.status !== 200) throw new Error(`${name}/${method}: ${response.status} ${text}`)
  return JSON.parse(text)
}

/** Every file below `path`, with its bytes and when they last changed. */
export function stateOf(path: string): Record<string, string> {
  const state: Record<string, string> = {}
  for (const entry of readdirSync(path, { recursive: true, withFileTypes: true })) {
    const file = join(entry.parentPath, entry.name)
    const { mtimeMs } = statSync(file)
    state[file] = entry.isFile()
      ? `${createHash('sha256').update(readFileSync(file)).digest('hex')} ${mtimeMs}`
      : String(mtimeMs)
  }
  return state
}
