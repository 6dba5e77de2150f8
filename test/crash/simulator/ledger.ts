// What every object may look like after a crash, and what it must at least contain.

/** What one turn, or one transaction, did to an object; null deletes a key. */
export interface Change {
  /** Everything was deleted first. */
  readonly clears: boolean
  readonly kv: Readonly<Record<string, string | null>>
  readonly sql: Readonly<Record<string, string | null>>
  readonly alarm: Readonly<Record<string, string | null>>
}

/** What programs and their clients say, in the order of the trace. */
export type Mark =
  | { readonly said: 'started' | 'stopped' }
  /** An instance was made. */
  | { readonly said: 'woke'; readonly object: string }
  | {
      /** Code ran, and what it wrote is now one step of the object. */
      readonly said: 'turn'
      readonly object: string
      readonly id: number
      /** The state that it found; 0 when the object was empty. */
      readonly parent: number
      readonly operation: number
      /** Written with `allowUnconfirmed`: the outside may see it, and it may be lost. */
      readonly isUnconfirmed: boolean
      /** The alarm that called, in milliseconds. */
      readonly rang?: number
      readonly change: Change
      /** States of other objects that it has been told. */
      readonly saw: readonly { readonly object: string; readonly id: number }[]
    }
  /** The outside has learned of this state. */
  | { readonly said: 'acknowledged'; readonly object: string; readonly id: number }
  /** The outside has been told that the disk refused it. */
  | { readonly said: 'refused'; readonly operation: number }
  /** An object was thrown away while it was in use. */
  | { readonly said: 'reset'; readonly object: string }

type Turn = Extract<Mark, { said: 'turn' }>

/** All that is stored in one object. */
export interface Stored {
  readonly kv: Readonly<Record<string, string>>
  readonly sql: Readonly<Record<string, string>>
  /** `at`: its time in milliseconds; empty when there is none. */
  readonly alarm: Readonly<Record<string, string>>
}

const nothing: Stored = { kv: {}, sql: {}, alarm: {} }

/** A promise to the outside is broken. */
export class Violation extends Error {
  override readonly name = 'Violation'
}

interface Step {
  readonly id: number
  readonly object: string
  readonly parent: Step | undefined
  readonly operation: number
  readonly saw: Turn['saw']
  readonly isUnconfirmed: boolean
  readonly stored: Stored
  isRefused: boolean
}

interface Known {
  /** The newest state that the outside knows. */
  acknowledged: Step | undefined
  /** The newest states in which the object is empty. */
  readonly empty: readonly Step[]
}

/**
 * Each object's states, as a tree: a reset goes back to an earlier one and goes on from there. The
 * state after a crash must be one of them, whole, at or after the last that the outside knows.
 */
export class Ledger {
  #steps = new Map<number, Step>()
  #objects = new Map<string, Known>()

  fork(): Ledger {
    const fork = new Ledger()
    fork.#steps = new Map(this.#steps)
    fork.#objects = new Map([...this.#objects].map(([name, known]) => [name, { ...known }]))
    return fork
  }

