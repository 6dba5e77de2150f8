// Empties the nextTick and microtask queues from inside a macrotask. Node offers no public call for
// this; `process._tickCallback` has done it since 2011 and is measured right in all cases on Node
// 24 and 26 (docs/design/turns.md), given that no nextTick callback throws.

import type { Turn } from './pump.ts'

type TickCallback = () => void

const tickCallback = (process as unknown as { _tickCallback?: TickCallback })._tickCallback

/** Runs nextTicks and microtasks until there are none. Must not be called from a microtask. */
export function drainTurn(): void {
  if (tickCallback === undefined) {
    throw new Error(
      `Cannot run turns on Node.js ${process.version}: it has no process._tickCallback, Node.js 24 or 26 was wanted`,
    )
  }
  tickCallback.call(process)
}

let isInstalled = false

/**
 * Makes a nextTick callback that throws inside a turn the turn owner's uncaught error: thrown
 * through `_tickCallback` it would corrupt the async-hooks stack and abort the process. Callbacks
 * outside of turns (the embedding program's) keep Node's own behaviour.
 */
export function installTurnGuard(currentTurn: () => Turn | undefined): void {
  if (isInstalled) return
  isInstalled = true
  const nextTick = process.nextTick
  const guarded = (callback: (...values: unknown[]) => void, ...values: unknown[]): void => {
    if (typeof callback !== 'function') {
      nextTick.call(process, callback, ...values) // throws Node's own error
      return
    }
    nextTick.call(process, () => {
      const turn = currentTurn()
      if (turn === undefined) {
        callback(...values)
        return
      }
      try {
        callback(...values)
      } catch (error) {
        turn.owner.uncaught(error)
      }
    })
  }
  process.nextTick = guarded as typeof process.nextTick
}
