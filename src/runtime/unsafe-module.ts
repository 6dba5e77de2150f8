import { assert, definePlatformClass } from '../base/index.ts'
import { gated, ownerHere } from '../globals/index.ts'
import { type ObjectTable, Resident } from './object-table.ts'
import { calleeOf } from './service-stub.ts'
import { systemTimers } from './system-timers.ts'

const pollMs = 2

/**
 * The default export of `workerd:unsafe`, for programs that test how they come back: only for projects
 * with the compatibility flag `unsafe_module`. Texts and behaviour are the reference's.
 */
export class UnsafeModule {
  readonly #objects: { table?: ObjectTable }

  /** @param objects gets the objects of the project once it is loaded */
  constructor(objects: { table?: ObjectTable }) {
    this.#objects = objects
  }

  /** Waits until the object has nothing under way, and drops its instance. */
  evict(stub: unknown, options?: unknown): Promise<void> {
    const sockets = socketsOption(options)
    const resident = calleeOf(stub)
    if (!(resident instanceof Resident)) {
      throw new TypeError(
        "Failed to execute 'evict' on 'UnsafeModule': parameter 1 is not of type 'Fetcher'.",
      )
    }
    return hosted(() => untilTrue(() => resident.tryEvict(sockets)))
  }

  /** Does so with every object. */
  evictAllDurableObjects(options?: unknown): Promise<void> {
    const sockets = socketsOption(options)
    const residents = this.#requireTable().residents
    return hosted(() =>
      Promise.all(residents.map((resident) => untilTrue(() => resident.tryEvict(sockets)))).then(
        () => {},
      ),
    )
  }

  /** Resets every object. */
  abortAllDurableObjects(): Promise<void> {
    return hosted(async () => this.#endAll('Application called abortAllDurableObjects().'))
  }

  /** Resets every object and deletes what it has stored. */
  deleteAllDurableObjects(): Promise<void> {
    return hosted(async () => {
      this.#endAll('Application called deleteAllDurableObjects().')
      await this.#requireTable().deleteAll()
    })
  }

  #endAll(reason: string): void {
    for (const resident of this.#requireTable().residents) resident.end(new Error(reason))
  }

  /** There is nothing here that is switched on for tests. */
  isTestAutogateEnabled(): boolean {
    return false
  }

  startedFromStartupSnapshot(): boolean {
    return false
  }

  #requireTable(): ObjectTable {
    const { table } = this.#objects
    assert(table !== undefined, 'workerd:unsafe is used before the project is loaded')
    return table
  }
}
definePlatformClass(UnsafeModule, 'UnsafeModule')

// Runs between turns, and settles the caller's promise by an event.
function hosted(run: () => Promise<void>): Promise<void> {
  const owner = ownerHere()
  return owner === undefined ? run() : gated(owner, () => Promise.resolve().then(run))
}

function untilTrue(check: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    const poll = (): void => {
      if (check()) resolve()
      else systemTimers.after(pollMs, poll)
    }
    systemTimers.after(0, poll)
  })
}

function socketsOption(options: unknown): 'hibernate' | 'close' {
  const value = (options as { webSockets?: unknown } | undefined)?.webSockets
  if (value === undefined || value === 'hibernate') return 'hibernate'
  if (value === 'close') return 'close'
  throw new TypeError('options.webSockets must be "hibernate" or "close".')
}
