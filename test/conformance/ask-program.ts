// Starts one runtime on one program and compares its answers with the recording.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { RunningServer } from '../workerd/running-server.ts'
import { type RuntimeName, startRuntime } from '../workerd/start.ts'
import { compareAnswers, type Difference, parseRecording } from './compare.ts'
import type { Ask } from './programs.ts'

export interface Outcome {
  readonly ask: Ask
  readonly differences: readonly Difference[]
  /** Set when there was no answer to compare at all. */
  readonly failure?: string
}

/** Asks everything at once, since some answers take half a minute and the objects differ. */
export async function askProgram(
  runtime: RuntimeName,
  program: string,
  asks: readonly Ask[],
  storageDelayMs?: number,
): Promise<Outcome[]> {
  const folder = fileURLToPath(new URL(program, import.meta.url))
  const data = mkdtempSync(join(tmpdir(), `sluice-conformance-${program}-`))
  try {
    await using server = await startRuntime(runtime, { project: folder, data, storageDelayMs })
    const outcomes = await Promise.all(asks.map((ask) => askOnce(server, folder, ask)))
    return runtime === 'ours' ? outcomes.map(withoutIntended) : outcomes
  } catch (error) {
    const failure = (error as Error).message
    return asks.map((ask) => ({ ask, differences: [], failure }))
  } finally {
    rmSync(data, { recursive: true, force: true })
  }
}

// A difference that was wanted and is gone is one, too: the list would not be true.
function withoutIntended(outcome: Outcome): Outcome {
  const { ask, differences, failure } = outcome
  const { intended = [] } = ask
  if (failure !== undefined) return outcome
  const gone = intended.filter((pattern) => !differences.some(({ path }) => pattern.test(path)))
  return {
    ask,
    differences: [
      ...differences.filter(({ path }) => !intended.some((pattern) => pattern.test(path))),
      ...gone.map(({ source }) => ({ path: source, actual: 'none', expected: 'a difference' })),
    ],
  }
}

async function askOnce(server: RunningServer, folder: string, ask: Ask): Promise<Outcome> {
  const recording = parseRecording(readFileSync(join(folder, ask.recording), 'utf8'))
  const timeoutMs = ((ask.seconds ?? 0) + 30) * 1000
  try {
    const { status, text } = await httpGet(server.url + ask.path, timeoutMs)
    if (status !== 200) {
      return { ask, differences: [], failure: `HTTP ${status}: ${text.slice(0, 500)}` }
    }
    const expected = recording[ask.index ?? 0]
    return { ask, differences: compareAnswers(JSON.parse(text), expected, ask.variable) }
  } catch (error) {
    const failure = `${(error as Error).message}\n${server.stderr().slice(-2000)}`
    return { ask, differences: [], failure }
  }
}

/** Not `fetch`, which gives up on an answer after limits of its own. */
export function httpGet(url: string, timeoutMs: number): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const message = request(url, { agent: false }, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => {
        text += chunk
      })
      response.on('error', reject)
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }))
    })
    message.setTimeout(timeoutMs, () =>
      message.destroy(new Error(`Cannot get '${url}': no answer within ${timeoutMs} ms`)),
    )
    message.on('error', reject)
    message.end()
  })
}
