// What is among the values of a program and not V8's to write: errors, and objects of the platform.

import { Deserializer } from 'node:v8'
import { types } from 'node:util'
import { isPlatformPrototype } from '../base/index.ts'
import type { HostParts } from './host-format.ts'
import type { ErrorFormat } from './values.ts'

const noBytes = Buffer.alloc(0)

/** Stands for such a value. V8 asks its host about instances of native classes: so this is one. */
export class HostValue extends Deserializer {
  readonly value: HostParts

  constructor(value: HostParts) {
    super(noBytes)
    this.value = value
  }
}

/**
 * `value` with every error replaced by a {@link HostValue}: a copy, or, mostly, `value` itself, since it
 * has none.
 *
 * @throws DataCloneError for objects of the platform
 */
export function findForeign(value: unknown, errors: ErrorFormat): unknown {
  if (typeof value !== 'object' || value === null) return value
  return hasError(value) && errors === 'reference' ? new Copier().copy(value) : value
}

// Also refuses what no value may hold.
function hasError(root: object): boolean {
  const seen = new Set<object>([root])
  let found = false
  const visit = (value: unknown): void => {
    if (typeof value === 'object' && value !== null) seen.add(value)
  }
  // A set is walked in the order in which it grows.
  for (const value of seen) {
    if (isError(value)) found = true
    for (const part of partsOf(value)) visit(part)
  }
  return found
}

function isError(value: object): boolean {
  return types.isNativeError(value) || value instanceof DOMException
}

function* partsOf(value: object): Iterable<unknown> {
  if (Array.isArray(value)) yield* value as unknown[]
  else if (value instanceof DOMException) return
  else if (types.isMap(value)) {
    for (const [key, part] of value) {
      yield key
      yield part
    }
  } else if (types.isSet(value)) yield* value
  else if (types.isNativeError(value)) {
    for (const key of Object.getOwnPropertyNames(value)) yield Reflect.get(value, key)
  } else if (hasProperties(value)) yield* Object.values(value)
}

/** Whether V8 writes the object by its properties. */
function hasProperties(value: object): boolean {
  if (types.isProxy(value) || ArrayBuffer.isView(value) || isLeaf(value)) return false
  requireOwn(value)
  return true
}

function isLeaf(value: object): boolean {
  return (
    types.isAnyArrayBuffer(value) ||
    types.isDate(value) ||
    types.isRegExp(value) ||
    types.isBoxedPrimitive(value) ||
    types.isPromise(value) ||
    types.isWeakMap(value) ||
    types.isWeakSet(value)
  )
}

/** @throws DataCloneError when `value` is an object of the platform */
function requireOwn(value: object): void {
  for (
    let at = Object.getPrototypeOf(value) as object | null;
    at !== null && at !== Object.prototype;
    at = Object.getPrototypeOf(at) as object | null
  ) {
    if (isPlatformPrototype(at)) throw refusal(value)
  }
}

function refusal(value: object): DOMException {
  const type = value.constructor.name
  const texts: Readonly<Record<string, string>> = {
    ReadableStream: 'ReadableStream can only be serialized for RPC.',
    WritableStream: 'WritableStream can only be serialized for RPC.',
    AbortSignal: 'AbortSignal serialization is not enabled.',
  }
  const text =
    texts[type] ??
    `Could not serialize object of type "${type}". This type does not support serialization.`
  return new DOMException(text, 'DataCloneError')
}

/** Copies objects that hold errors as V8 would write them; the rest of a value stays what it is. */
class Copier {
  readonly #copies = new Map<object, object>()

  copy(value: unknown): unknown {
    if (typeof value !== 'object' || value === null) return value
    const known = this.#copies.get(value)
    if (known !== undefined) return known
    if (value instanceof DOMException) return this.#keep(value, new HostValue(domParts(value)))
    if (types.isNativeError(value)) return this.#copyError(value)
    if (Array.isArray(value)) return this.#copyArray(value as unknown[])
    if (types.isMap(value)) return this.#copyMap(value)
    if (types.isSet(value)) return this.#copySet(value)
    return hasProperties(value) ? this.#copyProperties(value, this.#keep(value, {})) : value
  }

  #keep<T extends object>(value: object, copy: T): T {
    this.#copies.set(value, copy)
    return copy
  }

  #copyError(error: Error): object {
    const properties: Record<string, unknown> = {}
    const name: unknown = Reflect.get(error, 'name')
    const parts: HostParts = {
      kind: 'error',
      name: `${name as string}`,
      message: error.message,
      properties,
    }
    const copy = this.#keep(error, new HostValue(parts))
    for (const key of Object.getOwnPropertyNames(error)) {
      if (key !== 'name' && key !== 'message') {
        setOwn(properties, key, this.copy(Reflect.get(error, key)))
      }
    }
    return copy
  }

  // Pushed, so that V8 sees as many holes as before: it writes arrays with holes in another way.
  #copyArray(values: readonly unknown[]): unknown[] {
    const copy: unknown[] = this.#keep(values, [])
    for (let i = 0; i < values.length; i += 1) {
      if (i in values) copy.push(this.copy(values[i]))
      else copy.length += 1
    }
    for (const key of Object.keys(values)) {
      if (!/^\d+$/.test(key)) setOwn(copy, key, this.copy(Reflect.get(values, key)))
    }
    return copy
  }

  #copyMap(values: ReadonlyMap<unknown, unknown>): object {
    const copy = this.#keep(values, new Map<unknown, unknown>())
    for (const [key, value] of values) copy.set(this.copy(key), this.copy(value))
    return copy
  }

  #copySet(values: ReadonlySet<unknown>): object {
    const copy = this.#keep(values, new Set<unknown>())
    for (const value of values) copy.add(this.copy(value))
    return copy
  }

  #copyProperties(value: object, copy: object): object {
    for (const [key, part] of Object.entries(value)) setOwn(copy, key, this.copy(part))
    return copy
  }
}

// `__proto__` as an own key stays data.
function setOwn(target: object, key: string, value: unknown): void {
  Object.defineProperty(target, key, {
    value,
    writable: true,
    enumerable: true,
    configurable: true,
  })
}

function domParts(value: DOMException): HostParts {
  return { kind: 'dom-exception', texts: [value.name, value.message, value.stack ?? ''] }
}
