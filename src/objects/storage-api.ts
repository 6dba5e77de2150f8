import { definePlatformClass, wrongParameter } from '../base/index.ts'
import {
  SqlStorage,
  type StoreTransaction,
  SyncKvStorage,
  toOptions,
  toReadOptions,
  toText,
} from '../storage/index.ts'
import type { Incarnation } from './incarnation.ts'
import {
  KeyValueApi,
  keyValueMembers,
  methodOf,
  perform,
  promised,
  type PutOptions,
  toDateMs,
} from './key-value-api.ts'
import { DurableObjectTransaction } from './storage-transaction.ts'

export interface StorageParts {
  /** `deleteAll()` deletes the alarm too: compatibility flag `delete_all_deletes_alarm`. */
  readonly deleteAllDeletesAlarm: boolean
  /** The class is declared without SQL (`new_classes`): `sql` and `kv` refuse. */
  readonly hasSql: boolean
}

const type = 'DurableObjectStorage'
const maker = Symbol(type)

const noSql =
  "SQL is not enabled for this Durable Object class. To enable it, change `new_classes` to `new_sqlite_classes` within the 'migrations' field in your wrangler.jsonc or wrangler.toml file. If using workerd directly,set `enableSql = true` in your workerd config for the class. Note that this change cannot be made after the class is already deployed to production."

const noSyncKv =
  "The storage.kv (synchronous KV) API is only available for SQLite-backed Durable Objects, but this object's namespace is not declared to use SQLite. You can use the older, asyncronous interface via methods of `storage` itself (e.g. `storage.get()`). Alternatively, to enable SQLite, change `new_classes` to `new_sqlite_classes` within the 'migrations' field in your wrangler.jsonc or wrangler.toml file. If using workerd directly, set `enableSql = true` in your workerd config for the class. Note that this change cannot be made after the class is already deployed to production."

const notSqlite =
  'This Durable Object is not backed by SQLite storage, so the SQL API is not available. SQL can be enabled on a new Durable Object class by using the `new_sqlite_classes` instead of `new_classes` under `[[migrations]]` in your wrangler.toml, but an already-deployed class cannot be converted to SQLite (except by deleting the existing data).'

const noRecovery =
  "This Durable Object's storage back-end does not implement point-in-time recovery."

/** `ctx.storage` (reference 1.6 to 1.11). */
export class DurableObjectStorage extends KeyValueApi {
  // Own properties, as on the reference. Where storage takes time, they throw.
  declare readonly kv: SyncKvStorage
  declare readonly sql: SqlStorage
  readonly #deleteAllDeletesAlarm: boolean
  // Innermost last. Explicit transactions run inside critical sections, so they nest properly.
  readonly #transactions: StoreTransaction[] = []

