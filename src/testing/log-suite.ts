import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { CommitLog, CommitRecord, CommitSource, PendingCommit } from '../base/index.ts'

/** One log, empty and open, and what the suite has to do to its surroundings. */
export interface LogUnderTest {
  readonly log: CommitLog
  /** From the next batch on, the world refuses to make anything durable, until it is asked again. */
  refuse(isRefused: boolean): void
  /**
   * For logs that can recover: the records that recovery would give back after a crash now, in any
   * order of objects, each object's in order. A log may give the last state of an object instead of
   * its records; then one record per object stands for it.
   */
  recover?(): readonly CommitRecord[] | Promise<readonly CommitRecord[]>
  /** How long an answer may take before the suite gives the log up; 10,000. */
  readonly answerMs?: number
  /** Called at the end of each test; the log may be closed or not. */
  dispose(): void | Promise<void>
}

/**
 * Registers tests for an implementation of {@link CommitLog} with `node:test`. Rules:
 * docs/spec/commit-log.md, "The port".
 *
 * @param name of the implementation, for the titles
 * @param open makes a log of its own for each test
 * @example
 * ```ts
 * testCommitLog('my log', () => ({ log: new MyLog(), refuse: () => …, dispose: () => … }))
 * ```
 */
export function testCommitLog(
  name: string,
  open: () => LogUnderTest | Promise<LogUnderTest>,
): void {
  const each = async (act: (world: World) => Promise<void>): Promise<void> => {
    const world = new World(await open())
    try {
      await act(world)
      world.requireQuiet()
    } finally {
      await world.under.dispose()
    }
  }

  test(`[CL10] ${name}: enlisting takes nothing; a batch takes each source once`, () =>
    each(async (world) => {
      const [a, b] = [world.source('a'), world.source('b')]
      a.write()
      a.write()
      b.write()
      a.write()
      world.requireNoTakes()
      await world.whenAnswered()
      assert.deepEqual(world.events, ['take a', 'take b', 'a1', 'a2', 'a3', 'b1'])
    }))

  test(`[CL10] ${name}: a source without commits, or one that breaks, costs nobody anything`, () =>
    each(async (world) => {
      world.log.enlist({ takeCommits: () => [] })
      world.log.flush()
      const a = world.source('a')
      world.log.enlist({ takeCommits: () => [] })
      a.write()
      await world.whenAnswered()
      assert.deepEqual(world.events, ['take a', 'a1'])
    }))

  test(`[CL10] ${name}: what enlists while it is taken from, or is answered, gets a later batch`, () =>
    each(async (world) => {
      const a = world.source('a')
      const b = world.source('b')
      let isSameBatch = false
      a.onTake = () => {
        b.write()
        isSameBatch = true
        queueMicrotask(() => {
          isSameBatch = false
        })
      }
      b.onTake = () => assert.ok(!isSameBatch)
      a.onAnswer = () => a.write()
      a.write()
      await world.whenAnswered()
      assert.deepEqual(world.events.toSorted(), ['a1', 'a2', 'b1', 'take a', 'take a', 'take b'])
    }))

  test(`[CL11] ${name}: every commit is answered once, in order, from outside of every call`, () =>
    each(async (world) => {
      const sources = ['a', 'b', 'c'].map((key) => world.source(key))
      for (let round = 0; round < 20; round += 1) {
        for (const source of sources.slice(round % 3)) source.write()
        world.log.flush()
        if (round % 4 === 0) await world.whenAnswered()
      }
      await world.whenAnswered()
      for (const { object, written } of sources) {
        const answers = world.answers.filter((answer) => answer.startsWith(object))
        assert.deepEqual(answers, numbersTo(written, object))
      }
      assert.deepEqual(world.answers, world.taken)
    }))

  test(`[CL12] ${name}: while a batch is under way the next gathers, and is formed by itself`, () =>
    each(async (world) => {
      const [a, b, c] = [world.source('a'), world.source('b'), world.source('c')]
      a.write()
      world.log.flush()
      b.write()
      world.log.flush()
      a.write()
      c.write()
      b.write()
      world.log.flush()
      assert.deepEqual(world.events, ['take a'])
      await world.whenAnswered({ flush: false })
      assert.deepEqual(world.takes(), ['take a', 'take b', 'take a', 'take c'])
      assert.deepEqual(world.answers, ['a1', 'b1', 'b2', 'a2', 'c1'])
    }))

  test(`[CL13] ${name}: a refused batch fails all of its commits, and no other`, () =>
    each(async (world) => {
      const [a, b, c] = [world.source('a'), world.source('b'), world.source('c')]
      a.write()
      await world.whenAnswered()
      world.under.refuse(true)
      a.write()
      a.write()
      b.write()
      await world.whenAnswered()
      // Again: a log that found its disk full stays usable.
      b.write()
      await world.whenAnswered()
      world.under.refuse(false)
      c.write()
      b.write()
      await world.whenAnswered()
      assert.deepEqual(world.answers, ['a1', 'a2!', 'a3!', 'b1!', 'b2!', 'c1', 'b3'])
      for (const error of world.errors) {
        assert.ok(error instanceof Error && error.message !== '', 'it says what happened')
      }
    }))

  test(`[CL14] ${name}: close answers everything that was enlisted`, () =>
    each(async (world) => {
      const [a, b] = [world.source('a'), world.source('b')]
      a.write()
      world.log.flush()
      a.write()
      b.write()
      await world.log.close()
      assert.deepEqual(world.answers, ['a1', 'a2', 'b1'])
    }))

  test(`[CL14] ${name}: close answers what the world refuses, too; closing again does nothing`, () =>
    each(async (world) => {
      const a = world.source('a')
      world.under.refuse(true)
      a.write()
      world.log.flush()
      a.write()
      await Promise.all([world.log.close(), world.log.close()])
      assert.deepEqual(world.answers, ['a1!', 'a2!'])
      await world.log.close()
    }))

  test(`[CL14] ${name}: what comes after the close is failed`, () =>
    each(async (world) => {
      const a = world.source('a')
      a.write()
      await world.log.close()
      a.write()
      a.write()
      await world.whenAnswered()
      assert.deepEqual(world.answers, ['a1', 'a2!', 'a3!'])
    }))

  test(`[CL15] ${name}: recovery gives back what was confirmed, and nothing refused`, async (context) => {
    await each(async (world) => {
      const { under } = world
      if (under.recover === undefined) {
        context.skip('this log cannot recover')
        return
      }
      assert.deepEqual(await under.recover(), [])
      const [a, b, c] = [world.source('a'), world.source('b'), world.source('c')]
      for (let round = 0; round < 3; round += 1) {
        a.write()
        b.write()
        await world.whenAnswered()
      }
      under.refuse(true)
      b.write()
      c.write()
      await world.whenAnswered()
      under.refuse(false)
      a.write()
      await world.whenAnswered()
      const recovered = await under.recover()
      for (const source of [a, b, c]) {
        const last = recovered.findLast(({ object }) => object === source.object)
        assert.deepEqual(last?.sequence, source.confirmed.at(-1)?.sequence)
        // Every state that recovery gives is one that was confirmed.
        for (const record of recovered.filter(({ object }) => object === source.object)) {
          const original = source.confirmed.find(({ sequence }) => sequence === record.sequence)
          assert.deepEqual(plain(record), plain(original))
        }
      }
    })
  })
}

