import type { KvOperation } from '../base/index.ts'

/** What an overlay says of a key: its bytes, that it is deleted, or nothing. */
export type Pending = Uint8Array | 'deleted' | undefined

/** What the log holds of an object, confirmed, and its database file does not. */
export interface PendingState {
  readonly kv: ReadonlyMap<string, Uint8Array | 'deleted'>
  /** null: no alarm; undefined: as in the file. */
  readonly alarmAt: number | null | undefined
  /** How often it was carried forward in the log since the object was last written to. */
  readonly carried?: number
}

// Above these the overlay is applied with the next commit.
const overlayBytesMax = 1024 * 1024
const overlayKeysMax = 2000

interface Undo {
  readonly key: string | typeof alarm
  readonly before: Pending | number | null
  readonly wasDirty: boolean
}

/** The year 2262: the database holds nanoseconds in 64 bits. */
export const alarmMsMax = 9_223_372_036_854

const alarm = Symbol('alarm')

/**
 * Writes of keys and of the alarm that the database file does not have yet: the log has them, or will
 * with the next commit. They are applied to the file in bulk. [ST21]
 */
export class Overlay {
  readonly #values: Map<string, Uint8Array | 'deleted'>
  #alarmAt: number | null | undefined
  #bytes = 0
  #version = 0
  // Written since the last record.
  readonly #dirty = new Set<string | typeof alarm>()
  // How to undo what the open transaction wrote, oldest first.
  #journal: Undo[] = []

  constructor(state: PendingState | undefined) {
    this.#values = new Map(state?.kv)
    this.#alarmAt = state?.alarmAt
    for (const [key, value] of this.#values) this.#bytes += sizeOf(key, value)
  }

  get isEmpty(): boolean {
    return this.#values.size === 0 && this.#alarmAt === undefined
  }

  /** Another one whenever there are other keys. */
  get version(): number {
    return this.#version
  }

  /** Roughly what the values take in memory, and will take in a copy of them in the log. */
  get bytes(): number {
    return this.#bytes
  }

  get hasDirty(): boolean {
    return this.#dirty.size > 0
  }

  /** To be applied with the next commit. */
  get isLarge(): boolean {
    return this.#bytes > overlayBytesMax || this.#values.size > overlayKeysMax
  }

  get(key: string): Pending {
    return this.#values.get(key)
  }

  keys(): Iterable<string> {
    return this.#values.keys()
  }

  entries(): Iterable<[string, Uint8Array | 'deleted']> {
    return this.#values
  }

  set(key: string, value: Uint8Array | 'deleted'): void {
    const before = this.#values.get(key)
    this.#journal.push({ key, before, wasDirty: this.#dirty.has(key) })
    this.#dirty.add(key)
    this.#replace(key, before, value)
  }

  /** null: no alarm; undefined: nothing is known here. */
  get alarmAt(): number | null | undefined {
    return this.#alarmAt
  }

  setAlarm(atMs: number | null): void {
    this.#journal.push({ key: alarm, before: this.#alarmAt, wasDirty: this.#dirty.has(alarm) })
    this.#dirty.add(alarm)
    this.#alarmAt = atMs
  }

  /** A place in the transaction to which `undo` can go back. */
  get mark(): number {
    return this.#journal.length
  }

  undo(mark: number): void {
    for (const { key, before, wasDirty } of this.#journal.splice(mark).toReversed()) {
      if (!wasDirty) this.#dirty.delete(key)
      if (key === alarm) this.#alarmAt = before as number | null | undefined
      else this.#replace(key, this.#values.get(key), before as Pending)
    }
  }

  /** What was written so far stays written. */
  forgetUndo(): void {
    this.#journal.length = 0
  }

  /** The next record is to tell everything once more. */
  carry(): void {
    for (const key of this.#values.keys()) this.#dirty.add(key)
    if (this.#alarmAt !== undefined) this.#dirty.add(alarm)
  }

  /** The operations for the next record: what was written since the last one. */
  takeDirty(): { kv: KvOperation[]; alarmAt: number | null | undefined } {
    const kv: KvOperation[] = []
    const alarmAt = this.#dirty.delete(alarm) ? this.#alarmAt : undefined
    for (const key of this.#dirty as Set<string>) {
      const value = this.#values.get(key)
      kv.push({ key, value: value === 'deleted' ? undefined : value })
    }
    this.#dirty.clear()
    return { kv, alarmAt }
  }

  /** Everything is in the database. */
  clear(): void {
    this.#values.clear()
    this.#version += 1
    this.#alarmAt = undefined
    this.#bytes = 0
    this.#dirty.clear()
    this.#journal = []
  }

  #replace(key: string, before: Pending, after: Pending): void {
    if (before !== undefined) this.#bytes -= sizeOf(key, before)
    if ((before === undefined) !== (after === undefined)) this.#version += 1
    if (after === undefined) this.#values.delete(key)
    else {
      this.#bytes += sizeOf(key, after)
      this.#values.set(key, after)
    }
  }
}

function sizeOf(key: string, value: Uint8Array | 'deleted'): number {
  return 64 + key.length + (value === 'deleted' ? 0 : value.byteLength)
}
