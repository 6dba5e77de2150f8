import {
  Answer,
  type DurableStore,
  SqlStorage,
  type StoreTransaction,
  SyncKvStorage,
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

/** The KV operations that storage and transactions share (reference 1.7). */
abstract class KeyValueApi {
  protected readonly incarnation: Incarnation

  constructor(incarnation: Incarnation) {
    this.incarnation = incarnation
  }

  /** Called before each operation, inside the owner's turn; throws when it is not allowed. */
  protected abstract check(operation: string): void

  get(key: string, options?: GetOptions): Promise<unknown>
  get(keys: string[], options?: GetOptions): Promise<Map<string, unknown>>
  get(keys: string | string[], options?: GetOptions): Promise<unknown> {
    return this.run<unknown>(
      'get',
      (store) =>
        Array.isArray(keys)
          ? store.kvGetMany(keys.map(String), options)
          : store.kvGet(String(keys), options),
      options,
    )
  }

  put(key: string, value: unknown, options?: PutOptions): Promise<void>
  put(entries: Record<string, unknown>, options?: PutOptions): Promise<void>
  put(first: unknown, second?: unknown, third?: PutOptions): Promise<void> {
    const isMany = typeof first === 'object' && first !== null
    const options = isMany ? (second as PutOptions | undefined) : third
    const put = (store: DurableStore): void | Answer<void> => {
      if (isMany) {
        if (options !== undefined && (typeof options !== 'object' || options === null)) {
          throw new TypeError(putUsage)
        }
        const entries = Object.entries(first).filter(([, value]) => value !== undefined)
        return store.kvPutMany(entries, options)
      }
      if (second === undefined) throw new TypeError('put() called with undefined value.')
      return store.kvPut(String(first), second, options)
    }
    return this.run('put', put, options)
  }

  delete(key: string, options?: PutOptions): Promise<boolean>
  delete(keys: string[], options?: PutOptions): Promise<number>
  delete(keys: string | string[], options?: PutOptions): Promise<boolean | number> {
    return this.run<boolean | number>(
      'delete',
      (store) =>
        Array.isArray(keys)
          ? store.kvDeleteMany(keys.map(String), options)
          : store.kvDelete(String(keys), options),
      options,
    )
  }

  list(options: ListOptions = {}): Promise<Map<string, unknown>> {
    return this.run('list', (store) => store.kvList(options), options)
  }

  /** When the object wants to be woken, in milliseconds since 1970; null when never, or now. */
  getAlarm(options?: AlarmOptions): Promise<number | null> {
    return this.run('getAlarm', () => {
      this.#requireOptions('getAlarm', 1, options)
      return this.incarnation.alarm.get()
    })
  }

  /** Wakes the object at `time`, with a call of `alarm()`; a past time means now (reference 1.12). */
  setAlarm(time: number | Date, options?: AlarmOptions): Promise<void> {
    return this.run('setAlarm', () => {
      const at = toAlarmTime(time, this.#typeName)
      this.#requireOptions('setAlarm', 2, options)
      const { alarm, clock, hasInstance, hasAlarmHandler } = this.incarnation
      // The constructor cannot be asked for its instance's methods.
      if (hasInstance && !hasAlarmHandler) {
        throw new TypeError(
          'Your Durable Object class must have an alarm() handler in order to call setAlarm()',
        )
      }
      alarm.set(Math.max(at, clock.unixMs()), options)
    })
  }

  deleteAlarm(options?: AlarmOptions): Promise<void> {
    return this.run('deleteAlarm', () => {
      this.#requireOptions('deleteAlarm', 1, options)
      this.incarnation.alarm.set(null, options)
    })
  }

  // What a refused argument's text names.
  get #typeName(): string {
    return this.constructor.name
  }

  #requireOptions(operation: string, place: number, options: unknown): void {
    if (options === undefined || options === null || typeof options === 'object') return
    if (typeof options === 'function') return
    const type = operation === 'getAlarm' ? 'GetAlarmOptions' : 'SetAlarmOptions'
    throw new TypeError(
      `Failed to execute '${operation}' on '${this.#typeName}': parameter ${place} is not of type '${type}'.`,
    )
  }

  /**
   * Answers in the same turn what storage answers at once: all of it on SQLite, what is in the cache on
   * a store that takes time. The rest arrives later, through the gate (reference 1.3). A stray waits
   * for the gate in any case. [OB7, KC18]
   */
  protected run<T>(
    operation: string,
    act: (store: DurableStore) => T | Answer<T>,
    options?: GetOptions,
  ): Promise<T> {
    const owner = this.incarnation
    const attempt = (): Promise<T> => {
      try {
        owner.requireAlive()
        this.check(operation)
        const result = act(owner.store)
        if (!(result instanceof Answer)) return Promise.resolve(result)
        if (result.isPending) return owner.awaitStorage(result, options?.allowConcurrency === true)
        return new Promise((resolve, reject) => result.whenSettled(resolve, reject))
      } catch (error) {
        return Promise.reject(error as Error)
      }
    }
    if (owner.holdsTurn || owner.broken !== undefined) return attempt()
    owner.countStray(`storage.${operation}()`)
    return new Promise((resolve) => {
      owner.entry().deliverLater(() => resolve(attempt()))
    })
  }
}

