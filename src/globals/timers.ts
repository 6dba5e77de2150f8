import { AsyncLocalStorage } from 'node:async_hooks'
import { type Entry, type Owner, rootContext } from '../turns/index.ts'
import { callingOwner } from './gated.ts'
import { native } from './native.ts'

type Callback = (...values: unknown[]) => void

interface UserTimer {
  readonly owner: Owner
  readonly entry: Entry
  readonly run: () => void
  readonly repeats: boolean
  handle: NodeJS.Timeout | NodeJS.Immediate | undefined
  stopListening: () => void
  // [GL3] At most one tick of an interval waits at the gate.
  isWaiting: boolean
}

// Timer ids are numbers, as in browsers and in the reference; one id space per thread.
const timers = new Map<number, UserTimer>()
let lastId = 0

/** `setTimeout` of user code: the callback is delivered as an event. Returns a numeric id. [GL2] */
export function setUserTimeout(owner: Owner, callback: Callback, delayMs: number): number {
  return startTimer(owner, callback, false, (fire) => native.setTimeout(fire, delayMs))
}

export function setUserInterval(owner: Owner, callback: Callback, delayMs: number): number {
  return startTimer(owner, callback, true, (fire) => native.setInterval(fire, delayMs))
}

export function setUserImmediate(owner: Owner, callback: Callback): number {
  return startTimer(owner, callback, false, (fire) => native.setImmediate(fire))
}

/** Stops a timer of user code. @returns false when `id` names none */
export function clearUserTimer(id: unknown): boolean {
  const key = typeof id === 'number' ? id : Number.NaN
  const timer = timers.get(key)
  if (timer === undefined) return false
  endTimer(key, timer)
  return true
}

/** `scheduler.wait` of user code; rejects with the signal's reason when it aborts. */
export function waitFor(owner: Owner, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) {
      reject(signal.reason)
      return
    }
    const id = setUserTimeout(owner, resolve as Callback, delayMs)
    signal?.addEventListener(
      'abort',
      () => {
        if (clearUserTimer(id)) reject(signal.reason)
      },
      { once: true },
    )
  })
}

function startTimer(
  owner: Owner,
  callback: Callback,
  repeats: boolean,
  start: (fire: () => void) => NodeJS.Timeout | NodeJS.Immediate,
): number {
  if (typeof callback !== 'function') {
    throw new TypeError(`Cannot set a timer: the callback is ${typeof callback}, not a function`)
  }
  lastId += 1
  const id = lastId
  const run = AsyncLocalStorage.bind(callback as () => void)
  const timer: UserTimer = {
    owner,
    entry: owner.entry(),
    run,
    repeats,
    handle: undefined,
    stopListening: () => {},
    isWaiting: false,
  }
  timers.set(id, timer)
  owner.waitStarted()
  timer.stopListening = owner.onBroken(() => clearUserTimer(id))
  timer.handle = rootContext(() => start(() => fire(id, timer)))
  return id
}

function fire(id: number, timer: UserTimer): void {
  if (timer.isWaiting) return
  timer.isWaiting = true
  timer.entry.deliverLater(() => {
    timer.isWaiting = false
    if (timers.get(id) !== timer) return
    if (!timer.repeats) endTimer(id, timer)
    timer.run()
  })
}

function endTimer(id: number, timer: UserTimer): void {
  timers.delete(id)
  timer.owner.waitEnded()
  timer.stopListening()
  if (timer.handle === undefined) return
  if ('hasRef' in timer.handle && 'refresh' in timer.handle) native.clearTimeout(timer.handle)
  else native.clearImmediate(timer.handle as NodeJS.Immediate)
}

/** The patched globals: host code, which has no owner, gets Node's own timers. */
export function createTimerGlobals(): Record<string, unknown> {
  const bindValues = (callback: Callback, values: unknown[]): Callback =>
    values.length === 0 || typeof callback !== 'function' ? callback : () => callback(...values)
  const delayOf = (delay: unknown): number => Math.max(0, Number(delay) || 0)
  const clear =
    (clearNative: (handle: never) => void) =>
    (id: unknown): void => {
      if (!clearUserTimer(id)) clearNative(id as never)
    }
  return {
    setTimeout: withPromisify(native.setTimeout, (callback, delay, ...values) => {
      const owner = callingOwner('setTimeout')
      if (owner === undefined) return native.setTimeout(callback, delay as number, ...values)
      return setUserTimeout(owner, bindValues(callback, values), delayOf(delay))
    }),
    setInterval: (callback: Callback, delay?: unknown, ...values: unknown[]) => {
      const owner = callingOwner('setInterval')
      if (owner === undefined) return native.setInterval(callback, delay as number, ...values)
      return setUserInterval(owner, bindValues(callback, values), delayOf(delay))
    },
    setImmediate: withPromisify(native.setImmediate, (callback, ...values) => {
      const owner = callingOwner('setImmediate')
      if (owner === undefined) return native.setImmediate(callback, ...values)
      return setUserImmediate(owner, bindValues(callback, values))
    }),
    clearTimeout: clear(native.clearTimeout),
    clearInterval: clear(native.clearInterval),
    clearImmediate: clear(native.clearImmediate),
  }
}

// `util.promisify(setTimeout)` of host code finds Node's own promise form here.
function withPromisify(
  source: object,
  patched: (callback: Callback, ...rest: unknown[]) => unknown,
): unknown {
  for (const symbol of Object.getOwnPropertySymbols(source)) {
    const descriptor = Object.getOwnPropertyDescriptor(source, symbol)
    if (descriptor !== undefined) Object.defineProperty(patched, symbol, descriptor)
  }
  return patched
}
