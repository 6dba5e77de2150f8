import { existsSync, rmSync, statSync } from 'node:fs'
import {
  assert,
  type CommitRecord,
  type CommitSource,
  type PageImage,
  type PendingCommit,
} from '../base/index.ts'
import { Bookmarks } from './bookmark.ts'
import { type CheckpointDone, CheckpointPlan, mayCarryState } from './checkpoint-plan.ts'
import { ConfirmedState } from './confirmed-state.ts'
import { requireDatabaseFile, withTemplate } from './database-file.ts'
import type { DurableStore } from './durable-store.ts'
import { asError, commitFailure } from './failure.ts'
import { type KvIteration, KvPart, type StoreAccess } from './kv-part.ts'
import type { KvListOptions } from './kv-table.ts'
import { KvView } from './kv-view.ts'
import { ObjectDatabase, recoverFromWal } from './object-database.ts'
import { alarmMsMax, Overlay, type PendingState } from './overlay.ts'
import { localLimits } from './limits.ts'
import { LoggedName } from './logged-name.ts'
import type { SqlDatabase } from './sql-database.ts'
import { SqlPart } from './sql-part.ts'
import { describeSqliteError, isFatal, isSqliteError, pageSize } from './sqlite.ts'
import {
  Commit,
  type Failure,
  type StoreListener,
  type StoreOptions,
  type StoreTransaction,
  type WriteOptions,
} from './store-types.ts'
import { runInScope, type Scope, Scopes } from './transaction-scope.ts'
import type { WalCommit } from './wal.ts'

/**
 * One object's durable memory: an SQLite database, and over it the keys and the alarm that only the
 * commit log has so far. The database is opened when it is needed: an object that uses keys alone, all
 * of them in the overlay, has none open, and may have none at all. [ST21]
 *
 * Writes of one or more turns gather in one implicit transaction; the log says when it commits, by
 * taking it. [ST1] What the log has not confirmed never reaches the database file. [ST4]
 */
export class ObjectStore implements CommitSource, DurableStore {
  readonly path: string
  readonly sqlite: ObjectStore = this
  readonly #overlay: Overlay
  readonly #keys: KvView
  readonly #kv: KvPart
  #database: ObjectDatabase | undefined
  #hasFile: boolean
  // Of the database after the last commit.
  #pages: number
  readonly #name: LoggedName
  #listener: StoreListener | undefined
  #failure: Failure | undefined
  #state: 'open' | 'closed' | 'reset' = 'open'
  #transaction: 'none' | 'implicit' | 'explicit' = 'none'
  readonly #scopes = new Scopes()
  // Where this turn's part of the open implicit transaction begins, in the overlay and in SQLite.
  #turnMark = 0
  #wroteThisTurn = false
  readonly #sqlPart = new SqlPart(() => this.#open())
  // The commit that the open transaction will become.
  #current: Commit | undefined
  // Commits made and not answered by the log, oldest first; the last `#ready.length` of them are not
  // taken by it yet.
  #unconfirmed: Commit[] = []
  #ready: PendingCommit[] = []
  // How many of the unconfirmed commits wrote to the `-wal`.
  #unconfirmedPages = 0
  #sequence = 0
  readonly #bookmarks = new Bookmarks()
  readonly #confirmedState: ConfirmedState
  // The file was the bare template when it was opened last: the log had nothing of it.
  #isFileNew = false
  readonly #checkpoint = new CheckpointPlan()
  readonly #options: StoreOptions
  #waitsForQuiet = false

