import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import type { ObjectStore, StoreTransaction } from '../../src/storage/index.ts'
import { Bench, keysOf, readRow, replay } from './store-bench.ts'

// Random programs against a plain map: whatever happens, the records that were confirmed, replayed
// into an empty file, give exactly what the store had when it made the last of them, and a store
// that lost its log is back there after a reset.

type Contents = Map<string, number>

class Program {
  readonly #bench = new Bench()
  #now: Contents = new Map()
  #atTurnStart: Contents = new Map()
  #open: { transaction: StoreTransaction; before: Contents }[] = []
  // What the store held at each commit that may have made a record, oldest first.
  readonly #history: Contents[] = [new Map()]

  step(kind: string, key: string, value: number): void {
    const { store, log } = this.#bench
    if (kind === 'put') {
      store.kvPut(key, value)
      this.#now.set(key, value)
    } else if (kind === 'big') {
      // Several pages, so that commits differ in size and overflow pages come and go.
      store.kvPut(
        key,
        Array.from({ length: 3000 }, () => value),
      )
      this.#now.set(key, value)
    } else if (kind === 'sql') {
      store.sql.exec(`CREATE TABLE IF NOT EXISTS t_${key} (x); INSERT INTO t_${key} VALUES (1)`, [])
      this.#now.set(`t_${key}`, (this.#now.get(`t_${key}`) ?? 0) + 1)
    } else if (kind === 'delete') assert.equal(store.kvDelete(key), this.#now.delete(key))
    else if (kind === 'end') this.#endTurn()
    else if (kind === 'abort' && this.#open.length === 0) {
      store.turnAborted()
      this.#now = new Map(this.#atTurnStart)
    } else if (kind === 'begin') {
      this.#endTurn()
      this.#mark()
      this.#open.push({ transaction: store.begin(), before: new Map(this.#now) })
    } else if (kind === 'commit') {
      this.#open.pop()?.transaction.commit()
      this.#endTurn()
      this.#mark()
    } else if (kind === 'rollback') {
      const top = this.#open.pop()
      top?.transaction.rollback()
      if (top !== undefined) this.#now = top.before
      this.#endTurn()
    } else if (kind === 'flush') {
      this.#endTurn()
      this.#mark()
      log.flush()
    } else if (kind === 'confirm') log.confirmNext()
    else if (kind === 'checkpoint') {
      this.#endTurn()
      this.#mark()
      this.#bench.checkpoint()
    } else if (kind === 'reopen') this.#reopen()
    else if (kind === 'reset') this.#reset()
    assert.deepEqual(contentsOf(this.#bench.store), this.#now)
  }

  /** The replayed records are a state that the store was in at a commit. */
  check(): void {
    const replayed = this.#replayed()
    assert.ok(
      this.#history.some((contents) => isEqual(contents, replayed)),
      'the records give a state that never was',
    )
    while (this.#open.length > 0) this.step('commit', 'k', 0)
    this.step('flush', 'k', 0)
    while (this.#bench.log.confirmNext());
    assert.deepEqual(this.#replayed(), this.#now)
    // Of very many programs none may leave a file open.
    this.#bench.store.setListener(undefined)
    this.#bench.store.close()
    rmSync(dirname(this.#bench.path), { recursive: true })
  }

  // As when an object leaves memory and comes back.
  #reopen(): void {
    const { store } = this.#bench
    this.#endTurn()
    if (store.hasUnconfirmed) return
    store.setListener(undefined)
    this.#bench.open(store.close())
  }

  #endTurn(): void {
    this.#bench.store.turnEnded()
    this.#atTurnStart = new Map(this.#now)
  }

  #mark(): void {
    if (this.#open.length === 0) this.#history.push(new Map(this.#now))
  }

  #reset(): void {
    const { store, log } = this.#bench
    this.#endTurn()
    while (this.#open.length > 0) this.#open.pop()?.transaction.rollback()
    log.flush()
    if (!log.failNext(new Error('disk'))) {
      this.#now = this.#replayed()
    } else {
      while (log.failNext(new Error('disk')));
      this.#bench.open(store.reset())
      this.#now = this.#replayed()
    }
    this.#endTurn()
    this.#mark()
  }

  #replayed(): Contents {
    const { confirmedRecords } = this.#bench.log
    if (confirmedRecords.length === 0) return new Map()
    const db = replay(confirmedRecords)
    assert.equal(db.prepare('PRAGMA integrity_check').get()?.['integrity_check'], 'ok')
    const contents: Contents = new Map()
    for (const [key, value] of keysOf(db)) contents.set(key, first(value))
    const tables = db.prepare("SELECT name FROM sqlite_schema WHERE name LIKE 't\\__' ESCAPE '\\'")
    for (const { name } of tables.all() as { name: string }[]) {
      contents.set(name, Number(db.prepare(`SELECT count(*) AS n FROM ${name}`).get()?.['n']))
    }
    db.close()
    return contents
  }
}

function contentsOf(store: ObjectStore): Contents {
  const contents: Contents = new Map()
  for (const [key, value] of store.kvList({})) contents.set(key, first(value))
  for (const key of ['k', 'l']) {
    const sql = `SELECT count(*) FROM sqlite_schema WHERE name = 't_${key}'`
    if (readRow(store, sql)[0] !== 1) continue
    contents.set(`t_${key}`, Number(readRow(store, `SELECT count(*) FROM t_${key}`)[0]))
  }
  return contents
}

function first(value: unknown): number {
  return Array.isArray(value) ? Number(value[0]) : Number(value)
}

function isEqual(a: Contents, b: Contents): boolean {
  return a.size === b.size && [...a].every(([key, value]) => b.get(key) === value)
}

const kinds = [
  ...['put', 'put', 'big', 'sql', 'delete', 'end', 'end', 'abort', 'begin', 'commit', 'commit'],
  ...['rollback', 'flush', 'flush', 'confirm', 'confirm', 'checkpoint', 'reopen', 'reset'],
]
const steps = fc.array(fc.tuple(fc.constantFrom(...kinds), fc.constantFrom('k', 'l'), fc.nat(9)), {
  minLength: 1,
  maxLength: 30,
})

test('[ST1] [ST2] [ST5] [ST6] [ST9] random programs: the confirmed records are the confirmed state', () => {
  const seed = Number(process.env['SLUICE_SEED'] ?? 20261123)
  const numRuns = Number(process.env['SLUICE_RUNS'] ?? 150)
  fc.assert(
    fc.property(steps, (program) => {
      const run = new Program()
      for (const [kind, key, value] of program) run.step(kind, key, value)
      run.check()
    }),
    { seed, numRuns },
  )
})
