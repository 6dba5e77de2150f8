// One way to start either runtime, for black-box tests that must hold on both.

import type { RunningServer } from './running-server.ts'
import { startSluice } from './sluice.ts'
import { startWorkerd } from './workerd.ts'

export type RuntimeName = 'ours' | 'workerd'

export interface StartOptions {
  readonly project: string
  readonly data: string
  /** On ours only. */
  readonly storageDelayMs?: number | undefined
  /** A free one without it. */
  readonly port?: number
  readonly pin?: string | undefined
  readonly syncDelayUs?: number | undefined
  readonly signal?: AbortSignal | undefined
}

export function startRuntime(runtime: RuntimeName, options: StartOptions): Promise<RunningServer> {
  return runtime === 'ours' ? startSluice(options) : startWorkerd(options)
}

/** `RUNTIME=workerd node --test …` runs a black-box test against the reference. */
export function runtimeUnderTest(): RuntimeName {
  const name = process.env['RUNTIME'] ?? 'ours'
  if (name === 'ours' || name === 'workerd') return name
  throw new Error(`Cannot test RUNTIME '${name}': wanted 'ours' or 'workerd'`)
}
