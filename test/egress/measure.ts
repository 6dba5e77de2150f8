// Runs the egress program once and returns what it measured.

import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startSluice } from '../workerd/sluice.ts'
import { startWorkerd } from '../workerd/workerd.ts'

export interface Measured {
  /** Milliseconds by case, or the text of an error. */
  readonly timings: Readonly<Record<string, number | string>>
  /** From sending an HTTP request, whose object writes, until its answer. */
  readonly overHttpMs: number
  /** What an HTTP client sees of a body that fails in the middle. */
  readonly brokenBody: 'complete' | 'broken'
}

/** Without a delay the reference can be measured as well, with `RUNTIME=workerd`. */
export async function measureEgress(confirmDelayMs: number): Promise<Measured> {
  const project = fileURLToPath(new URL('program', import.meta.url))
  const data = mkdtempSync(join(tmpdir(), 'sluice-egress-'))
  const outside = createServer((_, response) => response.end(`${Date.now()}`))
  outside.listen(0, '127.0.0.1')
  await once(outside, 'listening')
  const to = `http://127.0.0.1:${(outside.address() as AddressInfo).port}/`
  const isReference = confirmDelayMs === 0 && process.env['RUNTIME'] === 'workerd'
  const query = new URLSearchParams({ to })
  // There a promise of one object cannot be awaited by another.
  if (isReference) query.append('without', 'return after a shared promise')
  try {
    await using server = isReference
      ? await startWorkerd({ project, data })
      : await startSluice({ project, data, confirmDelayMs })
    const answer = await fetch(`${server.url}/run?${query}`)
    if (answer.status !== 200) {
      throw new Error(`Cannot measure: HTTP ${answer.status} ${await answer.text()}`)
    }
    const timings = (await answer.json()) as Record<string, number | string>
    const sentAt = performance.now()
    const response = await fetch(`${server.url}/response`)
    await response.text()
    const overHttpMs = performance.now() - sentAt
    return { timings, overHttpMs, brokenBody: await readBroken(`${server.url}/broken`) }
  } finally {
    outside.close()
    rmSync(data, { recursive: true, force: true })
  }
}

async function readBroken(url: string): Promise<'complete' | 'broken'> {
  const response = await fetch(url)
  if (response.status !== 200) throw new Error(`Cannot get '${url}': HTTP ${response.status}`)
  try {
    await response.text()
    return 'complete'
  } catch (error) {
    // The one error that a body cut off in the middle gives.
    if (!(error instanceof TypeError)) throw error
    return 'broken'
  }
}