  get lastId(): number {
    return Math.max(0, ...this.#steps.keys())
  }

  /** The newest state that the outside knows of each object. */
  get known(): ReadonlyMap<string, Stored> {
    const known = new Map<string, Stored>()
    for (const [name, { acknowledged }] of this.#objects) {
      if (acknowledged !== undefined) known.set(name, acknowledged.stored)
    }
    return known
  }

  /** @throws Violation when what is said contradicts what was said before */
  apply(mark: Mark): void {
    switch (mark.said) {
      case 'turn':
        this.#take(mark)
        return
      case 'acknowledged':
        this.#acknowledge(mark.object, mark.id)
        return
      case 'refused': {
        const step = [...this.#steps.values()].findLast(
          ({ operation }) => operation === mark.operation,
        )
        // Which of several empty states an object is in, nobody can tell.
        if (step !== undefined && headOf(step.stored) !== 0) step.isRefused = true
        return
      }
      default:
    }
  }

  /**
   * Compares what is stored with what may be, and takes it as known to the outside from now on.
   *
   * @returns the state it is in, 0 when it is empty
   * @throws Violation
   */
  check(object: string, stored: Stored): number {
    const known = this.#objects.get(object)
    const id = headOf(stored)
    const candidates = id === 0 ? [undefined, ...(known?.empty ?? [])] : [this.#steps.get(id)]
    const step = candidates.findLast((each) => follows(each, known?.acknowledged))
    if (id !== 0 && (candidates[0] === undefined || candidates[0].object !== object)) {
      throw new Violation(`${object} is in state ${id}, which was never to be kept`)
    }
    if (step === undefined && known?.acknowledged !== undefined) {
      throw new Violation(
        `${object} is in state ${id}, and the outside knows ${known.acknowledged.id} (${chain(known.acknowledged)}; it is ${chain(candidates[0])})`,
      )
    }
    const wanted = step?.stored ?? nothing
    for (const surface of ['kv', 'sql', 'alarm'] as const) {
      const difference = differenceOf(wanted[surface], stored[surface])
      if (difference !== undefined) {
        throw new Violation(`${object} is in state ${id}, but in ${surface} ${difference}`)
      }
    }
    if (step !== undefined && id === 0) this.#known(object).acknowledged = step
    return id
  }

  /**
   * What an object has been told of another must be there as well. After every object was checked.
   *
   * @throws Violation
   */
  checkSeen(): void {
    for (const [object, { acknowledged }] of this.#objects) {
      for (let step = acknowledged; step !== undefined; step = step.parent) {
        for (const seen of step.saw) {
          const other = this.#objects.get(seen.object)?.acknowledged
          if (follows(other, lastPromised(this.#steps.get(seen.id)))) continue
          throw new Violation(
            `${object} was told of state ${seen.id} of ${seen.object}, which is in state ${other?.id}`,
          )
        }
      }
    }
  }

  #known(object: string): Known {
    let known = this.#objects.get(object)
    if (known === undefined) {
      known = { acknowledged: undefined, empty: [] }
      this.#objects.set(object, known)
    }
    return known
  }

  #take(turn: Turn): void {
    const { object, id, parent: parentId, operation, isUnconfirmed, rang, change, saw } = turn
    const known = this.#known(object)
    const parent = parentId === 0 ? known.empty.at(-1) : this.#steps.get(parentId)
    if (parentId !== 0 && parent === undefined) {
      throw new Violation(`${object} went on from state ${parentId}, which was never to be kept`)
    }
    if (!follows(parent, known.acknowledged)) {
      throw new Violation(
        `${object} went on from state ${parentId}, and the outside knows ${known.acknowledged?.id}`,
      )
    }
    for (let step = parent; step !== known.acknowledged; step = step?.parent) {
      if (step?.isRefused !== true) continue
      throw new Violation(`${object} went on from ${parentId}, which stands on ${step.id}, refused`)
    }
    const before = parent?.stored ?? nothing
    if (rang !== undefined && before.alarm['at'] !== String(rang)) {
      throw new Violation(`${object} rings for ${rang}, and has stored ${before.alarm['at']}`)
    }
    const base = change.clears ? nothing : before
    const stored = {
      kv: changed(base.kv, change.kv),
      sql: changed(base.sql, change.sql),
      alarm: changed(base.alarm, change.alarm),
    }
    const step = { id, object, parent, operation, saw, isUnconfirmed, stored, isRefused: false }
    this.#steps.set(id, step)
    if (headOf(stored) === 0) this.#objects.set(object, { ...known, empty: [...known.empty, step] })
  }

  #acknowledge(object: string, id: number): void {
    const known = this.#known(object)
    if (id === 0) return
    if (!this.#steps.has(id)) {
      throw new Violation(`${object}: the outside was told of state ${id}, never to be kept`)
    }
    const step = lastPromised(this.#steps.get(id))
    if (follows(step, known.acknowledged)) known.acknowledged = step
    else if (!follows(known.acknowledged, step)) {
      throw new Violation(
        `${object}: the outside was told of ${known.acknowledged?.id} and of ${id}, which exclude each other`,
      )
    }
  }
}

/** Whether `step` is `earlier` or comes after it. */
function follows(step: Step | undefined, earlier: Step | undefined): boolean {
  if (earlier === undefined) return true
  for (let each = step; each !== undefined; each = each.parent) if (each === earlier) return true
  return false
}

/** The state itself, or the one before what was written without waiting for the disk. */
function lastPromised(step: Step | undefined): Step | undefined {
  let promised = step
  while (promised?.isUnconfirmed === true) promised = promised.parent
  return promised
}

/** Which step the object says it is at: each surface holds the last that wrote there. */
export function headOf({ kv, sql }: Stored): number {
  return Math.max(...[kv, sql].map((surface) => Number.parseInt(surface['head'] ?? '0', 10)))
}

function changed(
  before: Readonly<Record<string, string>>,
  change: Readonly<Record<string, string | null>>,
): Record<string, string> {
  const after = { ...before }
  for (const [key, token] of Object.entries(change)) {
    if (token === null) delete after[key]
    else after[key] = token
  }
  return after
}

function differenceOf(
  wanted: Readonly<Record<string, string>>,
  found: Readonly<Record<string, string>>,
): string | undefined {
  for (const key of new Set([...Object.keys(wanted), ...Object.keys(found)])) {
    if (wanted[key] === found[key]) continue
    return `'${key}' is ${found[key] ?? 'absent'}, and should be ${wanted[key] ?? 'absent'}`
  }
  return undefined
}

function chain(step: Step | undefined): string {
  const ids: number[] = []
  for (let each = step; each !== undefined && ids.length < 8; each = each.parent) ids.push(each.id)
  return ids.join(' ← ')
}
