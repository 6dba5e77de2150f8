import type { Commit } from './store-types.ts'

// Up to these, what only the log has is carried forward in it rather than applied: to open the database
// of each of many small objects would cost more than all their writes.
const carriedBytesMax = 4096
const carriedTimesMax = 4

/** @param carried how often it was carried since the object was last written to */
export function mayCarryState(bytes: number, carried: number): boolean {
  return bytes <= carriedBytesMax && carried < carriedTimesMax
}

/** Called once; with the error when the checkpoint will not come about. */
export type CheckpointDone = (error: Error | undefined) => void

/** How far a store is with the checkpoint that it was asked for. */
export class CheckpointPlan {
  #waiters: CheckpointDone[] = []
  #nextCommit: 'apply' | 'carry' | undefined
  // The commit that did it, until it is confirmed.
  #commit: Commit | undefined

  get isAskedFor(): boolean {
    return this.#waiters.length > 0
  }

  /** What the next commit does with the overlay: takes it into the database, or tells all of it again. */
  get nextCommit(): 'apply' | 'carry' | undefined {
    return this.#nextCommit
  }

  /** The overlay has still to go through the log. */
  get waitsForLog(): boolean {
    return this.#nextCommit !== undefined || this.#commit !== undefined
  }

  ask(done: CheckpointDone): void {
    this.#waiters.push(done)
  }

  /** Once it is to be applied, it is not carried any more. */
  plan(step: 'apply' | 'carry'): void {
    if (this.#nextCommit !== 'apply') this.#nextCommit = step
  }

  /** The next commit was made. @param commit it, when it did something with the overlay */
  committed(commit: Commit | undefined): void {
    this.#nextCommit = undefined
    this.#commit = commit ?? this.#commit
  }

  confirmed(commit: Commit): void {
    if (this.#commit === commit) this.#commit = undefined
  }

  /** @param error why it will not come about */
  finish(error?: Error): void {
    const waiters = this.#waiters
    this.#waiters = []
    for (const done of waiters) done(error)
  }
}
