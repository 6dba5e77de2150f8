// The gates against slow, obvious models, over random programs. A model is also run with deliberate
// mistakes in it: each must be found, or this test could not fail.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { CriticalSection, InputGate, type InputLock, OutputGate, type OutputHold } from './index.ts'

const seed = Number(process.env['SLUICE_SEED'] ?? 20261123)
const numRuns = Number(process.env['SLUICE_RUNS'] ?? 3000)

interface Step {
  readonly kind: string
  readonly pick: number
}

const inputKinds = [
  'wait',
  'wait',
  'release',
  'release',
  'addRef',
  'section',
  'succeed',
  'fail',
  'break',
]
const outputKinds = ['wait', 'wait', 'hold', 'release', 'release', 'fail', 'break']

function programs(kinds: readonly string[]): fc.Arbitrary<Step[]> {
  const step = fc.record({ kind: fc.constantFrom(...kinds), pick: fc.nat(1000) })
  return fc.array(step, { minLength: 1, maxLength: 40 })
}

type InputMistake = 'events before sections' | 'two at once' | 'sections let events in' | undefined

/** One gate of the model: plain lists, searched from the start each time. */
interface ModelGate {
  readonly parent: ModelGate | undefined
  state: 'not-started' | 'initial-wait' | 'running' | 'finished' | 'root'
  /** Names of who holds a reference; a name stands once for each. */
  holders: string[]
  waiters: string[]
  children: { name: string; section: ModelGate }[]
  broken: string | undefined
}

class InputModel {
  readonly journal: string[] = []
  readonly #mistake: InputMistake
  readonly root: ModelGate = newGate(undefined, 'root')

  constructor(mistake: InputMistake) {
    this.#mistake = mistake
  }

  section(parent: ModelGate): ModelGate {
    return newGate(parent, 'not-started')
  }

  live(gate: ModelGate): ModelGate {
    return gate.state === 'finished' && gate.parent !== undefined ? this.live(gate.parent) : gate
  }

  wait(at: ModelGate, name: string): void {
    const gate = this.live(at)
    if (gate.broken !== undefined) this.journal.push(`${name}!${gate.broken}`)
    else if (gate.state === 'not-started' && gate.parent !== undefined) {
      gate.state = 'initial-wait'
      gate.holders.push(name)
      const above = this.live(gate.parent)
      if (above.broken !== undefined) {
        this.journal.push(`${name}!${above.broken}`)
        this.break(gate, above.broken)
      } else {
        above.children.push({ name, section: gate })
        this.serve(above)
      }
    } else {
      gate.waiters.push(name)
      this.serve(gate)
    }
  }

  serve(gate: ModelGate): void {
    const isFree = gate.holders.length === 0 && gate.broken === undefined
    if (!isFree) return
    const takesChild = this.#mistake === 'events before sections' ? gate.waiters.length === 0 : true
    const child = takesChild ? gate.children.shift() : undefined
    if (child !== undefined) {
      if (this.#mistake !== 'sections let events in') gate.holders.push(`section of ${child.name}`)
      child.section.state = 'running'
      this.journal.push(child.name)
      return
    }
    for (let n = this.#mistake === 'two at once' ? 2 : 1; n > 0; n -= 1) {
      const next = gate.waiters.shift()
      if (next === undefined) return
      gate.holders.push(next)
      this.journal.push(next)
    }
  }

  release(from: ModelGate, name: string): void {
    const gate = this.live(from)
    gate.holders.splice(gate.holders.indexOf(name), 1)
    this.serve(gate)
  }

  addRef(from: ModelGate, name: string): void {
    this.live(from).holders.push(name)
  }

  /** The caller gets the lock of the gate above, under the name that this returns. */
  succeed(section: ModelGate, first: string): string {
    section.state = 'finished'
    const above = this.live(section)
    above.holders.push(...section.holders)
    above.children.push(...section.children)
    above.waiters.push(...section.waiters)
    if (above.broken !== undefined) this.reject(above, above.broken)
    return `section of ${first}`
  }

  fail(section: ModelGate, error: string): void {
    for (let gate: ModelGate | undefined = section; gate !== undefined; gate = gate.parent) {
      this.break(gate, error)
    }
  }

  break(gate: ModelGate, error: string): void {
    if (gate.broken !== undefined) return
    gate.broken = error
    this.reject(gate, error)
  }

  reject(gate: ModelGate, error: string): void {
    for (const { name, section } of gate.children.splice(0)) {
      this.journal.push(`${name}!${error}`)
      this.break(section, error)
    }
    for (const name of gate.waiters.splice(0)) this.journal.push(`${name}!${error}`)
  }
}

function newGate(parent: ModelGate | undefined, state: ModelGate['state']): ModelGate {
  return { parent, state, holders: [], waiters: [], children: [], broken: undefined }
}

/** Runs a program on both. @throws when they differ */
function runInput(program: readonly Step[], mistake: InputMistake): void {
  const journal: string[] = []
  const model = new InputModel(mistake)
  const gates: { real: InputGate; model: ModelGate; first: string }[] = [
    { real: new InputGate(), model: model.root, first: '' },
  ]
  // Locks that are held, each with the gate at which it was taken.
  const locks: { real: InputLock; name: string; gate: ModelGate }[] = []
  let count = 0
  const pickFrom = <T>(from: readonly T[], pick: number): T | undefined => from[pick % from.length]

  for (const { kind, pick } of program) {
    const gate = pickFrom(gates, pick)
    assert.ok(gate !== undefined)
    const isRunning = gate.real instanceof CriticalSection && gate.real.state === 'running'
    const lock = pickFrom(locks, pick)
    switch (kind) {
      case 'wait': {
        const name = `w${(count += 1)}`
        if (gate.real instanceof CriticalSection && gate.real.state === 'not-started')
          gate.first = name
        gate.real.wait({
          granted: (real) => {
            journal.push(name)
            locks.push({ real, name, gate: gate.model })
          },
          rejected: (error) => journal.push(`${name}!${String(error)}`),
        })
        model.wait(gate.model, name)
        break
      }
      case 'release':
        if (lock === undefined) break
        locks.splice(locks.indexOf(lock), 1)
        lock.real.release()
        model.release(lock.gate, lock.name)
        break
      case 'addRef':
        if (lock === undefined) break
        locks.push({ ...lock, real: lock.real.addRef() })
        model.addRef(lock.gate, lock.name)
        break
      case 'section':
        gates.push({
          real: gate.real.startCriticalSection(),
          model: model.section(gate.model),
          first: '',
        })
        break
      case 'succeed':
        if (!isRunning || gate.model.broken !== undefined) break
        locks.push({
          real: (gate.real as CriticalSection).succeeded(),
          name: model.succeed(gate.model, gate.first),
          gate: gate.model,
        })
        break
      case 'fail':
        if (!isRunning) break
        ;(gate.real as CriticalSection).failed(`e${(count += 1)}`)
        model.fail(gate.model, `e${count}`)
        break
      case 'break':
        // Rarely, or programs would be over too soon.
        if (pick % 10 !== 0) break
        gates[0]?.real.break(`b${(count += 1)}`)
        model.break(model.root, `b${count}`)
    }
    assert.deepEqual(journal, model.journal)
    assert.equal(gates[0]?.real.isLocked, model.root.holders.length > 0)
  }
}

type OutputMistake = 'holds of the release' | 'last in, first out' | 'failure forgotten' | undefined

class OutputModel {
  readonly journal: string[] = []
  readonly #mistake: OutputMistake
  held: number[] = []
  waiting: { name: string; holds: number[] }[] = []
  broken: string | undefined