/** What happened to one log, in order. */
class World {
  readonly under: LogUnderTest
  /** `take a`: the log took the commits of a; `a1`, `a1!`: a's first commit was confirmed, failed. */
  readonly events: string[] = []
  readonly taken: string[] = []
  readonly errors: unknown[] = []
  #isInCall = false
  #unanswered = 0

  constructor(under: LogUnderTest) {
    this.under = under
  }

  /** The log, watched: it must not answer, nor take anything at `enlist`, from inside of a call. */
  get log(): CommitLog {
    const { log } = this.under
    return {
      enlist: (source) => {
        const before = this.takes().length
        this.#inCall(() => log.enlist(source))
        assert.equal(this.takes().length, before, 'commits were taken inside enlist')
      },
      flush: () => this.#inCall(() => log.flush()),
      close: () => log.close(),
    }
  }

  get answers(): string[] {
    return this.events.filter((event) => !event.startsWith('take'))
  }

  takes(): string[] {
    return this.events.filter((event) => event.startsWith('take'))
  }

  source(object: string): Source {
    return new Source(object, this)
  }

  written(): void {
    this.#unanswered += 1
  }

  took(source: Source, commits: readonly PendingCommit[]): void {
    this.events.push(`take ${source.object}`)
    this.taken.push(...commits.map(({ record }) => record.object + record.sequence))
  }

