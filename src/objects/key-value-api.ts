import { illegalInvocation, wrongParameter } from '../base/index.ts'
import {
  Answer,
  type DurableStore,
  type MethodName,
  toKeys,
  toListOptions,
  toPut,
  toReadOptions,
  toWriteOptions,
} from '../storage/index.ts'
import type { Incarnation } from './incarnation.ts'

export interface GetOptions {
  allowConcurrency?: boolean
  noCache?: boolean
}

export interface PutOptions extends GetOptions {
  /** The write does not hold the output gate; its failure still breaks it. */
  allowUnconfirmed?: boolean
}

export interface AlarmOptions {
  allowConcurrency?: boolean
  /** As for `put`. */
  allowUnconfirmed?: boolean
}

export interface ListOptions extends GetOptions {
  start?: string
  startAfter?: string
  end?: string
  prefix?: string
  reverse?: boolean
  limit?: number
}

/** Whose storage the operations are about, and whether they are allowed. */
export interface StorageAccess {
  readonly incarnation: Incarnation
  /** How errors name the class. */
  readonly type: string
  /** Called before each operation, inside the owner's turn; throws when it is not allowed. */
  check(operation: string): void
}

/**
 * The KV operations that storage and transactions share (reference 1.7). Arguments are read at the
 * call; what is refused rejects, except for `delete`, which throws as the reference's does.
 */
export abstract class KeyValueApi {
  readonly #access: StorageAccess

  constructor(access: StorageAccess) {
    this.#access = access
  }

