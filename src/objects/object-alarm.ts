import type { DurableStore, WriteOptions } from '../storage/index.ts'

/** What an undone transaction takes back. */
export interface AlarmMark {
  readonly run: number
  readonly ringingAt: number | undefined
}

/**
 * The alarm as the code of one incarnation sees it. While the handler runs, the alarm that rang is
 * still stored, and deleted only when the handler has succeeded; but nobody sees it. [AL5]
 */
export class ObjectAlarm {
  readonly #store: DurableStore
  // The stored alarm that rings; undefined when none does, or when it was replaced meanwhile.
  #ringingAt: number | undefined
  #run = 0
  #mayRetry = true

  constructor(store: DurableStore) {
    this.#store = store
  }

  get(): number | null {
    const at = this.#store.getAlarm()
    return this.#ringingAt === undefined ? at : null
  }

  set(at: number | null, options?: WriteOptions): void {
    this.#store.setAlarm(at, options)
    this.#ringingAt = undefined
  }

  deletedByDeleteAll(): void {
    this.#ringingAt = undefined
  }

  /** False when the program gave the alarm up with its incarnation. */
  get mayRetry(): boolean {
    return this.#mayRetry
  }

  giveUp(): void {
    this.#mayRetry = false
  }

  /** What is stored, for whoever wants to ring. Only inside a turn. */
  get storedAt(): number | null {
    return this.#store.getAlarm()
  }

  /** The handler for the stored alarm is about to be called. */
  started(): void {
    this.#run += 1
    this.#ringingAt = this.#store.getAlarm() ?? undefined
  }

  /** The handler has succeeded, or will never be called again for this alarm. */
  cleared(): void {
    if (this.#ringingAt !== undefined) this.set(null)
    this.#run += 1
  }

  /** The handler has failed: the alarm is there again. @returns whether the handler replaced it */
  failed(): { readonly isReplaced: boolean } {
    const isReplaced = this.#ringingAt === undefined
    this.#ringingAt = undefined
    this.#run += 1
    return { isReplaced }
  }

  mark(): AlarmMark {
    return { run: this.#run, ringingAt: this.#ringingAt }
  }

  /** The store has undone what was written since `mark`. */
  restore(mark: AlarmMark): void {
    if (mark.run === this.#run) this.#ringingAt = mark.ringingAt
  }
}
