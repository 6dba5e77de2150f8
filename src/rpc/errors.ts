// How an error crosses from one object to another (reference 1.15).

import { ConstraintsError } from '../base/index.ts'

const builtInTypes: ReadonlyMap<string, new (message: string) => Error> = new Map([
  ['EvalError', EvalError],
  ['RangeError', RangeError],
  ['ReferenceError', ReferenceError],
  ['SyntaxError', SyntaxError],
  ['TypeError', TypeError],
  ['URIError', URIError],
])

/** Properties that the runtime adds for the caller; each only when true or given. */
export interface RemoteTraits {
  /** Thrown in the callee and carried over. */
  readonly remote?: boolean
  readonly durableObjectReset?: boolean
  readonly overloaded?: boolean
  /** Hex id of the object whose code threw, for errors of RPC methods. */
  readonly durableObjectId?: string
}

/**
 * A copy of what was thrown, fit for another object: a built-in type stays, other classes become
 * `Error`; message, name, stack and own enumerable properties travel; what is not an error becomes
 * `Error: <text>`.
 */
export function copyError(thrown: unknown, traits: RemoteTraits = {}): Error {
  const copy = copyWithoutTraits(thrown)
  if (traits.durableObjectId !== undefined && thrown instanceof Error) {
    Reflect.set(copy, 'durableObjectId', traits.durableObjectId)
  }
  for (const trait of ['overloaded', 'remote', 'durableObjectReset'] as const) {
    if (traits[trait] !== true) continue
    if (trait === 'durableObjectReset' && thrown instanceof ConstraintsError) continue
    Reflect.set(copy, trait, true)
  }
  return copy
}

function copyWithoutTraits(thrown: unknown): Error {
  if (!(thrown instanceof Error)) return new Error(String(thrown))
  if (thrown instanceof DOMException) {
    return Object.assign(new DOMException(thrown.message, thrown.name), ownProperties(thrown))
  }
  const copy = new (typeOf(thrown))(thrown.message)
  if (thrown.stack !== undefined) {
    Object.defineProperty(copy, 'stack', {
      value: thrown.stack,
      configurable: true,
      writable: true,
    })
  }
  if (thrown.name !== copy.name) {
    Object.defineProperty(copy, 'name', { value: thrown.name, configurable: true, writable: true })
  }
  return Object.assign(copy, ownProperties(thrown))
}

function typeOf(error: Error): new (message: string) => Error {
  for (let p: unknown = Object.getPrototypeOf(error); p !== null; p = Object.getPrototypeOf(p)) {
    const name = (p as { constructor?: { name?: string } }).constructor?.name ?? ''
    const type = builtInTypes.get(name)
    if (type !== undefined && type.prototype === p) return type
  }
  return Error
}

// Only what can be cloned travels; a property that cannot is left behind rather than hiding the
// error itself.
function ownProperties(error: Error): Record<string, unknown> {
  const properties: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(error)) {
    if (name === 'name' || name === 'message' || name === 'stack') continue
    try {
      properties[name] = structuredClone(value)
    } catch (cause) {
      if (!(cause instanceof DOMException)) throw cause
    }
  }
  return properties
}
