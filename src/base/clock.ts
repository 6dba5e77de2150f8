/** Milliseconds since 1970 by the wall clock; comparable between machines only roughly. */
export type UnixMs = number & { readonly brand?: 'UnixMs' }

/** Time as the code under a room sees it. Tests pass a manual one. */
export interface Clock {
  /** Wall-clock time. */
  unixMs(): UnixMs
  /** Milliseconds that only grow; the origin means nothing. */
  monotonicMs(): number
}

/** A number from 0 up to, and without, 1. */
export type Random = () => number

export interface Timer {
  /** The callback is not called after this. Calling it twice does nothing. */
  cancel(): void
}

export interface Timers {
  /** Calls `callback` once, at least `delayMs` from now, outside of any turn. */
  after(delayMs: number, callback: () => void): Timer
}
