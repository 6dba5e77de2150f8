import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type CriticalSection, InputGate, type InputLock, OutputGate } from './index.ts'

/** Records what happens to waiters, by name, and keeps the locks they got. */
class Journal {
  readonly events: string[] = []
  readonly locks = new Map<string, InputLock>()

  enter(gate: InputGate, name: string): void {
    gate.wait({
      granted: (lock) => {
        this.events.push(name)
        this.locks.set(name, lock)
      },
      rejected: (error) => this.events.push(`${name}!${String(error)}`),
    })
  }

  release(name: string): void {
    const lock = this.locks.get(name)
    assert.ok(lock !== undefined, `${name} has no lock`)
    this.locks.delete(name)
    lock.release()
  }

  leave(gate: OutputGate, name: string): void {
    gate.wait({
      released: () => this.events.push(name),
      dropped: (error) => this.events.push(`${name}!${String(error)}`),
    })
  }

  take(): string[] {
    return this.events.splice(0)
  }
}

test('[IG1] a free gate grants before wait returns', () => {
  const gate = new InputGate()
  const journal = new Journal()
  journal.enter(gate, 'a')
  assert.deepEqual(journal.take(), ['a'])
  assert.ok(gate.isLocked)
})

test('[IG2] a gate stays locked until the last reference is released', () => {
  const gate = new InputGate()
  const journal = new Journal()
  journal.enter(gate, 'a')
  const second = journal.locks.get('a')?.addRef()
  journal.enter(gate, 'b')
  journal.release('a')
  assert.ok(gate.isLocked)
  assert.deepEqual(journal.take(), ['a'])
  second?.release()
  assert.deepEqual(journal.take(), ['b'])
  assert.throws(() => second?.release(), /released twice/)
  assert.throws(() => second?.addRef(), /after its release/)
})

test('[IG3] a release lets exactly one waiter in, who owns the lock at once', () => {
  const gate = new InputGate()
  const journal = new Journal()
  journal.enter(gate, 'a')
  gate.wait({
    granted: (lock) => {
      journal.events.push('b')
      journal.locks.set('b', lock)
      // Somebody who asks at this very moment cannot steal the gate.
      journal.enter(gate, 'thief')
    },
    rejected: assert.fail,
  })
  journal.enter(gate, 'c')
  journal.release('a')
  assert.deepEqual(journal.take(), ['a', 'b'])
  journal.release('b')
  journal.release('c')
  assert.deepEqual(journal.take(), ['c', 'thief'])
})

test('[IG4] a section that waits to start goes before earlier events', () => {
  const gate = new InputGate()
  const journal = new Journal()
  journal.enter(gate, 'a')
  journal.enter(gate, 'event')
  journal.enter(gate.startCriticalSection(), 'section')
  journal.release('a')
  assert.deepEqual(journal.take(), ['a', 'section'])
})

test('[IG5] a broken gate rejects all, in order, now and later, and tells its owner once', () => {
  const broken: unknown[] = []
  const gate = new InputGate({ broken: (error) => broken.push(error) })
  const journal = new Journal()
  journal.enter(gate, 'a')
  journal.enter(gate, 'b')
  journal.enter(gate, 'c')
  gate.break('x')
  gate.break('y')
  journal.enter(gate, 'd')
  journal.enter(gate.startCriticalSection(), 's')
  assert.deepEqual(journal.take(), ['a', 'b!x', 'c!x', 'd!x', 's!x'])
  assert.deepEqual(broken, ['x'])
  journal.release('a')
  assert.deepEqual(journal.take(), [])
})

test('[CS1] a section locks nothing before its first wait, and then the gate around it', () => {
  const gate = new InputGate()
  const journal = new Journal()
  const section = gate.startCriticalSection()
  assert.ok(!gate.isLocked)
  journal.enter(section, 'inside')
  assert.ok(gate.isLocked)
  journal.release('inside')
  journal.enter(gate, 'event')
  assert.deepEqual(journal.take(), ['inside'])
  section.succeeded().release()
  assert.deepEqual(journal.take(), ['event'])
})

test('[CS2] a critical section delays events that it did not start', () => {
  const gate = new InputGate()
  const journal = new Journal()
  const section = gate.startCriticalSection()
  journal.enter(section, 'start')
  journal.enter(gate, 'event')
  journal.enter(section, 'timer')
  journal.enter(section, 'fetch')
  journal.release('start')
  journal.release('timer')
  assert.deepEqual(journal.take(), ['start', 'timer', 'fetch'])
})

test('[CS2] who waits inside before the section has started comes after its start', () => {
  const gate = new InputGate()
  const journal = new Journal()
  journal.enter(gate, 'a')
  const section = gate.startCriticalSection()
  journal.enter(section, 'start')
  journal.enter(section, 'inside')
  assert.equal(section.state, 'initial-wait')
  journal.release('a')
  assert.deepEqual(journal.take(), ['a', 'start'])
  journal.release('start')
  assert.deepEqual(journal.take(), ['inside'])
})