  answered(name: string, error?: Error): void {
    assert.ok(!this.#isInCall, 'a commit is answered from inside a call to the log')
    this.events.push(error === undefined ? name : `${name}!`)
    if (error !== undefined) this.errors.push(error)
    this.#unanswered -= 1
  }

  requireNoTakes(): void {
    assert.deepEqual(this.takes(), [])
  }

  /** Plays the turn loop: it says again and again that it is done for now. */
  async whenAnswered({ flush = true } = {}): Promise<void> {
    const deadlineMs = performance.now() + (this.under.answerMs ?? 10_000)
    while (this.#unanswered > 0) {
      assert.ok(performance.now() < deadlineMs, 'commits are without an answer')
      if (flush) this.log.flush()
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
  }

  requireQuiet(): void {
    assert.equal(this.#unanswered, 0, 'commits are without an answer')
    const answered = this.answers.map((answer) => answer.replace('!', ''))
    assert.equal(new Set(answered).size, answered.length, 'a commit was answered twice')
  }

  #inCall(act: () => void): void {
    // A call inside another one (a source that enlists while it is taken from) is still inside.
    const wasInCall = this.#isInCall
    this.#isInCall = true
    try {
      act()
    } finally {
      this.#isInCall = wasInCall
    }
  }
}

/** An object with one page and one key, whose commits are numbered. */
class Source implements CommitSource {
  readonly object: string
  readonly confirmed: CommitRecord[] = []
  onTake: (() => void) | undefined
  onAnswer: (() => void) | undefined
  readonly #world: World
  #ready: PendingCommit[] = []
  #sequence = 0

  constructor(object: string, world: World) {
    this.object = object
    this.#world = world
  }

  get written(): number {
    return this.#sequence
  }

  write(): void {
    this.#sequence += 1
    const record = recordOf(this.object, this.#sequence)
    const name = this.object + record.sequence
    this.#world.written()
    this.#ready.push({
      record,
      confirmed: () => {
        this.confirmed.push(record)
        this.#answered(name)
      },
      failed: (error) => this.#answered(name, error),
    })
    this.#world.log.enlist(this)
  }

  takeCommits(): readonly PendingCommit[] {
    const commits = this.#ready.splice(0)
    this.#world.took(this, commits)
    const { onTake } = this
    this.onTake = undefined
    onTake?.()
    return commits
  }

  #answered(name: string, error?: Error): void {
    this.#world.answered(name, error)
    const { onAnswer } = this
    this.onAnswer = undefined
    onAnswer?.()
  }
}

function recordOf(object: string, sequence: number): CommitRecord {
  return {
    object,
    name: object,
    fence: 0,
    sequence,
    pageSize: 512,
    databasePages: 1,
    pages: [{ pageNumber: 1, bytes: new Uint8Array(512).fill(sequence) }],
    kv: [{ key: 'n', value: Uint8Array.of(sequence) }],
    kvApplied: false,
    alarmAt: sequence,
  }
}

function numbersTo(last: number, object: string): string[] {
  return Array.from({ length: last }, (_, i) => `${object}${i + 1}`)
}

function plain(record: CommitRecord | undefined): unknown {
  return {
    ...record,
    pages: record?.pages.map(({ pageNumber, bytes }) => [pageNumber, [...bytes]]),
    kv: record?.kv.map(({ key, value }) => [key, value === undefined ? undefined : [...value]]),
  }
}
