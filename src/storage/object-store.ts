import { readFileSync, rmSync, statSync } from 'node:fs'
import { assert, type CommitLog, type CommitSource, type PendingCommit } from '../base/index.ts'
import { KvTable, type KvListOptions } from './kv-table.ts'
import { SqlDatabase } from './sql-database.ts'
import {
  createDatabaseFile,
  type DatabaseSync,
  describeSqliteError,
  isFatal,
  isSqliteError,
  openDatabase,
  pageSize,
  removeSideFiles,
  templateBytes,
} from './sqlite.ts'
import { encodeValue } from './values.ts'
import { WalReader } from './wal.ts'

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
  commit(): void
  rollback(): void
}

/** What waits for one commit: a hold of the output gate, and callers of `whenConfirmed`. */
class Commit {
  hold: Hold | undefined
  readonly callbacks: ((error: Error | undefined) => void)[] = []

  settle(error: Error | undefined): void {
    if (error === undefined) this.hold?.release()
    else this.hold?.fail(error)
    for (const callback of this.callbacks) callback(error)
  }
}

const alarmKey = 1
const sqliteLocked = 6

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
  #listener: StoreListener | undefined
  #broken: Error | undefined
  #isOpen = true
  #transaction: 'none' | 'implicit' | 'explicit' = 'none'
  // Savepoints inside the transaction, for their names.
  #depth = 0
  // The open transaction has writes of earlier turns, which this turn must not take along when it
  // is aborted; then a savepoint stands before its own first write.
  #hasEarlierTurns = false
  #hasTurnSavepoint = false
  #wroteThisTurn = false
  // The commit that the open transaction will become.
  #current: Commit | undefined
  // Commits made and not taken by the log yet; then those taken and not confirmed. Oldest first.
  #ready: PendingCommit[] = []
  #unconfirmed: Commit[] = []
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
    this.#kv = new KvTable(this.#db)
    this.#wal = new WalReader(options.path)
    this.sql = new SqlDatabase(this.#db, (statement) => this.#runSql(statement))
    this.#alarmAt = this.#readAlarm()
  }

  /** Opens the object's database and makes it when there is none. */
  static open(options: StoreOptions): ObjectStore {
    removeSideFiles(options.path)
    const state = inspectFile(options.path)
    if (state === 'torn') rmSync(options.path)
    if (state !== 'template' && state !== 'database') createDatabaseFile(options.path)
    return new ObjectStore(options, state !== 'database')
  }

  /** Set for ever once the store broke. */
  get broken(): Error | undefined {
    return this.#broken
  }

  /** Whether there is anything that the log has not confirmed. */
  get hasUnconfirmed(): boolean {
    return (
      this.#broken === undefined && (this.#transaction !== 'none' || this.#unconfirmed.length > 0)
    )
  }

  setListener(listener: StoreListener | undefined): void {
    this.#listener = listener
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
    this.#write(options, () => {
      for (const [key, bytes] of encoded) this.#kv.put(key, bytes)
    })
  }

  kvDelete(key: string, options?: WriteOptions): boolean {
    return this.#write(options, () => this.#kv.delete(key))
  }

  /** @returns how many of the keys existed */
  kvDeleteMany(keys: readonly string[], options?: WriteOptions): number {
    return this.#write(options, () => keys.filter((key) => this.#kv.delete(key)).length)
  }

  kvList(options: KvListOptions): Map<string, unknown> {
    return this.#read(() => new Map(this.#kv.list(options)))
  }

  kvIterate(options: KvListOptions): IterableIterator<[string, unknown]> {
    return this.#read(() => this.#kv.list(options))
  }

  /** Deletes everything in one commit; always confirmed. The file stays. */
  deleteAll(options: { readonly keepAlarm: boolean }): void {
    this.#write(undefined, () => {
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
    if (this.#broken !== undefined || this.#transaction !== 'implicit' || !this.#wroteThisTurn)
      return
    if (this.#hasTurnSavepoint) this.#db.exec('ROLLBACK TO turn; RELEASE turn')
    else if (!this.#hasEarlierTurns) this.#db.exec('ROLLBACK; BEGIN')
    this.#hasTurnSavepoint = false
    this.#wroteThisTurn = false
    this.#alarmAt = this.#readAlarm()
  }

  /** Starts an explicit transaction or, in one, a savepoint. The implicit one is committed first. */
  begin(): StoreTransaction {
    this.#requireUsable()
    if (this.#transaction === 'implicit') this.#commit()
    this.#requireUsable()
    if (this.#transaction === 'explicit') return this.#savepoint()
    this.#db.exec('BEGIN')
    this.#transaction = 'explicit'
    this.#current = new Commit()
    return {
      commit: () => {
        this.#requireUsable()
        this.#commit()
        this.#requireUsable()
      },
      rollback: () => {
        // A broken store has rolled everything back.
        if (this.#broken === undefined) this.#rollBack()
      },
    }
  }

  /** Runs `callback` in a savepoint; when it throws, its writes are undone and the error goes on. */
  transactionSync<T>(callback: () => T): T {
    this.#requireUsable()
    this.#enterWrite()
    const savepoint = this.#savepoint()
    let value: T
    try {
      value = callback()
    } catch (error) {
      if (this.#broken === undefined) savepoint.rollback()
      throw error
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
    const last = this.#transaction === 'implicit' ? this.#current : this.#unconfirmed.at(-1)
    if (this.#broken !== undefined) callback(this.#broken)
    else if (last === undefined) callback(undefined)
    else last.callbacks.push(callback)
  }

  /**
   * Moves everything into the database file and empties the `-wal`. The file is durable only when the
   * caller has synced it.
   *
   * @returns false when this is not possible now: something is unconfirmed, or a cursor is open
   */
  checkpoint(): boolean {
    if (this.hasUnconfirmed || this.#broken !== undefined) return false
    if (!this.#truncateWal()) return false
    this.#wal.wasTruncated()
    this.#confirmedEnd = 0
    return true
  }

  /** Ends the store, with everything in the database file. Nothing may be unconfirmed. */
  close(): void {
    assert(!this.hasUnconfirmed, `the store of ${this.#object} is closed with unconfirmed writes`)
    this.#end()
    this.#removeIfNeverConfirmed()
  }

  /**
   * Ends a broken store so that opening it again shows the last confirmed state and nothing of what
   * the log refused. [ST5]
   */
  reset(): void {
    assert(this.#broken !== undefined, `the store of ${this.#object} is reset but not broken`)
    if (!this.#isOpen) return
    if (this.#db.isTransaction) this.#db.exec('ROLLBACK')
    if (this.#wal.isOpen) this.#wal.truncate(this.#confirmedEnd)
    // This connection still believes in the frames that were cut off: what it cannot read it does not
    // checkpoint. A fresh one recovers from the file what was confirmed.
    this.#end()
    const fresh = openDatabase(this.path)
    fresh.exec('PRAGMA wal_checkpoint(TRUNCATE)')
    fresh.close()
    this.#removeIfNeverConfirmed()
  }

  // A cursor that is not read to its end blocks this: SQLite then says busy, or locked.
  #truncateWal(): boolean {
    try {
      const row = this.#db.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get()
      return row?.['busy'] === 0
    } catch (error) {
      if (isSqliteError(error) && (error.errcode & 0xff) === sqliteLocked) return false
      throw error
    }
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
    const value = this.#guard(act)
    if (options?.allowUnconfirmed !== true && this.#current !== undefined) {
      this.#current.hold ??= this.#listener?.holdOutput()
    }
    return value
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
      if (isSqliteError(error) && (isFatal(error) || this.#lostTransaction)) {
        this.#break(new Error(describeSqliteError(error)))
      }
      throw error
    }
  }

  get #lostTransaction(): boolean {
    return this.#transaction !== 'none' && !this.#db.isTransaction
  }

  #savepoint(): StoreTransaction {
    this.#depth += 1
    const name = `level_${this.#depth}`
    this.#db.exec(`SAVEPOINT ${name}`)
    const end = (sql: string): void => {
      if (this.#broken !== undefined) return
      this.#depth -= 1
      this.#guard(() => this.#db.exec(sql))
    }
    return {
      commit: () => end(`RELEASE ${name}`),
      rollback: () => {
        end(`ROLLBACK TO ${name}; RELEASE ${name}`)
        if (this.#broken === undefined) this.#alarmAt = this.#readAlarm()
      },
    }
  }

  #rollBack(): void {
    const commit = this.#endTransaction()
    if (this.#db.isTransaction) this.#db.exec('ROLLBACK')
    this.#alarmAt = this.#readAlarm()
    this.#follow(commit)
  }

  #commit(): void {
    const commit = this.#endTransaction()
    try {
      this.#db.exec('COMMIT')
    } catch (error) {
      // Handled by the hold: the caller's answer must not leave.
      this.#unconfirmed.push(commit)
      this.#break(commitRefused(error))
      return
    }
    const written = this.#wal.readCommit()
    if (written === undefined) {
      this.#follow(commit)
      return
    }
    this.#sequence += 1
    this.#unconfirmed.push(commit)
    this.#log.enlist(this)
    this.#ready.push({
      record: {
        object: this.#object,
        fence: this.#fence,
        sequence: this.#sequence,
        pageSize,
        databasePages: written.databasePages,
        pages: this.#isNew && this.#sequence === 1 ? withTemplate(written.pages) : written.pages,
        kv: [],
        alarmAt: this.#alarmAt,
      },
      confirmed: () => this.#confirmed(written.end),
      failed: (error) => this.#break(error),
    })
  }

  #endTransaction(): Commit {
    const commit = this.#current
    assert(commit !== undefined, 'a transaction ends that is not open')
    this.#transaction = 'none'
    this.#current = undefined
    this.#depth = 0
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

  #confirmed(end: number): void {
    // A store that broke in between has told everybody already.
    if (this.#broken !== undefined) return
    this.#confirmedEnd = end
    this.#wasConfirmed = true
    this.#unconfirmed.shift()?.settle(undefined)
  }

  #break(error: Error): void {
    if (this.#broken !== undefined) return
    this.#broken = error
    const waiting = this.#unconfirmed
    if (this.#current !== undefined) waiting.push(this.#current)
    this.#unconfirmed = []
    this.#current = undefined
    this.#transaction = 'none'
    this.#ready = []
    for (const commit of waiting) commit.settle(error)
    this.#listener?.broke(error)
  }

  #requireUsable(): void {
    if (this.#broken !== undefined) throw this.#broken
  }

  #readAlarm(): number | null {
    const row = this.#db.prepare('SELECT value FROM _cf_METADATA WHERE key = ?').get(alarmKey)
    const nanoseconds = row?.['value']
    return typeof nanoseconds === 'number' ? Math.floor(nanoseconds / 1e6) : null
  }

  #storeAlarm(atMs: number | null): void {
    if (atMs === null) this.#db.prepare('DELETE FROM _cf_METADATA WHERE key = ?').run(alarmKey)
    else {
      this.#db
        .prepare('INSERT OR REPLACE INTO _cf_METADATA (key, value) VALUES (?, ?)')
        .run(alarmKey, BigInt(atMs) * 1_000_000n)
    }
    this.#alarmAt = atMs
  }

  #end(): void {
    this.#isOpen = false
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

/**
 * What stands at `path`. A file is made without a sync, so a crash before the object's first commit
 * was confirmed may leave any part of the template; after it, the log has had all of it.
 */
function inspectFile(path: string): 'absent' | 'torn' | 'template' | 'database' {
  const size = statSync(path, { throwIfNoEntry: false })?.size
  if (size === undefined) return 'absent'
  const template = templateBytes()
  if (size > template.byteLength) return 'database'
  if (size < template.byteLength) return 'torn'
  const bytes = readFileSync(path)
  if (bytes.equals(template)) return 'template'
  return bytes.subarray(0, 16).every((byte) => byte === 0) ? 'torn' : 'database'
}

// A new object's file was made without a sync: the first record holds all of it.
function withTemplate(
  pages: readonly { readonly pageNumber: number; readonly bytes: Uint8Array }[],
): { pageNumber: number; bytes: Uint8Array }[] {
  const all = new Map<number, Uint8Array>()
  const template = templateBytes()
  for (let at = 0; at < template.byteLength; at += pageSize) {
    all.set(at / pageSize + 1, template.subarray(at, at + pageSize))
  }
  for (const { pageNumber, bytes } of pages) all.set(pageNumber, bytes)
  return [...all].map(([pageNumber, bytes]) => ({ pageNumber, bytes }))
}

function commitRefused(error: unknown): Error {
  if (!isSqliteError(error)) return error as Error
  const reason = describeSqliteError(error)
  if ((error.errcode & 0xff) !== 19) return new Error(reason)
  return new Error(
    `Durable Object was reset and rolled back to its last known good state because the application left the database in a state where constraints were violated: ${reason}`,
  )
}

function compareUtf8(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}
