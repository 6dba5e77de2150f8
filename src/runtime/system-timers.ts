import type { Clock, Timers } from '../base/index.ts'
import { native } from '../globals/index.ts'

/** Real time. */
export const systemClock: Clock = {
  unixMs: () => Date.now(),
  monotonicMs: () => performance.now(),
}

/** Real timers. */
export const systemTimers: Timers = {
  after(delayMs, callback) {
    const handle = native.setTimeout(callback, delayMs)
    return { cancel: () => native.clearTimeout(handle) }
  },
}
