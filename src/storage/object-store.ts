import { rmSync } from 'node:fs'
import { assert, type CommitLog, type CommitSource, type PendingCommit } from '../base/index.ts'
import { makeDatabaseFile, withTemplate } from './database-file.ts'
import { type KvListOptions, KvTable } from './kv-table.ts'
import { OpenReads } from './open-reads.ts'
import { SqlDatabase } from './sql-database.ts'
import {
  type DatabaseSync,
  describeSqliteError,
  isFatal,
  isSqliteError,
  openDatabase,
  pageSize,
  primaryCode,
  type StatementSync,
} from './sqlite.ts'
import { Scope } from './transaction-scope.ts'
import { encodeValue } from './values.ts'
import { type WalCommit, WalReader } from './wal.ts'

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
}

interface Hold {
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
class Commit {
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

interface Failure {
  readonly error: Error
  /** Only a reset mends the store; otherwise the next incarnation can use it as it is. */
  readonly isLasting: boolean
}

const alarmKey = 1
// The year 2262: the table holds nanoseconds in 64 bits.
const alarmMsMax = 9_223_372_036_854
const codeLocked = 6
const codeConstraint = 19

/**
 * One object's durable memory: an SQLite database whose commits go to the commit log.
 *
 * Writes of one or more turns gather in one implicit transaction; the log says when it commits, by
 * taking it. [ST1] What the log has not confirmed never reaches the database file. [ST4]
 */
export class ObjectStore implements CommitSource {
  readonly path: string
  readonly sql: SqlDatabase
  readonly #object: string
  readonly #fence: number
  readonly #log: CommitLog
  readonly #db: DatabaseSync
  readonly #kv: KvTable
  readonly #wal: WalReader
  readonly #reads = new OpenReads()
  readonly #selectAlarm: StatementSync
  #listener: StoreListener | undefined
  #failure: Failure | undefined
  #state: 'open' | 'closed' | 'reset' = 'open'
  #transaction: 'none' | 'implicit' | 'explicit' = 'none'
  // Explicit transactions and savepoints that are open, innermost last.
  #scopes: Scope[] = []
  // The open transaction has writes of earlier turns, which this turn must not take along when it
  // is aborted; then a savepoint stands before its own first write.
  #hasEarlierTurns = false
  #hasTurnSavepoint = false
  #wroteThisTurn = false
  // The commit that the open transaction will become.
  #current: Commit | undefined
  // Commits made and not answered by the log, oldest first; the last `#ready.length` of them are not
  // taken by it yet.
  #unconfirmed: Commit[] = []
  #ready: PendingCommit[] = []
  #sequence = 0
  #confirmedEnd = 0
  readonly #isNew: boolean
  #wasConfirmed = false
  #alarmAt: number | null

  private constructor(options: StoreOptions, isNew: boolean) {
    this.path = options.path
    this.#object = options.object
    this.#fence = options.fence
    this.#log = options.log
    this.#isNew = isNew
    this.#db = openDatabase(options.path)
    this.#kv = new KvTable(this.#db, this.#reads)
    this.#wal = new WalReader(options.path)
    this.sql = new SqlDatabase(this.#db, this.#reads, (statement) => this.#runSql(statement))
    this.#selectAlarm = this.#db.prepare('SELECT value FROM _cf_METADATA WHERE key = ?')
    // Nanoseconds of these days are no safe integers.
    this.#selectAlarm.setReadBigInts(true)
    this.#alarmAt = this.#readAlarm()
  }

  /** Opens the object's database and makes it when there is none. */
  static open(options: StoreOptions): ObjectStore {
    return new ObjectStore(options, makeDatabaseFile(options.path))
  }

  /**
   * Set for ever once the store can only be reset. While commits made before the failure are on
   * their way this is still undefined, although every operation throws: a reset would take from the
   * database what the log may be about to confirm. [ST18]
   */
  get broken(): Error | undefined {
    if (this.#failure?.isLasting !== true || this.#unconfirmed.length > 0) return undefined
    return this.#failure.error
  }

  /** Whether there is anything that the log has not answered. */
  get hasUnconfirmed(): boolean {
    return this.#transaction !== 'none' || this.#unconfirmed.length > 0
  }

  /** Lends the store to another incarnation; what the one before was reading is closed. */
  setListener(listener: StoreListener | undefined): void {
    this.#listener = listener
    this.#reads.close(new Error('Cannot read on: the object that began to read was reset'))
    // Constraints that failed at COMMIT cost the incarnation; the data is in its last good state.
    if (listener !== undefined && this.#failure?.isLasting === false) this.#failure = undefined
  }

  kvGet(key: string): unknown {
    return this.#read(() => this.#kv.get(key))
  }

  /** The keys that exist, in order. */
  kvGetMany(keys: readonly string[]): Map<string, unknown> {
    return this.#read(() => {
      const found = new Map<string, unknown>()
      for (const key of [...new Set(keys)].sort(compareUtf8)) {
        const value = this.#kv.get(key)
        if (value !== undefined) found.set(key, value)
      }
      return found
    })
  }

  kvPut(key: string, value: unknown, options?: WriteOptions): void {
    const bytes = encodeValue(value)
    this.#write(options, () => this.#kv.put(key, bytes))
  }

  kvPutMany(entries: readonly (readonly [string, unknown])[], options?: WriteOptions): void {
    const encoded = entries.map(([key, value]) => [key, encodeValue(value)] as const)
    if (encoded.length === 0) return
    this.#writeMany(options, () => {
      for (const [key, bytes] of encoded) this.#kv.put(key, bytes)
    })
  }