const alarmMsMax = Number(2n ** 63n / 1_000_000n)

/** @throws TypeError with the reference's text */
function toAlarmTime(time: unknown, typeName: string): number {
  if (typeof time !== 'number' && !(time instanceof Date)) {
    throw new TypeError(
      `Failed to execute 'setAlarm' on '${typeName}': parameter 1 is not of type 'date'.`,
    )
  }
  const at = Math.trunc(Number(time))
  if (!Number.isFinite(at)) {
    throw new TypeError('The value cannot be converted because it is not a valid Date.')
  }
  if (at > alarmMsMax) throw new TypeError("This API doesn't support dates after 2189.")
  if (at <= 0) throw new TypeError('setAlarm() cannot be called with an alarm time <= 0')
  return at
}

const noSql =
  'This Durable Object is not backed by SQLite storage, so the SQL API is not available. SQL can be enabled on a new Durable Object class by using the `new_sqlite_classes` instead of `new_classes` under `[[migrations]]` in your wrangler.toml, but an already-deployed class cannot be converted to SQLite (except by deleting the existing data).'

const sqlNotEnabled =
  "SQL is not enabled for this Durable Object class. To enable it, change `new_classes` to `new_sqlite_classes` within the 'migrations' field in your wrangler.jsonc or wrangler.toml file. If using workerd directly,set `enableSql = true` in your workerd config for the class. Note that this change cannot be made after the class is already deployed to production."

const syncKvNotEnabled =
  "The storage.kv (synchronous KV) API is only available for SQLite-backed Durable Objects, but this object's namespace is not declared to use SQLite. You can use the older, asyncronous interface via methods of `storage` itself (e.g. `storage.get()`). Alternatively, to enable SQLite, change `new_classes` to `new_sqlite_classes` within the 'migrations' field in your wrangler.jsonc or wrangler.toml file. If using workerd directly, set `enableSql = true` in your workerd config for the class. Note that this change cannot be made after the class is already deployed to production."

const noSyncKv =
  "The storage.kv (synchronous KV) API is only available for SQLite-backed Durable Objects, but this object's namespace is not declared to use SQLite. You can use the older, asyncronous interface via methods of `storage` itself (e.g. `storage.get()`). SQLite can be enabled on a new Durable Object class by using the `new_sqlite_classes` instead of `new_classes` under `migrations` in your wrangler.jsonc or wrangler.toml, but an already-deployed class cannot be converted to SQLite (except by deleting the existing data)."

const putUsage =
  'put() may only be called with a single key-value pair and optional options as put(key, value, options) or with multiple key-value pairs and optional options as put(entries, options)'

/** `ctx.storage` (reference 1.6 to 1.11). */
export class DurableObjectStorage extends KeyValueApi {
  readonly #sql: SqlStorage | undefined
  readonly #kv: SyncKvStorage | undefined
  // Innermost last. Explicit transactions run inside critical sections, so they nest properly.
  readonly #transactions: StoreTransaction[] = []

  readonly #deleteAllDeletesAlarm: boolean