  /** @throws TypeError when a method is called on something else @internal */
  static accessOf(self: unknown): StorageAccess {
    if (typeof self !== 'object' || self === null || !(#access in self)) throw illegalInvocation()
    return self.#access
  }

  get(key: string, options?: GetOptions): Promise<unknown>
  get(keys: string[], options?: GetOptions): Promise<Map<string, unknown>>
  get(...values: unknown[]): Promise<unknown> {
    const access = KeyValueApi.accessOf(this)
    return promised(() => {
      const at = methodOf(access, 'get')
      const keys = toKeys(values, at)
      const options = toReadOptions(values[1], 2, 'GetOptions', at)
      return perform<unknown>(
        access,
        'get',
        (store) =>
          typeof keys === 'string' ? store.kvGet(keys, options) : store.kvGetMany(keys, options),
        options,
      )
    })
  }

  put(key: string, value: unknown, options?: PutOptions): Promise<void>
  put(entries: Record<string, unknown>, options?: PutOptions): Promise<void>
  put(...values: unknown[]): Promise<void> {
    const access = KeyValueApi.accessOf(this)
    return promised(() => {
      const { entries, options } = toPut(values, methodOf(access, 'put'))
      const put = (store: DurableStore): void | Answer<void> => store.kvPutMany(entries, options)
      return perform(access, 'put', put, options)
    })
  }

  delete(key: string, options?: PutOptions): Promise<boolean>
  delete(keys: string[], options?: PutOptions): Promise<number>
  delete(...values: unknown[]): Promise<boolean | number> {
    const access = KeyValueApi.accessOf(this)
    const at = methodOf(access, 'delete')
    const keys = toKeys(values, at)
    const options = toWriteOptions(values[1], 2, at)
    return perform<boolean | number>(
      access,
      'delete',
      (store) =>
        typeof keys === 'string'
          ? store.kvDelete(keys, options)
          : store.kvDeleteMany(keys, options),
      options,
    )
  }

  list(options?: ListOptions): Promise<Map<string, unknown>>
  list(...values: unknown[]): Promise<Map<string, unknown>> {
    const access = KeyValueApi.accessOf(this)
    return promised(() => {
      const options = toListOptions(values[0], methodOf(access, 'list'))
      return perform(access, 'list', (store) => store.kvList(options), options)
    })
  }

  /** When the object wants to be woken, in milliseconds since 1970; null when never, or now. */
  getAlarm(options?: AlarmOptions): Promise<number | null>
  getAlarm(...values: unknown[]): Promise<number | null> {
    const access = KeyValueApi.accessOf(this)
    return promised(() => {
      toReadOptions(values[0], 1, 'GetAlarmOptions', methodOf(access, 'getAlarm'))
      return perform(access, 'getAlarm', () => access.incarnation.alarm.get())
    })
  }

  /** Wakes the object at `time`, with a call of `alarm()`; a past time means now (reference 1.12). */
  setAlarm(time: number | Date, options?: AlarmOptions): Promise<void>
  setAlarm(...values: unknown[]): Promise<void> {
    const access = KeyValueApi.accessOf(this)
    return promised(() => {
      const method = methodOf(access, 'setAlarm')
      const at = toDateMs(values[0], method)
      const options = toWriteOptions(values[1], 2, method, 'SetAlarmOptions')
      return perform(access, 'setAlarm', () => {
        if (at <= 0) throw new TypeError('setAlarm() cannot be called with an alarm time <= 0')
        const { alarm, clock, hasInstance, hasAlarmHandler } = access.incarnation
        // The constructor cannot be asked for its instance's methods.
        if (hasInstance && !hasAlarmHandler) {
          throw new TypeError(
            'Your Durable Object class must have an alarm() handler in order to call setAlarm()',
          )
        }
        if (access.incarnation.isFacet) throw new Error('Facets currently cannot set alarms.')
        alarm.set(Math.max(at, clock.unixMs()), options)
      })
    })
  }

  deleteAlarm(options?: AlarmOptions): Promise<void>
  deleteAlarm(...values: unknown[]): Promise<void> {
    const access = KeyValueApi.accessOf(this)
    return promised(() => {
      const at = methodOf(access, 'deleteAlarm')
      const options = toWriteOptions(values[0], 1, at, 'SetAlarmOptions')
      return perform(access, 'deleteAlarm', () => access.incarnation.alarm.set(null, options))
    })
  }
}

/** In the reference's order. */
export const keyValueMembers = {
  keys: ['get', 'list', 'put', 'delete', 'deleteAll'],
  alarms: ['getAlarm', 'setAlarm', 'deleteAlarm'],
} as const

export function methodOf({ type }: StorageAccess, method: string): MethodName {
  return { type, method }
}

/** What is thrown at the call rejects. */
export function promised<T>(act: () => Promise<T>): Promise<T> {
  try {
    return act()
  } catch (error) {
    return Promise.reject(error as Error)
  }
}

/**
 * Answers in the same turn what storage answers at once: all of it on SQLite, what is in the cache on
 * a store that takes time. The rest arrives later, through the gate (reference 1.3). A stray waits
 * for the gate in any case. [OB7, KC18]
 *
 * @throws what is refused at once
 */
export function perform<T>(
  access: StorageAccess,
  operation: string,
  act: (store: DurableStore) => T | Answer<T>,
  options?: { readonly allowConcurrency?: boolean },
): Promise<T> {
  const owner = access.incarnation
  const attempt = (): Promise<T> => {
    owner.requireAlive()
    access.check(operation)
    const result = act(owner.store)
    if (!(result instanceof Answer)) return Promise.resolve(result)
    if (result.isPending) return owner.awaitStorage(result, options?.allowConcurrency === true)
    return new Promise((resolve, reject) => result.whenSettled(resolve, reject))
  }
  if (owner.holdsTurn || owner.broken !== undefined) return attempt()
  owner.countStray(`storage.${operation}()`)
  return new Promise((resolve) => {
    owner.entry().deliverLater(() => resolve(promised(attempt)))
  })
}

const dateMsMax = Number(2n ** 63n / 1_000_000n)

/** @throws TypeError with the reference's text */
export function toDateMs(time: unknown, at: MethodName): number {
  if (typeof time !== 'number' && !(time instanceof Date)) {
    throw wrongParameter(at.type, at.method, 1, 'date')
  }
  const ms = Math.trunc(Number(time))
  if (!Number.isFinite(ms)) {
    throw new TypeError('The value cannot be converted because it is not a valid Date.')
  }
  if (ms > dateMsMax) throw new TypeError("This API doesn't support dates after 2189.")
  return ms
}