  private constructor(options: StoreOptions) {
    this.path = options.path
    this.#options = options
    this.#overlay = new Overlay(options.pending)
    this.#keys = new KvView(this.#overlay, (read) =>
      this.#hasFile ? this.#guard(() => read(this.#open().kv)) : undefined,
    )
    const access: StoreAccess = {
      requireUsable: () => this.#requireUsable(),
      read: (act) => this.#read(act),
      write: (how, act) => this.#write(how, act),
      bytesAtMost: () => this.#pages * pageSize + this.#overlay.bytes,
      bytes: () => this.databaseSize,
    }
    this.#kv = new KvPart(access, this.#keys, this.#overlay, {
      errorFormat: options.errorFormat ?? 'reference',
      limits: options.limits ?? localLimits,
    })
    this.#confirmedState = new ConfirmedState(options.pending)
    const size = statSync(options.path, { throwIfNoEntry: false })?.size
    this.#hasFile = size !== undefined
    this.#pages = (size ?? 0) / pageSize
    this.#name = new LoggedName(options.name)
  }

  /**
   * Lends out the object's store; makes nothing on disk before something is written.
   *
   * @throws DurableError when there is no database although the object had one [CT3]
   */
  static open(options: StoreOptions): ObjectStore {
    requireDatabaseFile(options.path, options.isKnown)
    return new ObjectStore(options)
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

  get isInTransaction(): boolean {
    return this.#transaction === 'explicit'
  }

  /** Tells what the object's id was made from, when whoever opened the store did not know. */
  nameIs(name: string): void {
    this.#name.is(name)
  }

  /** Lends the store to another incarnation; what the one before was reading is closed. */
  setListener(listener: StoreListener | undefined): void {
    this.#listener = listener
    this.#waitsForQuiet = false
    this.#closeReads(new Error('Cannot read on: the object that began to read was reset'))
    // Constraints that failed at COMMIT cost the incarnation; the data is in its last good state.
    if (listener !== undefined && this.#failure?.isLasting === false) this.#failure = undefined
  }

  /** The program's SQL; opens the database. */
  get sql(): SqlDatabase {
    return this.#read(() => this.#open().sql)
  }

  /** Bytes of the database that are in use, with everything written so far in it. */
  get databaseSize(): number {
    if (!this.#overlay.isEmpty) {
      this.#write({ allowUnconfirmed: true }, () => this.#applyOverlay())
      this.#checkpoint.plan('apply')
    }
    return this.sql.databaseSize
  }

  kvGet(key: string): unknown {
    return this.#kv.get(key)
  }

  /** The keys that exist, in order. */
  kvGetMany(keys: readonly string[]): Map<string, unknown> {
    return this.#kv.getMany(keys)
  }

  kvPut(key: string, value: unknown, options?: WriteOptions): void {
    this.#kv.putMany([[key, value]], options)
  }

  kvPutMany(entries: readonly (readonly [string, unknown])[], options?: WriteOptions): void {
    this.#kv.putMany(entries, options)
  }

  /** @returns whether the key existed */
  kvDelete(key: string, options?: WriteOptions): boolean {
    return this.#kv.deleteMany([key], options) === 1
  }

  /** @returns how many of the keys existed */
  kvDeleteMany(keys: readonly string[], options?: WriteOptions): number {
    return this.#kv.deleteMany(keys, options)
  }

  kvList(options: KvListOptions): Map<string, unknown> {
    return this.#kv.list(options)
  }

  /** @throws TypeError when the options contradict each other, at once */
  kvIterate(options: KvListOptions): KvIteration {
    return this.#kv.iterate(options)
  }

  /** Reads values as they are stored. */
  readKeys<T>(read: (keys: KvView) => T): T {
    return this.#read(() => read(this.#keys))
  }

  /** For what a cache above has gathered: holds nothing. */
  writeKeys(write: (keys: Overlay) => void): void {
    this.#write({ allowUnconfirmed: true }, () => write(this.#overlay))
  }

  /** Deletes everything in one commit; always confirmed. The file stays. */
  deleteAll(options: { readonly keepAlarm: boolean }): void {
    this.#write(undefined, () => {
      const reason = new Error('SQLite query was canceled because the database was deleted.')
      this.#kv.endIteration(reason)
      if (this.#hasFile) this.#clearDatabase(reason)
      for (const key of [...this.#overlay.keys()]) this.#overlay.set(key, 'deleted')
      if (!options.keepAlarm && this.getAlarm() !== null) this.#overlay.setAlarm(null)
    })
  }

  /** Names the state of now: a write, so that each is greater than all before, for ever. [ST41] */
  takeBookmark(): string {
    return this.#write(undefined, () => {
      this.#sqlPart.enter(this.#scopes)
      return this.#bookmarks.take(this.#open())
    })
  }

  /** Wall-clock milliseconds; null when there is none. */
  getAlarm(): number | null {
    return this.#read(() => {
      const { alarmAt } = this.#overlay
      if (alarmAt !== undefined) return alarmAt
      return this.#hasFile ? this.#open().readAlarm() : null
    })
  }

  /** @param atMs wall-clock milliseconds; null removes the alarm */
  setAlarm(atMs: number | null, options?: WriteOptions): void {
    const alarmAt = atMs === null ? null : Math.min(Math.floor(atMs), alarmMsMax)
    this.#write(options, () => this.#overlay.setAlarm(alarmAt))
  }

  /** The turn is over; what it wrote stays. */
  turnEnded(): void {
    if (this.#transaction !== 'implicit' || !this.#wroteThisTurn) return
    this.#sqlPart.turnEnded()
    this.#turnMark = this.#overlay.mark
    this.#wroteThisTurn = false
    // A turn whose constraints fail at commit must fail alone. [ST7]
    if (this.#sqlPart.isOpen && this.#open().sql.mayFailAtCommit) this.#commit()
  }

  /** The turn was aborted: what it wrote is undone, what earlier turns wrote stays. [ST2] */
  turnAborted(): void {
    if (this.#transaction !== 'implicit' || !this.#wroteThisTurn) return
    this.#scopes.abandon(0)
    this.#overlay.undo(this.#turnMark)
    this.#sqlPart.turnAborted()
    this.#wroteThisTurn = false
  }

  /** Starts an explicit transaction or, in one, a savepoint. The implicit one is committed first. */
  begin(): StoreTransaction {
    this.#requireUsable()
    if (this.#transaction === 'explicit') return this.#openSavepoint()
    if (this.#transaction === 'implicit') {
      this.#commit()
      this.#requireUsable()
    }
    this.#transaction = 'explicit'
    this.#current = new Commit()
    return this.#openScope(
      undefined,
      () => this.#commit(),
      () => this.#rollBack(),
    )
  }

  /** Runs `callback` in a savepoint; when it throws, its writes are undone and the error goes on. */
  transactionSync<T>(callback: () => T): T {
    this.#requireUsable()
    this.#enterWrite()
    // The reference has a savepoint in SQLite whether or not anything was written.
    const undone = (): void => this.#database?.abortStatements()
    return runInScope(this.#openSavepoint(), callback, undone)
  }

  takeCommits(): readonly PendingCommit[] {
    if (this.#transaction === 'implicit') this.#commit()
    const commits = this.#ready
    this.#ready = []
    return commits
  }

  /** Calls back when everything written so far is durable, or with the error when it never will be. */
  whenConfirmed(callback: (error: Error | undefined) => void): void {
    const failure = this.#failure
    const last = this.#transaction === 'implicit' ? this.#current : this.#unconfirmed.at(-1)
    if (last === undefined) callback(failure?.error)
    else last.callbacks.push((error) => callback(failure?.error ?? error))
  }

  /**
   * Lets the log forget everything that it holds of the object now. What is in the `-wal` goes into the
   * database file, as soon as nothing unconfirmed is in it, in a quiet moment of the object if need be;
   * the file must then be synced. The overlay goes into the file as well, through the log as pages, or
   * is told to the log once more when it is small. To be called outside of turns. [ST4, ST21, ST22]
   *
   * @param done called once, unless the store is closed before; with the error when the store broke
   * @param options.mayCarry false: everything has to be in the file
   */
  whenCheckpointed(done: CheckpointDone, options: { readonly mayCarry?: boolean } = {}): void {
    if (this.#failure?.isLasting === true) return done(this.#failure.error)
    this.#checkpoint.ask(done)
    if (!this.#overlay.isEmpty) {
      const carried = this.#overlay.hasDirty ? 0 : this.#confirmedState.carried
      const mayCarry = options.mayCarry === true && mayCarryState(this.#overlay.bytes, carried)
      this.#checkpoint.plan(mayCarry ? 'carry' : 'apply')
      if (this.#transaction === 'none') this.#enterWrite()
    }
    this.advanceCheckpoint()
    if (this.#transaction === 'implicit') this.#options.log.flush()
  }

  /** Tries again what `whenCheckpointed` waits for: a read that was in the way may be over. */
  advanceCheckpoint(): void {
    if (!this.#checkpoint.isAskedFor || this.#failure?.isLasting === true) return
    if (this.#checkpoint.waitsForLog) return
    if (this.#sqlPart.isOpen) this.#askForQuiet()
    else if (this.#unconfirmedPages === 0 && this.#emptyWal()) this.#checkpoint.finish()
  }

  /** Closes the database until it is needed again, unless something of it is in use. [ST24] */
  release(): boolean {
    const isBusy = this.#unconfirmedPages > 0 || this.#sqlPart.isOpen || this.#failure !== undefined
    if (isBusy || this.#database?.isInUse === true || !this.#emptyWal()) return false
    this.#closeDatabase()
    return true
  }

  /**
   * Ends the store, with all that was committed to SQLite in the database file. Nothing may be
   * unconfirmed.
   *
   * @returns what only the log has: the next store of this object needs it
   * @throws Error when the disk does not take it; then the store stays open
   */
  close(): PendingState | undefined {
    const { object } = this.#options
    assert(!this.hasUnconfirmed, `the store of ${object} is closed with unconfirmed writes`)
    assert(this.broken === undefined, `the store of ${object} is closed but broken`)
    this.#closeReads(new Error('Cannot read on: the object has left memory'))
    // SQLite would do this when it closes, and tell nobody when it fails; then the -wal is dropped.
    if (!this.#truncateWal()) {
      throw new Error(`Cannot close the database of '${object}': something still reads it`)
    }
    this.#end()
    this.#state = 'reset'
    return this.#confirmedState.pending
  }

  /**
   * Ends a broken store so that opening it again shows the last confirmed state and nothing of what
   * the log refused. [ST5]
   *
   * @returns what only the log has: the next store of this object needs it
   * @throws Error when the disk does not take it; then it has to be called again
   */
  reset(): PendingState | undefined {
    const { object } = this.#options
    assert(this.broken !== undefined, `the store of ${object} is reset but not broken`)
    if (this.#state === 'open' && this.#database !== undefined) {
      this.#database.closeReads(this.broken)
      this.#database.wal.truncate(this.#confirmedState.walEnd)
      this.#end()
    }
    if (this.#state === 'closed' && existsSync(this.path)) {
      recoverFromWal(this.path)
      this.#options.onFileChanged?.()
    }
    this.#state = 'reset'
    return this.#confirmedState.pending
  }

  #open(): ObjectDatabase {
    const { openDatabases, isKnown } = this.#options
    if (this.#database === undefined) {
      // [CT3] It may have been deleted since the store was opened, or the database was last closed.
      requireDatabaseFile(this.path, () => this.#confirmedState.hasFile || isKnown?.() === true)
      this.#database = new ObjectDatabase(
        this.path,
        (statement) => this.#runSql(statement),
        this.#options.limits,
      )
      this.#isFileNew = this.#database.isNew
      this.#hasFile = true
      this.#confirmedState.walEnd = 0
    }
    openDatabases?.used(this)
    return this.#database
  }

  #runSql<T>(statement: { readonly writes: boolean; run(): T }): T {
    if (!statement.writes) return this.#read(() => statement.run())
    return this.#write(undefined, () => {
      this.#sqlPart.enter(this.#scopes)
      return statement.run()
    })
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

  #enterWrite(): void {
    if (this.#transaction === 'none') {
      this.#transaction = 'implicit'
      this.#current = new Commit()
      this.#options.log.enlist(this)
    }
    this.#wroteThisTurn = true
  }

  #applyOverlay(): void {
    this.#sqlPart.enter(this.#scopes)
    this.#open().apply(this.#overlay)
  }

  // All or nothing: dropping tables is many statements.
  #clearDatabase(reason: Error): void {
    const savepoint = this.#openSavepoint()
    try {
      this.#sqlPart.enter(this.#scopes)
      this.#open().clear(reason)
      savepoint.commit()
    } catch (error) {
      savepoint.rollback()
      throw error
    }
  }

  // SQLite rolls everything back on its own when the disk fails; then earlier turns are gone as well.
  #guard<T>(act: () => T): T {
    try {
      return act()
    } catch (error) {
      if (!isSqliteError(error)) throw error
      const described = new Error(describeSqliteError(error))
      const lostTransaction = this.#sqlPart.isOpen && this.#database?.db.isTransaction === false
      if (isFatal(error) || lostTransaction) this.#break({ error: described, isLasting: true })
      throw described
    }
  }

  #openScope(savepoint: string | undefined, commit: () => void, rollBack: () => void): Scope {
    return this.#scopes.open(savepoint, {
      commit: () => {
        commit()
        this.#requireUsable()
      },
      rollBack,
      requireUsable: () => this.#requireUsable(),
    })
  }

  #openSavepoint(): Scope {
    const name = `level_${this.#scopes.depth + 1}`
    const mark = this.#overlay.mark
    const scope: Scope = this.#openScope(
      name,
      () => {
        if (scope.isInSql) this.#guard(() => this.#open().db.exec(`RELEASE ${name}`))
      },
      () => {
        this.#overlay.undo(mark)
        if (scope.isInSql)
          this.#guard(() => this.#open().rollBack(`ROLLBACK TO ${name}; RELEASE ${name}`))
      },
    )
    return scope
  }

  #rollBack(): void {
    this.#overlay.undo(0)
    this.#sqlPart.rollBack()
    this.#follow(this.#endTransaction())
    this.#replanCheckpoint()
  }

  // The commit that a checkpoint waits for has not come about; another does it, if there is need.
  #replanCheckpoint(): void {
    if (this.#overlay.isEmpty) this.#checkpoint.committed(undefined)
    else if (this.#checkpoint.nextCommit !== undefined) this.#enterWrite()
  }

  #commit(): void {
    assert(this.#scopes.depth === 0, 'a transaction is committed with a savepoint open in it')
    const isAskedFor = !this.#overlay.isEmpty && this.#checkpoint.nextCommit === 'apply'
    const applies = isAskedFor || this.#overlay.isLarge
    let written: WalCommit | undefined
    try {
      if (applies) this.#applyOverlay()
      if (this.#sqlPart.isOpen) written = this.#commitSql()
    } catch (error) {
      this.#break(commitFailure(error))
      return
    }
    const commit = this.#endTransaction()
    if (this.#overlay.hasDirty) this.#confirmedState.carried = 0
    const carries = !applies && this.#checkpoint.nextCommit === 'carry'
    if (carries) this.#carry()
    this.#checkpoint.committed(applies || carries ? commit : undefined)
    const { kv, alarmAt } = this.#overlay.takeDirty()
    if (applies) this.#overlay.clear()
    if (written === undefined && kv.length === 0 && alarmAt === undefined && !applies) {
      this.#follow(commit)
      return
    }
    this.#sequence += 1
    this.#unconfirmed.push(commit)
    if (written !== undefined) {
      this.#unconfirmedPages += 1
      this.#pages = written.databasePages
    }
    this.#options.log.enlist(this)
    const record: CommitRecord = {
      object: this.#options.object,
      ...this.#name.take(),
      fence: this.#options.fence,
      sequence: this.#sequence,
      pageSize,
      databasePages: written?.databasePages ?? 0,
      pages: this.#pagesOf(written),
      kv: applies ? [] : kv,
      kvApplied: applies,
      alarmAt,
    }
    this.#ready.push({
      record,
      confirmed: () => this.#confirmed(commit, record, written?.end),
      failed: (error) => this.#refused(commit, error),
    })
  }

  // [ST22] With the name, which only the log may have as well.
  #carry(): void {
    if (!this.#overlay.hasDirty) this.#confirmedState.carried += 1
    this.#overlay.carry()
    this.#name.tellAgain()
  }

  #commitSql(): WalCommit | undefined {
    const { db, wal } = this.#open()
    // First: what is committed must be readable.
    wal.open()
    db.exec('COMMIT')
    this.#sqlPart.ended()
    return wal.readCommit()
  }

  // The file of a new database is not durable: its first record holds all of it. [ST6]
  #pagesOf(written: WalCommit | undefined): readonly PageImage[] {
    if (written === undefined) return []
    const isFirst = this.#unconfirmedPages === 1 && !this.#confirmedState.hasFile
    return this.#isFileNew && isFirst ? withTemplate(written.pages) : written.pages
  }

  #endTransaction(): Commit {
    const commit = this.#current
    assert(commit !== undefined, 'a transaction ends that is not open')
    this.#transaction = 'none'
    this.#current = undefined
    this.#overlay.forgetUndo()
    this.#turnMark = 0
    this.#wroteThisTurn = false
    return commit
  }

  // The transaction changed nothing: whoever waits for it waits for what was committed before.
  #follow(commit: Commit): void {
    const last = this.#unconfirmed.at(-1)
    if (last === undefined) commit.settle(undefined)
    else last.callbacks.push((error) => commit.settle(error))
  }

  #confirmed(commit: Commit, record: CommitRecord, walEnd: number | undefined): void {
    assert(this.#unconfirmed.shift() === commit, 'the log answers commits out of order')
    if (walEnd !== undefined) this.#unconfirmedPages -= 1
    this.#confirmedState.confirm(record, walEnd)
    this.#checkpoint.confirmed(commit)
    commit.settle(undefined)
    this.advanceCheckpoint()
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
    const before = this.#failure
    if (before !== undefined && !failure.isLasting) return
    // Constraints may have failed before, on top of what is lost now.
    this.#failure = { error: before?.error ?? failure.error, isLasting: failure.isLasting }
    this.#scopes.abandon(0)
    if (this.#current !== undefined) this.#discard(failure.error)
    if (this.#failure.isLasting) this.#checkpoint.finish(failure.error)
    else this.#replanCheckpoint()
    if (before === undefined) this.#listener?.broke(failure.error)
  }

  #discard(error: Error): void {
    this.#overlay.undo(0)
    const commit = this.#endTransaction()
    try {
      if (this.#database?.db.isTransaction === true) this.#database.rollBack('ROLLBACK')
    } catch (cause) {
      // The disk again: nothing is written, and the reset opens the database anew.
      if (!isSqliteError(cause)) throw cause
      this.#failure = { error, isLasting: true }
    }
    this.#sqlPart.ended()
    commit.settle(error)
  }

  #askForQuiet(): void {
    if (this.#waitsForQuiet) return
    this.#waitsForQuiet = true
    this.#listener?.whenQuiet(() => {
      this.#waitsForQuiet = false
      this.advanceCheckpoint()
    })
  }

  #truncateWal(): boolean {
    const database = this.#database
    if (database === undefined) return true
    const moves = !database.wal.isEmpty
    if (!database.truncateWal()) return false
    if (moves) this.#options.onFileChanged?.()
    return true
  }

  #emptyWal(): boolean {
    if (this.#database === undefined) return true
    try {
      if (!this.#truncateWal()) return false
    } catch (error) {
      // What SQLite has done to the -wal is not known, and with it where the next commit will be.
      this.#break({ error: asError(error), isLasting: true })
      return false
    }
    this.#confirmedState.walEnd = 0
    return true
  }

  #closeReads(reason: Error): void {
    this.#kv.endIteration(reason)
    this.#database?.closeReads(reason)
  }

  #requireUsable(): void {
    if (this.#failure !== undefined) throw this.#failure.error
  }

  #end(): void {
    this.#state = 'closed'
    this.#closeDatabase()
    // Nothing of this file is durable: it does not exist for the log, and must not stand for the object.
    if (this.#isFileNew && !this.#confirmedState.hasFile) rmSync(this.path, { force: true })
  }

  #closeDatabase(): void {
    this.#options.openDatabases?.closed(this)
    this.#database?.close()
    this.#database = undefined
  }
}
