// Talks to the program of this folder, over whatever reaches it.

import { setTimeout as delay } from 'node:timers/promises'

export interface SleeperState {
  readonly log: readonly (
    | 'done'
    | {
        readonly run: number
        readonly name?: string
        readonly retry: number
        readonly life: string
      }
  )[]
  readonly isArmed: boolean
  readonly life: string
}

export type Fetch = (path: string) => Promise<Response>

/** Calls a method of the object `name`. Throws what the object answered as an error. */
export async function ask<T>(
  fetchPath: Fetch,
  name: string,
  method: string,
  ...values: unknown[]
): Promise<T> {
  const given = encodeURIComponent(JSON.stringify(values))
  const response = await fetchPath(`/${encodeURIComponent(name)}/${method}/${given}`)
  const answer = (await response.json()) as T & { error?: string }
  if (response.status !== 200) throw new Error(answer.error)
  return answer
}

const waitMsMax = 20_000

/** Asks until the state is as wanted. */
export async function waitFor(
  fetchPath: Fetch,
  name: string,
  isWanted: (state: SleeperState) => boolean,
): Promise<SleeperState> {
  const deadline = performance.now() + waitMsMax
  for (;;) {
    const state = await ask<SleeperState>(fetchPath, name, 'state')
    if (isWanted(state)) return state
    if (performance.now() > deadline) throw new Error(`still: ${JSON.stringify(state)}`)
    await delay(50)
  }
}