  private constructor(made: symbol, incarnation: Incarnation, parts: StorageParts) {
    if (made !== maker) throw new TypeError('Illegal constructor')
    super({ incarnation, type, check: () => {} })
    this.#deleteAllDeletesAlarm = parts.deleteAllDeletesAlarm
    this.#defineSurfaces(incarnation, parts)
    incarnation.onBroken(() => this.#rollBackAll())
  }

  /** @internal */
  static create(incarnation: Incarnation, parts: StorageParts): DurableObjectStorage {
    return new DurableObjectStorage(maker, incarnation, parts)
  }

  /**
   * Runs `closure` alone (no other event is delivered) and commits what it wrote as one; when it
   * throws, everything since its start is rolled back and the error is the caller's (reference 1.8).
   */
  transaction<T>(closure: (txn: DurableObjectTransaction) => T | Promise<T>): Promise<T>
  transaction<T>(...values: unknown[]): Promise<T> {
    const access = KeyValueApi.accessOf(this)
    return promised(() => {
      const [closure, options] = values
      if (typeof closure !== 'function') {
        throw wrongParameter(type, 'transaction', 1, 'function')
      }
      toOptions(options, 2, 'TransactionOptions', methodOf(access, 'transaction'))
      const run = closure as (txn: DurableObjectTransaction) => T | Promise<T>
      return access.incarnation.runExclusively(() => this.#transact(access.incarnation, run))
    })
  }

  /** Runs `callback` in a savepoint; when it throws, its writes are rolled back. */
  transactionSync<T>(callback: () => T): T
  transactionSync<T>(...values: unknown[]): T {
    const { incarnation } = KeyValueApi.accessOf(this)
    const [callback] = values
    if (typeof callback !== 'function') {
      throw wrongParameter(type, 'transactionSync', 1, 'function')
    }
    incarnation.requireAlive()
    const { alarm, store } = incarnation
    if (store.sqlite === undefined) throw new Error('Durable Object is not backed by SQL.')
    const mark = alarm.mark()
    try {
      return store.sqlite.transactionSync(callback as () => T)
    } catch (error) {
      alarm.restore(mark)
      throw error
    }
  }

  /** Deletes everything, atomically. Always confirmed, whatever the options say (reference 1.9). */
  deleteAll(options?: PutOptions): Promise<void>
  deleteAll(...values: unknown[]): Promise<void> {
    const access = KeyValueApi.accessOf(this)
    return promised(() => {
      toReadOptions(values[0], 1, 'PutOptions', methodOf(access, 'deleteAll'))
      return perform(access, 'deleteAll', (store) => {
        if (this.#transactions.length > 0) {
          throw new Error('Cannot call deleteAll() within a transaction')
        }
        store.deleteAll({ keepAlarm: !this.#deleteAllDeletesAlarm })
        if (this.#deleteAllDeletesAlarm) access.incarnation.alarm.deletedByDeleteAll()
        access.incarnation.deleteFacets()
      })
    })
  }

  /** Resolves when everything written so far is durable. Holds no lock (reference 1.3). */
  sync(): Promise<void> {
    const access = KeyValueApi.accessOf(this)
    const owner = access.incarnation
    if (owner.broken !== undefined) {
      return promised(() => perform(access, 'sync', () => undefined))
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

  /** Names the state of now; a later one is greater as a text, and taking it is a write. */
  getCurrentBookmark(): Promise<string> {
    const access = KeyValueApi.accessOf(this)
    return promised(() =>
      perform(access, 'getCurrentBookmark', ({ sqlite }) => {
        if (sqlite === undefined) throw new Error(noRecovery)
        return sqlite.takeBookmark()
      }),
    )
  }

  /** @throws Error as the reference does locally: nothing of the past is kept */
  getBookmarkForTime(time: number | Date): Promise<string>
  getBookmarkForTime(...values: unknown[]): Promise<string> {
    const access = KeyValueApi.accessOf(this)
    return promised(() => {
      toDateMs(values[0], methodOf(access, 'getBookmarkForTime'))
      throw new Error(noRecovery)
    })
  }

  /** @throws Error as the reference does locally: nothing of the past is kept */
  onNextSessionRestoreBookmark(bookmark: string): Promise<string>
  onNextSessionRestoreBookmark(...values: unknown[]): Promise<string> {
    const access = KeyValueApi.accessOf(this)
    return promised(() => {
      toText(values, methodOf(access, 'onNextSessionRestoreBookmark'))
      throw new Error(noRecovery)
    })
  }

  #defineSurfaces(incarnation: Incarnation, { hasSql }: StorageParts): void {
    const { sqlite } = incarnation.store
    const allowed = (refusal: string) => (): void => {
      if (!hasSql) throw new Error(refusal)
      incarnation.requireAlive()
      if (!incarnation.holdsTurn) incarnation.countStray('a synchronous storage operation')
    }
    const refused = (refusal: string): PropertyDescriptor => ({
      get: () => {
        throw new Error(refusal)
      },
    })
    const properties: Record<string, PropertyDescriptor> =
      sqlite === undefined
        ? { kv: refused(noSyncKv), sql: refused(notSqlite) }
        : {
            kv: { value: SyncKvStorage.create(sqlite, allowed(noSyncKv)) },
            sql: { value: new SqlStorage(sqlite, allowed(noSql)) },
          }
    for (const [name, descriptor] of Object.entries(properties)) {
      Object.defineProperty(this, name, { ...descriptor, enumerable: true, configurable: true })
    }
  }

  async #transact<T>(
    incarnation: Incarnation,
    closure: (txn: DurableObjectTransaction) => T | Promise<T>,
  ): Promise<T> {
    const scope = withAlarm(incarnation)
    this.#transactions.push(scope)
    const { txn, transaction } = DurableObjectTransaction.create(incarnation, () =>
      this.#rollBack(scope),
    )
    try {
      const value = await closure(txn)
      incarnation.requireAlive()
      if (transaction.end('ended')) {
        this.#transactions.pop()
        scope.commit()
      }
      return value
    } catch (error) {
      if (transaction.end('rolled-back')) this.#rollBack(scope)
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

definePlatformClass(DurableObjectStorage, type, [
  ...keyValueMembers.keys,
  'transaction',
  ...keyValueMembers.alarms,
  ...['sync', 'transactionSync'],
  ...['getCurrentBookmark', 'getBookmarkForTime', 'onNextSessionRestoreBookmark'],
])
