import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { setImmediate as immediate, setTimeout as delay } from 'node:timers/promises'
import {
  codeOwner,
  currentTurn,
  type Entry,
  type Outgoing,
  Owner,
  Pump,
  runAsHost,
} from './index.ts'

class TestOwner extends Owner {
  readonly label: string
  readonly journal: string[]
  readonly #pump: Pump

  constructor(pump: Pump, label: string, journal: string[]) {
    super()
    this.#pump = pump
    this.label = label
    this.journal = journal
  }

  entry(): Entry {
    const deliverLater = (run: () => void): void => this.post(run)
    return { deliver: deliverLater, deliverLater }
  }

  post(run: () => void): void {
    this.#pump.post(this, { release: () => this.journal.push(`${this.label} released`) }, run)
  }

  turnEnded(): void {
    this.journal.push(`${this.label} ended`)
  }

  uncaught(error: unknown): void {
    this.journal.push(`${this.label} uncaught ${(error as Error).message}`)
  }

  protected leave(message: Outgoing): void {
    message.released()
  }
}

function setUp(): { pump: Pump; journal: string[]; a: TestOwner; b: TestOwner } {
  const pump = new Pump()
  const journal: string[] = []
  return {
    pump,
    journal,
    a: new TestOwner(pump, 'a', journal),
    b: new TestOwner(pump, 'b', journal),
  }
}

test('[TN1] [TN3] turns run one at a time, in order, and never while posting', async () => {
  const { journal, a, b } = setUp()
  a.post(() => {
    assert.equal(currentTurn()?.owner, a)
    b.post(() => journal.push('b runs'))
    journal.push('a runs')
  })
  assert.deepEqual(journal, [])
  await immediate()
  assert.deepEqual(journal, ['a runs', 'a ended', 'a released', 'b runs', 'b ended', 'b released'])
  assert.equal(currentTurn(), undefined)
})

test('[TN2] a turn is over when nextTicks and microtasks are empty, however they alternate', async () => {
  const { journal, a, b } = setUp()
  a.post(() => {
    const again = async (n: number): Promise<void> => {
      await null
      process.nextTick(() => {
        queueMicrotask(() => {
          assert.equal(currentTurn()?.owner, a)
          if (n > 0) void again(n - 1)
          else journal.push('a is done')
        })
      })
    }
    void again(200)
  })
  b.post(() => journal.push('b runs'))
  await immediate()
  assert.deepEqual(journal.slice(0, 4), ['a is done', 'a ended', 'a released', 'b runs'])
})

test('[TN3] a turn keeps nothing of the async context of its poster', async () => {
  const { a, b, journal } = setUp()
  codeOwner.run(b, () => a.post(() => journal.push(codeOwner.getStore()?.label ?? 'none')))
  await immediate()
  assert.equal(journal[0], 'a')
})

test('[TN4] turns that post turns for ever let timers and I/O through', async () => {
  const { a } = setUp()
  let goesOn = true
  let turns = 0
  const again = (): void => {
    turns += 1
    if (goesOn) a.post(again)
  }
  a.post(again)
  await delay(20)
  // Still at it, and every loop lets the next immediate through.
  for (let loop = 0; loop < 3; loop += 1) {
    const before = turns
    await immediate()
    assert.ok(turns > before)
  }
  goesOn = false
  await immediate()
})

test('[TN5] an operation outside of its owner’s turns is counted as a stray, and reported once', async () => {
  const { a, b } = setUp()
  const reported: string[] = []
  class Watched extends TestOwner {
    protected override strayed(operation: string): void {
      reported.push(operation)
    }
  }
  const watched = new Watched(new Pump(), 'w', [])
  watched.countStray('first')
  watched.countStray('second')
  assert.equal(watched.strayCount, 2)
  assert.deepEqual(reported, ['first'])
  // B's continuation runs in A's turn when A settles a promise that B awaits.
  const shared = Promise.withResolvers<void>()
  const seen: [code: string | undefined, turn: string | undefined][] = []
  b.post(() => {
    void shared.promise.then(() =>
      seen.push([codeOwner.getStore()?.label, currentTurn()?.owner.label]),
    )
  })
  a.post(() => shared.resolve())
  await immediate()
  assert.deepEqual(seen, [['b', 'a']])
})

test('[TN6] what a turn throws is its owner’s, wherever it is thrown, and the pump goes on', async () => {
  const { journal, a, b } = setUp()
  a.post(() => {
    process.nextTick(() => {
      throw new Error('in nextTick')
    })
    throw new Error('in turn')
  })
  b.post(() => journal.push('b runs'))
  await immediate()
  assert.deepEqual(journal, [
    ...['a uncaught in turn', 'a uncaught in nextTick', 'a ended', 'a released'],
    ...['b runs', 'b ended', 'b released'],
  ])
})

test('[TN7] host code that a turn asks for runs after it, in order, in no owner’s name', async () => {
  const { journal, a, b } = setUp()
  const host = (text: string): void =>
    runAsHost(async () => {
      journal.push(`${text} ${currentTurn()?.owner.label} ${codeOwner.getStore()?.label}`)
      await null
      journal.push(`${text} later ${currentTurn()?.owner.label} ${codeOwner.getStore()?.label}`)
    })
  a.post(() => {
    host('one')
    host('two')
    journal.push('a runs')
  })
  b.post(() => journal.push('b runs'))
  await immediate()
  const none = 'undefined undefined'
  assert.deepEqual(journal.slice(0, 8), [
    ...['a runs', 'a ended', 'a released', `one ${none}`, `two ${none}`],
    ...[`one later ${none}`, `two later ${none}`, 'b runs'],
  ])
})

test('[TN7] a defect in host code is the process’s to report, and stops no other', () => {
  const program = `
    import { runAsHost } from ${JSON.stringify(new URL('./index.ts', import.meta.url).href)}
    process.on('uncaughtException', ({ message }) => console.log('uncaught', message))
    runAsHost(() => { throw new Error('defect') })
    runAsHost(() => console.log('next'))
  `
  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
    encoding: 'utf8',
  })
  assert.equal(stdout, 'next\nuncaught defect\n')
})