  kvDelete(key: string, options?: WriteOptions): boolean {
    return this.#write(options, () => this.#kv.delete(key))
  }

  /** @returns how many of the keys existed */
  kvDeleteMany(keys: readonly string[], options?: WriteOptions): number {
    if (keys.length === 0) return 0
    return this.#writeMany(options, () => keys.filter((key) => this.#kv.delete(key)).length)
  }

  kvList(options: KvListOptions): Map<string, unknown> {
    return this.#read(() => new Map(this.#kv.list(options)))
  }

  kvIterate(options: KvListOptions): IterableIterator<[string, unknown]> {
    return this.#read(() => this.#kv.list(options))
  }

  /** Deletes everything in one commit; always confirmed. The file stays. */
  deleteAll(options: { readonly keepAlarm: boolean }): void {
    this.#writeMany(undefined, () => {
      this.#reads.close(new Error('SQLite query was canceled because the database was deleted.'))
      this.sql.dropEverything()
      this.#kv.clear()
      if (!options.keepAlarm) this.#storeAlarm(null)
    })
  }

  getAlarm(): number | null {
    return this.#read(() => this.#alarmAt)
  }

  /** @param atMs wall-clock milliseconds; null removes the alarm */
  setAlarm(atMs: number | null, options?: WriteOptions): void {
    this.#write(options, () => this.#storeAlarm(atMs))
  }

  /** The turn is over; what it wrote stays. */
  turnEnded(): void {
    if (this.#transaction !== 'implicit' || !this.#wroteThisTurn) return
    if (this.#hasTurnSavepoint) this.#db.exec('RELEASE turn')
    this.#hasTurnSavepoint = false
    this.#hasEarlierTurns = true
    this.#wroteThisTurn = false
    // A turn whose constraints fail at commit must fail alone. [ST7]
    if (this.sql.mayFailAtCommit) this.#commit()
  }

  /** The turn was aborted: what it wrote is undone, what earlier turns wrote stays. [ST2] */
  turnAborted(): void {
    if (this.#transaction !== 'implicit' || !this.#wroteThisTurn) return
    this.#abandonScopes(0)
    if (this.#hasTurnSavepoint) this.#db.exec('ROLLBACK TO turn; RELEASE turn')
    else this.#db.exec('ROLLBACK; BEGIN')
    this.#hasTurnSavepoint = false
    this.#wroteThisTurn = false
    this.#alarmAt = this.#readAlarm()
  }

  /** Starts an explicit transaction or, in one, a savepoint. The implicit one is committed first. */
  begin(): StoreTransaction {
    this.#requireUsable()
    if (this.#transaction === 'explicit') return this.#openSavepoint()
    if (this.#transaction === 'implicit') {
      this.#commit()
      this.#requireUsable()
    }
    this.#db.exec('BEGIN')
    this.#transaction = 'explicit'
    this.#current = new Commit()
    return this.#openScope(
      () => this.#commit(),
      () => this.#rollBack(),
    )
  }

  /** Runs `callback` in a savepoint; when it throws, its writes are undone and the error goes on. */
  transactionSync<T>(callback: () => T): T {
    this.#requireUsable()
    this.#enterWrite()
    const savepoint = this.#openSavepoint()
    let value: T
    try {
      value = callback()
    } catch (error) {
      savepoint.rollback()
      throw error
    }
    if (savepoint.state === 'rolled-back') {
      throw new Error('Cannot commit transaction due to an earlier SQL critical error')
    }
    savepoint.commit()
    return value
  }

  takeCommits(): readonly PendingCommit[] {
    if (this.#transaction === 'implicit') this.#commit()
    const commits = this.#ready
    this.#ready = []
    return commits
  }

  /**
   * Calls back when everything written so far is durable, at once when it is; with the error when it
   * never will be.
   */
  whenConfirmed(callback: (error: Error | undefined) => void): void {
    const failure = this.#failure
    const last = this.#transaction === 'implicit' ? this.#current : this.#unconfirmed.at(-1)
    if (last === undefined) callback(failure?.error)
    else last.callbacks.push((error) => callback(failure?.error ?? error))
  }

  /**
   * Moves everything into the database file and empties the `-wal`. The file is durable only when the
   * caller has synced it. A disk that does not take it breaks the store. [ST4]
   *
   * @returns false when this is not possible now: something is unconfirmed, or a cursor is open
   */
  checkpoint(): boolean {
    if (this.hasUnconfirmed || this.#failure !== undefined) return false
    try {
      return this.#truncateWal()
    } catch (error) {
      // What SQLite has done to the -wal is not known, and with it where the next commit will be.
      this.#break({ error: asError(error), isLasting: true })
      return false
    }
  }

  /**
   * Ends the store, with everything in the database file. Nothing may be unconfirmed.
   *
   * @throws Error when the disk does not take it; then the store stays open
   */
  close(): void {
    assert(!this.hasUnconfirmed, `the store of ${this.#object} is closed with unconfirmed writes`)
    assert(this.broken === undefined, `the store of ${this.#object} is closed but broken`)
    this.#reads.close(new Error('Cannot read on: the object has left memory'))
    // Without this SQLite does the same when it closes, and tells nobody when it fails; the next
    // opening drops the -wal and what was confirmed in it.
    if (!this.#truncateWal()) {
      throw new Error(`Cannot close the database of '${this.#object}': something still reads it`)
    }
    this.#end()
    this.#removeIfNeverConfirmed()
  }

  /**
   * Ends a broken store so that opening it again shows the last confirmed state and nothing of what
   * the log refused. [ST5]
   *
   * @throws Error when the disk does not take it; then it has to be called again
   */
  reset(): void {
    assert(this.broken !== undefined, `the store of ${this.#object} is reset but not broken`)
    if (this.#state === 'open') {
      this.#reads.close(this.broken)
      this.#wal.truncate(this.#confirmedEnd)
      // This connection still believes in the frames that were cut off: what it cannot read it does
      // not checkpoint. A fresh one recovers from the file what was confirmed.
      this.#end()
    }
    if (this.#state !== 'closed') return
    const fresh = openDatabase(this.path)
    try {
      fresh.exec('PRAGMA wal_checkpoint(TRUNCATE)')
    } finally {
      fresh.close()
    }
    this.#removeIfNeverConfirmed()
    this.#state = 'reset'
  }

  // A cursor that is not read to its end blocks this: SQLite then says busy, or locked.
  #truncateWal(): boolean {
    try {
      const row = this.#db.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get()
      if (row?.['busy'] !== 0) return false
    } catch (error) {
      if (isSqliteError(error) && primaryCode(error) === codeLocked) return false
      throw error
    }
    this.#wal.wasTruncated()
    this.#confirmedEnd = 0
    return true
  }

  // Nothing of this object is durable: it does not exist, and its file must not stand for it.
  #removeIfNeverConfirmed(): void {
    if (this.#isNew && !this.#wasConfirmed) rmSync(this.path)
  }

  #runSql<T>(statement: { readonly writes: boolean; run(): T }): T {
    if (statement.writes) return this.#write(undefined, () => statement.run())
    return this.#read(() => statement.run())
  }

  #read<T>(act: () => T): T {
    this.#requireUsable()
    return this.#guard(act)
  }

  #write<T>(options: WriteOptions | undefined, act: () => T): T {
    this.#requireUsable()
    this.#enterWrite()
    // Before the write: a statement that fails may leave a part of its work (`INSERT OR FAIL`).
    if (options?.allowUnconfirmed !== true && this.#current !== undefined) {
      this.#current.hold ??= this.#listener?.holdOutput()
    }
    return this.#guard(act)
  }

  // Several statements that are one operation: all or nothing.
  #writeMany<T>(options: WriteOptions | undefined, act: () => T): T {
    return this.#write(options, () => {
      const savepoint = this.#openSavepoint()
      try {
        const value = act()
        savepoint.commit()
        return value
      } catch (error) {
        if (this.#db.isTransaction) savepoint.rollback()
        throw error
      }
    })
  }

  // Makes sure that a transaction is open, and that this turn can be undone on its own.
  #enterWrite(): void {
    if (this.#transaction === 'none') {
      this.#db.exec('BEGIN')
      this.#transaction = 'implicit'
      this.#current = new Commit()
      this.#log.enlist(this)
    }
    if (this.#transaction !== 'implicit' || this.#wroteThisTurn) return
    if (this.#hasEarlierTurns) {
      this.#db.exec('SAVEPOINT turn')
      this.#hasTurnSavepoint = true
    }
    this.#wroteThisTurn = true
  }

  // SQLite rolls everything back on its own when the disk fails; then earlier turns are gone as well.
  #guard<T>(act: () => T): T {
    try {
      return act()
    } catch (error) {
      if (!isSqliteError(error)) throw error
      const described = new Error(describeSqliteError(error))
      const lostTransaction = this.#transaction !== 'none' && !this.#db.isTransaction
      if (isFatal(error) || lostTransaction) this.#break({ error: described, isLasting: true })
      throw described
    }
  }

  #openScope(commit: () => void, rollBack: () => void): Scope {
    const depth = this.#scopes.length + 1
    const scope = new Scope(depth, (state) => {
      if (state === 'rolled-back') {
        this.#abandonScopes(depth)
        this.#scopes.pop()
        rollBack()
        return
      }
      this.#requireUsable()
      assert(this.#scopes.length === depth, 'a transaction commits before one inside it')
      this.#scopes.pop()
      commit()
      this.#requireUsable()
    })
    this.#scopes.push(scope)
    return scope
  }

  #openSavepoint(): Scope {
    const name = `level_${this.#scopes.length + 1}`
    this.#db.exec(`SAVEPOINT ${name}`)
    return this.#openScope(
      () => this.#guard(() => this.#db.exec(`RELEASE ${name}`)),
      () => {
        this.#guard(() => this.#db.exec(`ROLLBACK TO ${name}; RELEASE ${name}`))
        this.#alarmAt = this.#readAlarm()
      },
    )
  }

  // A rollback (of an outer transaction, of the turn, of a store that broke) ends what is open inside.
  #abandonScopes(depth: number): void {
    for (const scope of this.#scopes.splice(depth)) scope.abandon()
  }

  #rollBack(): void {
    const commit = this.#endTransaction()
    this.#db.exec('ROLLBACK')
    this.#alarmAt = this.#readAlarm()
    this.#follow(commit)
  }

  #commit(): void {
    assert(this.#scopes.length === 0, 'a transaction is committed with a savepoint open in it')
    const commit = this.#endTransaction()
    let written: WalCommit | undefined
    try {
      // First: what is committed must be readable.
      this.#wal.open()
      this.#db.exec('COMMIT')
      written = this.#wal.readCommit()
    } catch (error) {
      this.#current = commit
      this.#break(commitFailure(error))
      return
    }
    if (written === undefined) {
      this.#follow(commit)
      return
    }
    const { pages, databasePages, end } = written
    this.#sequence += 1
    this.#unconfirmed.push(commit)
    this.#log.enlist(this)
    this.#ready.push({
      record: {
        object: this.#object,
        fence: this.#fence,
        sequence: this.#sequence,
        pageSize,
        databasePages,
        pages: this.#isNew && this.#sequence === 1 ? withTemplate(pages) : pages,
        kv: [],
        alarmAt: this.#alarmAt,
      },
      confirmed: () => this.#confirmed(commit, end),
      failed: (error) => this.#refused(commit, error),
    })
  }

  #endTransaction(): Commit {
    const commit = this.#current
    assert(commit !== undefined, 'a transaction ends that is not open')
    this.#transaction = 'none'
    this.#current = undefined
    this.#hasEarlierTurns = false
    this.#hasTurnSavepoint = false
    this.#wroteThisTurn = false
    return commit
  }

  // The transaction changed nothing: whoever waits for it waits for what was committed before.
  #follow(commit: Commit): void {
    const last = this.#unconfirmed.at(-1)
    if (last === undefined) commit.settle(undefined)
    else last.callbacks.push((error) => commit.settle(error))
  }

  #confirmed(commit: Commit, end: number): void {
    assert(this.#unconfirmed.shift() === commit, 'the log answers commits out of order')
    this.#confirmedEnd = end
    this.#wasConfirmed = true
    commit.settle(undefined)
  }

  // What was written after a refused commit stands on it, and is refused as well.
  #refused(commit: Commit, error: Error): void {
    assert(this.#unconfirmed.shift() === commit, 'the log answers commits out of order')
    const untaken = this.#unconfirmed.splice(this.#unconfirmed.length - this.#ready.length)
    this.#ready = []
    commit.fail(error)
    // Taken by the log too: it answers each in its turn, and until then nothing may be reset.
    for (const later of this.#unconfirmed) later.fail(error)
    for (const later of untaken) later.fail(error)
    this.#break({ error, isLasting: true })
    for (const settled of [commit, ...untaken]) settled.settle(error)
  }

  // Commits made before are not affected: they are on their way, and their holds with them. [ST18]
  #break(failure: Failure): void {
    if (this.#failure !== undefined) return
    this.#failure = failure
    this.#abandonScopes(0)
    const commit = this.#current
    if (commit !== undefined) this.#discard(commit, failure.error)
    this.#listener?.broke(failure.error)
  }

  #discard(commit: Commit, error: Error): void {
    this.#current = commit
    this.#endTransaction()
    try {
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK')
      this.#alarmAt = this.#readAlarm()
    } catch (cause) {
      // The disk again: nothing is written, and the reset opens the database anew.
      if (!isSqliteError(cause)) throw cause
      this.#failure = { error, isLasting: true }
    }
    commit.settle(error)
  }

  #requireUsable(): void {
    if (this.#failure !== undefined) throw this.#failure.error
  }

  #readAlarm(): number | null {
    const nanoseconds = this.#selectAlarm.get(alarmKey)?.['value']
    return typeof nanoseconds === 'bigint' ? Number(nanoseconds / 1_000_000n) : null
  }

  #storeAlarm(given: number | null): void {
    const atMs = given === null ? null : Math.min(Math.floor(given), alarmMsMax)
    if (atMs === null) this.#db.prepare('DELETE FROM _cf_METADATA WHERE key = ?').run(alarmKey)
    else {
      this.#db
        .prepare('INSERT OR REPLACE INTO _cf_METADATA (key, value) VALUES (?, ?)')
        .run(alarmKey, BigInt(atMs) * 1_000_000n)
    }
    this.#alarmAt = atMs
  }

  #end(): void {
    this.#state = 'closed'
    this.#wal.close()
    this.#db.close()
  }
}

export interface StoreOptions {
  readonly path: string
  /** Names the object in the log. */
  readonly object: string
  readonly fence: number
  readonly log: CommitLog
}

function commitFailure(error: unknown): Failure {
  if (!isSqliteError(error) || primaryCode(error) !== codeConstraint) {
    return { error: asError(error), isLasting: true }
  }
  const message = `Durable Object was reset and rolled back to its last known good state because the application left the database in a state where constraints were violated: ${describeSqliteError(error)}`
  return { error: new Error(message), isLasting: false }
}

function asError(error: unknown): Error {
  return isSqliteError(error) ? new Error(describeSqliteError(error)) : (error as Error)
}

function compareUtf8(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}
