import type { CommitLog } from '../base/index.ts'
import type { OpenDatabases } from './open-databases.ts'
import type { StorageLimits } from './limits.ts'
import type { PendingState } from './overlay.ts'
import type { ErrorFormat } from './values.ts'

export interface StoreOptions {
  readonly path: string
  /** Names the object in the log. */
  readonly object: string
  /** What the object's id was made from, if whoever opens the store knows. */
  readonly name?: string | undefined
  readonly fence: number
  readonly log: CommitLog
  /** What the log holds of the object beyond its file. */
  readonly pending?: PendingState | undefined
  /** The database file has changed since it was last synced, if it ever was. */
  readonly onFileChanged?: (() => void) | undefined
  /** Whether the object is known to have a database; asked only when there is none. [CT3] */
  readonly isKnown?: () => boolean
  /** Where the store says that its database is open; it may be closed for others. */
  readonly openDatabases?: OpenDatabases
  /** How errors among values are written; as the reference does without it. */
  readonly errorFormat?: ErrorFormat
  /** What the object may store; as the reference's local build without it. */
  readonly limits?: StorageLimits
}

export interface WriteOptions {
  readonly allowUnconfirmed?: boolean | undefined
}

/** Who hears of what the store does: the incarnation that it is lent to. */
export interface StoreListener {
  /**
   * A write was made that the outside must not learn of before it is durable. Called at most once
   * per commit; the store settles the answer later, exactly once.
   */
  holdOutput(): Hold
  /** The store will never work again: every later operation throws `error`. Called once. */
  broke(error: Error): void
  /**
   * Calls `act` when no turn of the object runs, everything it wrote is confirmed, and no turn will
   * run before `act` has returned. Not at all when the listener's object breaks.
   */
  whenQuiet(act: () => void): void
}

export interface Hold {
  release(): void
  fail(error: unknown): void
}

/** An explicit transaction, or a savepoint in one. Ended exactly once, innermost first. */
export interface StoreTransaction {
  /** 1 for the transaction itself, 2 for the first savepoint in it, and so on. */
  readonly depth: number
  /** What ends around it takes it along. */
  readonly state: 'open' | 'committed' | 'rolled-back'
  /** @throws the error that broke the store, if any */
  commit(): void
  /** Does nothing when the store broke: then it is rolled back already. */
  rollback(): void
}

/** What waits for one commit: a hold of the output gate, and callers of `whenConfirmed`. */
export class Commit {
  hold: Hold | undefined
  readonly callbacks: ((error: Error | undefined) => void)[] = []

  /** The outside must never see what stood on this commit. The callers are told by `settle`. */
  fail(error: Error): void {
    this.hold?.fail(error)
    this.hold = undefined
  }

  settle(error: Error | undefined): void {
    if (error === undefined) this.hold?.release()
    else this.fail(error)
    for (const callback of this.callbacks) callback(error)
  }
}

export interface Failure {
  readonly error: Error
  /** Only a reset mends the store; otherwise the next incarnation can use it as it is. */
  readonly isLasting: boolean
}