  constructor(mistake: OutputMistake) {
    this.#mistake = mistake
  }

  wait(name: string): void {
    if (this.broken !== undefined) this.journal.push(`${name}!${this.broken}`)
    else this.waiting.push({ name, holds: [...this.held] })
    this.serve()
  }

  release(hold: number): void {
    this.held = this.held.filter((held) => held !== hold)
    this.serve()
  }

  break(error: string): void {
    if (this.broken !== undefined) return
    if (this.#mistake !== 'failure forgotten') this.broken = error
    for (const { name } of this.waiting.splice(0)) this.journal.push(`${name}!${error}`)
  }

  serve(): void {
    for (;;) {
      const isReversed = this.#mistake === 'last in, first out'
      const next = isReversed ? this.waiting.at(-1) : this.waiting[0]
      if (next === undefined) return
      const holds = this.#mistake === 'holds of the release' ? this.held : next.holds
      if (holds.some((hold) => this.held.includes(hold))) return
      this.waiting.splice(this.waiting.indexOf(next), 1)
      this.journal.push(next.name)
    }
  }
}

function runOutput(program: readonly Step[], mistake: OutputMistake): void {
  const journal: string[] = []
  const real = new OutputGate()
  const model = new OutputModel(mistake)
  const holds: { real: OutputHold; number: number }[] = []
  let count = 0
  for (const { kind, pick } of program) {
    count += 1
    const name = `m${count}`
    const hold = holds[pick % Math.max(1, holds.length)]
    if (kind === 'wait') {
      real.wait({
        released: () => journal.push(name),
        dropped: (error) => journal.push(`${name}!${String(error)}`),
      })
      model.wait(name)
    } else if (kind === 'hold') {
      holds.push({ real: real.hold(), number: count })
      model.held.push(count)
    } else if (kind === 'break' || kind === 'fail') {
      if (pick % 5 !== 0) continue
      if (kind === 'break') real.break(name)
      else if (hold === undefined) continue
      else {
        holds.splice(holds.indexOf(hold), 1)
        hold.real.fail(name)
      }
      model.break(name)
    } else if (hold !== undefined) {
      holds.splice(holds.indexOf(hold), 1)
      hold.real.release()
      model.release(hold.number)
    }
    assert.deepEqual(journal, model.journal)
  }
}

function check(kinds: readonly string[], run: (program: readonly Step[]) => void): void {
  fc.assert(
    fc.property(programs(kinds), (program) => run(program)),
    { seed, numRuns },
  )
}

test('[IG1] [IG2] [IG3] [IG4] [IG5] the input gate does what its model does', () => {
  check(inputKinds, (program) => runInput(program, undefined))
})

test('[OG1] [OG2] [OG3] [OG4] the output gate does what its model does', () => {
  check(outputKinds, (program) => runOutput(program, undefined))
})

const inputMistakes: InputMistake[] = [
  'events before sections',
  'two at once',
  'sections let events in',
]
for (const mistake of inputMistakes) {
  test(`the input model finds the mistake: ${mistake}`, () => {
    assert.throws(() => check(inputKinds, (program) => runInput(program, mistake)))
  })
}

const outputMistakes: OutputMistake[] = [
  'holds of the release',
  'last in, first out',
  'failure forgotten',
]
for (const mistake of outputMistakes) {
  test(`the output model finds the mistake: ${mistake}`, () => {
    assert.throws(() => check(outputKinds, (program) => runOutput(program, mistake)))
  })
}
