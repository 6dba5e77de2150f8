import { types } from 'node:util'

// A number is 9 bytes, a length up to 5, each with a tag, and a property has its name before it.
const valueBytesMax = 16

/**
 * Makes deep copies as structured clone would, in one walk that lets whoever extends it decide about
 * what is not plain data. Cycles and shared references are kept, over all that one copier copies.
 */
export abstract class Copier {
  // Made for the first object: most values have none.
  #copies: Map<object, unknown> | undefined
  /** No fewer bytes than the copies take as a message, but for what `copySpecial` copies. */
  protected bytesMax = 0

  /** @throws DataCloneError (a DOMException) with the reference's text for what cannot be copied */
  copy(value: unknown): unknown {
    this.bytesMax += valueBytesMax
    if (typeof value === 'string') this.bytesMax += 2 * value.length
    if (typeof value === 'symbol') throw dataCloneError(`${value.toString()} could not be cloned.`)
    if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return value
    return this.#copies?.get(value) ?? this.#copyObject(value)
  }

  /** The copy of what is no plain object, list, Map or Set. */
  protected abstract copySpecial(value: object): unknown

  #copyObject(value: object): unknown {
    if (typeof value !== 'function' && !types.isProxy(value)) {
      if (Array.isArray(value)) return this.#copyArray(value)
      if (Object.getPrototypeOf(value) === Object.prototype) return this.#copyProperties(value, {})
      if (value instanceof Map) return this.#copyMap(value)
      if (value instanceof Set) return this.#copySet(value)
    }
    const copy = this.copySpecial(value)
    this.#remember(value, copy)
    return copy
  }

  #remember(value: object, copy: unknown): void {
    this.#copies ??= new Map()
    this.#copies.set(value, copy)
  }

  // A slice has holes where the list has them, and only there: they are written in another way.
  #copyArray(values: readonly unknown[]): unknown[] {
    const isList = Object.getPrototypeOf(values) === Array.prototype
    const copy: unknown[] = isList ? values.slice() : Array.from(values)
    this.#remember(values, copy)
    let count = 0
    for (let i = 0; i < copy.length; i += 1) {
      if (!(i in copy)) continue
      copy[i] = this.copy(copy[i])
      count += 1
    }
    const keys = Object.keys(values)
    if (keys.length > count) this.#copyInto(copy, values, keys.slice(count))
    return copy
  }

  #copyProperties(value: object, copy: object): object {
    this.#remember(value, copy)
    this.#copyInto(copy, value, Object.keys(value))
    return copy
  }

  #copyInto(copy: object, value: object, keys: readonly string[]): void {
    for (const key of keys) {
      this.bytesMax += 2 * key.length
      const inner = this.copy(Reflect.get(value, key))
      // `__proto__` as an own key must stay data.
      if (key === '__proto__') {
        const property = { value: inner, enumerable: true, configurable: true, writable: true }
        Object.defineProperty(copy, key, property)
      } else Reflect.set(copy, key, inner)
    }
  }

  #copyMap(value: ReadonlyMap<unknown, unknown>): Map<unknown, unknown> {
    const copy = new Map<unknown, unknown>()
    this.#remember(value, copy)
    for (const [key, inner] of [...value]) copy.set(this.copy(key), this.copy(inner))
    return copy
  }

  #copySet(value: ReadonlySet<unknown>): Set<unknown> {
    const copy = new Set<unknown>()
    this.#remember(value, copy)
    for (const inner of [...value]) copy.add(this.copy(inner))
    return copy
  }
}

/** Data that structured clone copies by itself. */
export function isCloneable(value: object): boolean {
  return (
    value instanceof Date ||
    value instanceof RegExp ||
    value instanceof ArrayBuffer ||
    ArrayBuffer.isView(value) ||
    value instanceof Boolean ||
    value instanceof Number ||
    value instanceof String ||
    value instanceof BigInt
  )
}

/** As the reference makes them: what is an accessor in Node is an enumerable property of its own. */
export function domException(message: string, name: string, stack?: string): DOMException {
  const error = new DOMException(message, name)
  const values = { code: error.code, name, message, stack: stack ?? error.stack }
  Reflect.deleteProperty(error, 'stack')
  for (const [key, value] of Object.entries(values)) {
    Object.defineProperty(error, key, {
      value,
      enumerable: true,
      configurable: true,
      writable: true,
    })
  }
  return error
}

export function dataCloneError(message: string): DOMException {
  return domException(message, 'DataCloneError')
}

/** The refusal of a value of a class that does not travel. */
export function unserializable(type: string): DOMException {
  return dataCloneError(
    `Could not serialize object of type "${type}". This type does not support serialization.`,
  )
}
