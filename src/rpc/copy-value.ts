import { copyError } from './errors.ts'
import { passFurther } from './passable.ts'
import { isPlainObject } from './rpc-target.ts'
import { stubTarget } from './stub.ts'

/**
 * Decides about values that are not plain data.
 *
 * @returns what the receiver gets in its place (a stub, a stream, a copy), or undefined when the
 *   value is not of a kind that can be passed
 */
export type PassSpecial = (value: object) => unknown

/**
 * A deep copy of `value` as structured clone would make it, in one walk that also replaces what
 * is passed by reference. Cycles and shared references are kept.
 *
 * @throws DataCloneError (a DOMException) with the reference's text for what cannot be passed
 */
export function copyValue(value: unknown, passSpecial: PassSpecial): unknown {
  switch (typeof value) {
    case 'object':
      return value === null ? null : new Copier(passSpecial).copy(value)
    case 'function':
      return new Copier(passSpecial).copy(value)
    case 'symbol':
      throw dataCloneError(`${value.toString()} could not be cloned.`)
    default:
      return value
  }
}

class Copier {
  readonly #passSpecial: PassSpecial
  readonly #copies = new Map<object, unknown>()

  constructor(passSpecial: PassSpecial) {
    this.#passSpecial = passSpecial
  }

  copy(value: unknown): unknown {
    if (typeof value === 'symbol') throw dataCloneError(`${value.toString()} could not be cloned.`)
    if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return value
    const known = this.#copies.get(value)
    if (known !== undefined) return known
    return this.#copyObject(value)
  }

  #copyObject(value: object): unknown {
    // A stub may look like a plain object.
    if (typeof value !== 'function' && stubTarget(value) === undefined) {
      if (Array.isArray(value)) return this.#copyArray(value)
      if (isPlainObject(value)) return this.#copyPlain(value)
      if (value instanceof Map) return this.#copyMap(value)
      if (value instanceof Set) return this.#copySet(value)
    }
    const special = this.#passSpecial(value)
    if (special !== undefined) return this.#keep(value, special)
    if (value instanceof Error) return this.#keep(value, copyError(value))
    if (isCloneable(value)) return this.#keep(value, structuredClone(value))
    const further = passFurther(value)
    if (further !== undefined) return this.#keep(value, further)
    if (value instanceof WeakMap || value instanceof WeakSet || value instanceof Promise) {
      throw dataCloneError(`#<${value.constructor.name}> could not be cloned.`)
    }
    if (typeof value === 'function') {
      throw dataCloneError(`${Function.prototype.toString.call(value)} could not be cloned.`)
    }
    const type = (value.constructor as { name?: string } | undefined)?.name ?? 'Object'
    throw dataCloneError(
      `Could not serialize object of type "${type}". This type does not support serialization.`,
    )
  }

  #keep(value: object, copy: unknown): unknown {
    this.#copies.set(value, copy)
    return copy
  }

  #copyArray(values: readonly unknown[]): unknown[] {
    const copy: unknown[] = new Array(values.length)
    this.#copies.set(values, copy)
    for (let i = 0; i < values.length; i += 1) {
      if (i in values) copy[i] = this.copy(values[i])
    }
    return copy
  }

  #copyPlain(value: object): object {
    const copy: Record<string, unknown> = {}
    this.#copies.set(value, copy)
    for (const key of Object.keys(value)) {
      const inner = this.copy(Reflect.get(value, key))
      // `__proto__` as an own key must stay data.
      if (key === '__proto__') {
        const property = { value: inner, enumerable: true, configurable: true, writable: true }
        Object.defineProperty(copy, key, property)
      } else copy[key] = inner
    }
    return copy
  }

  #copyMap(value: ReadonlyMap<unknown, unknown>): Map<unknown, unknown> {
    const copy = new Map<unknown, unknown>()
    this.#copies.set(value, copy)
    for (const [key, inner] of value) copy.set(this.copy(key), this.copy(inner))
    return copy
  }

  #copySet(value: ReadonlySet<unknown>): Set<unknown> {
    const copy = new Set<unknown>()
    this.#copies.set(value, copy)
    for (const inner of value) copy.add(this.copy(inner))
    return copy
  }
}

function isCloneable(value: object): boolean {
  return (
    value instanceof Date ||
    value instanceof RegExp ||
    value instanceof ArrayBuffer ||
    ArrayBuffer.isView(value) ||
    value instanceof Boolean ||
    value instanceof Number ||
    value instanceof String ||
    value instanceof BigInt ||
    value instanceof Blob
  )
}

function dataCloneError(message: string): DOMException {
  return new DOMException(message, 'DataCloneError')
}
