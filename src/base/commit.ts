// The words that `storage` (which makes commits) and `log` (which makes them durable) share, so
// that neither room needs to know the other.

/** One database page as SQLite wrote it. */
export interface PageImage {
  /** 1-based, as SQLite counts. */
  readonly pageNumber: number
  readonly bytes: Uint8Array
}

/** A logical write to the KV table; `undefined` deletes the key. */
export interface KvOperation {
  readonly key: string
  readonly value: Uint8Array | undefined
}

/**
 * Everything one commit changed in one object: what recovery needs to bring the object from the
 * state after commit `sequence - 1` to the state after commit `sequence`.
 */
export interface CommitRecord {
  /** `<namespace key>/<64 hex digits>`, and `.<number>` for a facet; names it in the log and on disk. */
  readonly object: string
  /**
   * The text that the object's id was made from, if it is known and may not have been logged before;
   * absent, it is as it was.
   */
  readonly name?: string | undefined
  /** Grows with every change of owner; 0 on a single node. */
  readonly fence: number
  /** 1 for the first commit since the object's database was opened, then without gaps. */
  readonly sequence: number
  readonly pageSize: number
  /** Size of the database after this commit, in pages; 0 when there are no pages. */
  readonly databasePages: number
  readonly pages: readonly PageImage[]
  /** Writes of keys that are in no page yet. */
  readonly kv: readonly KvOperation[]
  /** The keys and the alarm of all records up to this one are in the pages. */
  readonly kvApplied: boolean
  /** The alarm that this commit sets; `null` when it removes it, undefined when it leaves it. */
  readonly alarmAt: number | null | undefined
}

/** A commit that SQLite accepted and the log has not confirmed yet. */
export interface PendingCommit {
  readonly record: CommitRecord
  /** The record is durable. Called once, outside of any turn, in the order of the log. */
  confirmed(): void
  /** The record will never be durable. Called once, instead of `confirmed`. */
  failed(error: Error): void
}

/** One object that has something to commit. */
export interface CommitSource {
  /**
   * Ends the open implicit transaction and hands over every commit not yet handed over, in order.
   * Called by the log, outside of any turn, when it is ready for its next batch.
   *
   * Never throws: what SQLite refuses to commit is the object's own failure and breaks that object.
   */
  takeCommits(): readonly PendingCommit[]
}

/**
 * The port behind which commits become durable. Adapters: file, memory, PostgreSQL (cluster). What all
 * of them promise is in docs/spec/commit-log.md, and `testCommitLog` of `sluice/testing` asks for it.
 *
 * Batches are chosen by the log: when its writer is ready, it takes the commits of every enlisted
 * source, makes them durable together, and then confirms them in order.
 */
export interface CommitLog {
  /** `source` has something to commit. Enlisting twice before the next batch counts once. */
  enlist(source: CommitSource): void
  /**
   * The turn loop is done for now: form a batch if the writer is free. (While it is busy, the next
   * batch is formed as soon as it is ready, and this does nothing.)
   */
  flush(): void
  /** Confirms or fails all that was enlisted, then stops: what comes later is failed. */
  close(): Promise<void>
}