test('[CS3] the code behind a section runs before any queued event', () => {
  const gate = new InputGate()
  const journal = new Journal()
  const section = gate.startCriticalSection()
  journal.enter(section, 'start')
  journal.enter(gate, 'event')
  const parentLock = section.succeeded()
  journal.release('start')
  assert.deepEqual(journal.take(), ['start'])
  assert.equal(parentLock.gate, gate)
  parentLock.release()
  assert.deepEqual(journal.take(), ['event'])
})

test('[CS4] waiters, locks and late comers of a finished section belong to the gate around it', () => {
  const gate = new InputGate()
  const journal = new Journal()
  const section = gate.startCriticalSection()
  journal.enter(section, 'start')
  journal.enter(section, 'straggler')
  journal.enter(gate, 'event')
  section.succeeded().release()
  journal.enter(section, 'late')
  assert.equal(journal.locks.get('start')?.gate, gate)
  assert.ok(gate.isLocked, 'the lock that is still held counts above')
  journal.release('start')
  journal.release('event')
  journal.release('straggler')
  assert.deepEqual(journal.take(), ['start', 'event', 'straggler', 'late'])
})

test('[CS5] a failing section rejects everybody up to the root', () => {
  const broken: unknown[] = []
  const root = new InputGate({ broken: (error) => broken.push(error) })
  const journal = new Journal()
  const outer = root.startCriticalSection()
  journal.enter(outer, 'outer')
  const inner = outer.startCriticalSection()
  journal.enter(inner, 'inner')
  journal.enter(outer, 'w-outer')
  journal.enter(root, 'w-root')
  journal.release('outer')
  journal.enter(inner, 'w-inner')
  inner.failed('boom')
  assert.deepEqual(journal.take(), [
    'outer',
    'inner',
    'w-inner!boom',
    'w-outer!boom',
    'w-root!boom',
  ])
  assert.deepEqual(broken, ['boom'])
  journal.enter(root, 'later')
  assert.deepEqual(journal.take(), ['later!boom'])
})

test('[CS6] sections started together run one after another', () => {
  const gate = new InputGate()
  const journal = new Journal()
  journal.enter(gate, 'a')
  const sections = ['s1', 's2', 's3'].map((name) => {
    const section = gate.startCriticalSection()
    journal.enter(section, name)
    return section
  })
  journal.release('a')
  for (const [i, section] of sections.entries()) {
    assert.equal(section.state, 'running')
    const lock = section.succeeded()
    journal.release(`s${i + 1}`)
    lock.release()
  }
  assert.deepEqual(journal.take(), ['a', 's1', 's2', 's3'])
})

test('[CS6] a hundred thousand nested sections end without deep recursion', () => {
  const root = new InputGate()
  const locks: InputLock[] = []
  const sections: CriticalSection[] = []
  let gate: InputGate = root
  for (let i = 0; i < 100_000; i += 1) {
    const section = gate.startCriticalSection()
    section.wait({ granted: (lock) => locks.push(lock), rejected: assert.fail })
    sections.push(section)
    locks.pop()?.release()
    gate = section
  }
  const failing = sections.at(-1)
  for (const section of sections.slice(0, 50_000)) section.succeeded()
  assert.equal(sections[0]?.live, root)
  assert.equal(sections[49_999]?.live, root)
  failing?.failed('deep')
  assert.deepEqual(root.broken, { error: 'deep' })
})

test('[OG1] a message leaves at once when nothing is held', () => {
  const journal = new Journal()
  journal.leave(new OutputGate(), 'm')
  assert.deepEqual(journal.take(), ['m'])
})

test('[OG2] a message waits for the holds present when it was issued, in any order, and no others', () => {
  const gate = new OutputGate()
  const journal = new Journal()
  const first = gate.hold()
  const second = gate.hold()
  journal.leave(gate, 'm')
  const third = gate.hold()
  second.release()
  assert.deepEqual(journal.take(), [])
  first.release()
  assert.deepEqual(journal.take(), ['m'])
  assert.ok(!gate.isOpen)
  third.release()
  assert.ok(gate.isOpen)
  assert.throws(() => third.release(), /settled twice/)
})

test('[OG3] messages keep their order, also those issued while others are being released', () => {
  const gate = new OutputGate()
  const journal = new Journal()
  const hold = gate.hold()
  gate.wait({
    released: () => {
      journal.events.push('a')
      journal.leave(gate, 'from-a')
    },
    dropped: assert.fail,
  })
  journal.leave(gate, 'b')
  hold.release()
  assert.deepEqual(journal.take(), ['a', 'b', 'from-a'])
})

test('[OG4] a failed hold drops what waits and all that comes, and tells the owner once', () => {
  const broken: unknown[] = []
  const gate = new OutputGate({ broken: (error) => broken.push(error) })
  const journal = new Journal()
  const first = gate.hold()
  const second = gate.hold()
  journal.leave(gate, 'a')
  journal.leave(gate, 'b')
  second.fail('lost')
  first.release()
  journal.leave(gate, 'c')
  assert.deepEqual(journal.take(), ['a!lost', 'b!lost', 'c!lost'])
  assert.deepEqual(broken, ['lost'])
  assert.ok(!gate.isOpen)
})
