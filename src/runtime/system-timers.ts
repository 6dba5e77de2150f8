import type { Clock, Random, Timers } from '../base/index.ts'
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

/** As {@link systemTimers}, but they do not keep the process alive. */
export const backgroundTimers: Timers = {
  after(delayMs, callback) {
    const handle = native.setTimeout(callback, delayMs).unref()
    return { cancel: () => native.clearTimeout(handle) }
  },
}

export const systemRandom: Random = () => Math.random()