  constructor(
    incarnation: Incarnation,
    given: { readonly deleteAllDeletesAlarm: boolean; readonly hasSql: boolean },
  ) {
    super(incarnation)
    this.#deleteAllDeletesAlarm = given.deleteAllDeletesAlarm
    const access = (): void => {
      incarnation.requireAlive()
      if (!incarnation.holdsTurn) incarnation.countStray('a synchronous storage operation')
    }
    const { sqlite } = incarnation.store
    if (sqlite !== undefined) {
      const accessTo =
        (refusal: string): (() => void) =>
        () => {
          if (!given.hasSql) throw new Error(refusal)
          access()
        }
      this.#sql = new SqlStorage(sqlite, accessTo(sqlNotEnabled))
      this.#kv = new SyncKvStorage(sqlite, accessTo(syncKvNotEnabled))
    }
    incarnation.onBroken(() => this.#rollBackAll())
  }

  /** @throws Error when the object's storage takes time (reference 1.10) */
  get sql(): SqlStorage {
    if (this.#sql === undefined) throw new Error(noSql)
    return this.#sql
  }

  /** @throws Error when the object's storage takes time (reference 1.11) */
  get kv(): SyncKvStorage {
    if (this.#kv === undefined) throw new Error(noSyncKv)
    return this.#kv
  }

  /**
   * Runs `closure` alone (no other event is delivered) and commits what it wrote as one; when it
   * throws, everything since its start is rolled back and the error is the caller's (reference 1.8).
   */
  transaction<T>(closure: (txn: DurableObjectTransaction) => T | Promise<T>): Promise<T> {
    const { incarnation } = this
    try {
      return incarnation.runExclusively(() => this.#transact(closure))
    } catch (error) {
      return Promise.reject(error as Error)
    }
  }

  /** Runs `callback` in a savepoint; when it throws, its writes are rolled back. */
  transactionSync<T>(callback: () => T): T {
    this.incarnation.requireAlive()
    const { alarm, store } = this.incarnation
    if (store.sqlite === undefined) throw new Error('Durable Object is not backed by SQL.')
    const mark = alarm.mark()
    try {
      return store.sqlite.transactionSync(callback)
    } catch (error) {
      alarm.restore(mark)
      throw error
    }
  }

  /** Deletes everything, atomically. Always confirmed, whatever the options say (reference 1.9). */
  deleteAll(_options?: PutOptions): Promise<void> {
    return this.run('deleteAll', (store) => {
      if (this.#transactions.length > 0) {
        throw new Error('Cannot call deleteAll() within a transaction')
      }
      store.deleteAll({ keepAlarm: !this.#deleteAllDeletesAlarm })
      if (this.#deleteAllDeletesAlarm) this.incarnation.alarm.deletedByDeleteAll()
    })
  }

  /** Resolves when everything written so far is durable. Holds no lock (reference 1.3). */
  sync(): Promise<void> {
    const owner = this.incarnation
    if (owner.broken !== undefined) {
      return this.run('sync', () => undefined)
    }
    const entry = owner.entry()
    owner.waitStarted()
    return new Promise((resolve) => {
      owner.whenConfirmed((error) => {
        owner.waitEnded()
        // On an error the incarnation breaks, and its code does not go on.
        if (error === undefined) entry.deliverLater(resolve)
      })
    })
  }

  protected check(): void {}

  async #transact<T>(closure: (txn: DurableObjectTransaction) => T | Promise<T>): Promise<T> {
    const scope = withAlarm(this.incarnation)
    this.#transactions.push(scope)
    const txn = new DurableObjectTransaction(this.incarnation, {
      rollBack: () => this.#rollBack(scope),
    })
    try {
      const value = await closure(txn)
      this.incarnation.requireAlive()
      if (txn.end() === 'open') {
        this.#transactions.pop()
        scope.commit()
      }
      return value
    } catch (error) {
      if (txn.end() === 'open') this.#rollBack(scope)
      throw error
    }
  }

  #rollBack(scope: StoreTransaction): void {
    if (this.#transactions.at(-1) !== scope) {
      throw new Error(
        'Cannot roll back an outer transaction while a nested transaction is still running.',
      )
    }
    this.#transactions.pop()
    scope.rollback()
  }

  #rollBackAll(): void {
    while (this.#transactions.length > 0) this.#transactions.pop()?.rollback()
  }
}

// A rollback brings an alarm that rings back as well.
function withAlarm({ alarm, store }: Incarnation): StoreTransaction {
  const scope = store.begin()
  const mark = alarm.mark()
  return {
    get depth() {
      return scope.depth
    },
    get state() {
      return scope.state
    },
    commit: () => scope.commit(),
    rollback: () => {
      scope.rollback()
      alarm.restore(mark)
    },
  }
}

/** `txn` of `storage.transaction()`. */
export class DurableObjectTransaction extends KeyValueApi {
  readonly #rollBack: () => void
  #state: 'open' | 'rolled-back' | 'ended' = 'open'

  constructor(incarnation: Incarnation, scope: { rollBack(): void }) {
    super(incarnation)
    this.#rollBack = () => scope.rollBack()
  }

  /** Undoes the transaction; the closure goes on and its value is still returned. Idempotent. */
  rollback(): void {
    if (this.#state === 'rolled-back') return
    if (this.#state === 'ended') this.check('rollback')
    this.#rollBack()
    this.#state = 'rolled-back'
  }

  /** Always throws (reference 1.8). */
  deleteAll(): never {
    throw new Error('Cannot call deleteAll() within a transaction')
  }

  /** The closure is over. @returns what the transaction was until now @internal */
  end(): 'open' | 'rolled-back' | 'ended' {
    const state = this.#state
    if (state === 'open') this.#state = 'ended'
    return state
  }

  protected check(operation: string): void {
    if (this.#state === 'rolled-back') {
      throw new Error(`Cannot ${operation}() on rolled back transaction`)
    }
    if (this.#state === 'ended') {
      throw new Error(
        `Cannot call ${operation}() on transaction that has already committed: did you move \`txn\` outside of the closure?`,
      )
    }
  }
}
