// How what was thrown crosses from one owner to another (reference 1.15).

import { ConstraintsError } from '../base/index.ts'
import { Copier, dataCloneError, domException } from './copy-value.ts'
import { RpcTarget } from './rpc-target.ts'
import { stubKind } from './stub.ts'

type ErrorType = new (message: string) => Error

class Several extends AggregateError {
  constructor(message: string) {
    super([], message)
    Object.setPrototypeOf(this, AggregateError.prototype)
    // They travel as any other property does, or stay behind.
    Reflect.deleteProperty(this, 'errors')
  }
}

const builtInTypes: ReadonlyMap<object, ErrorType> = new Map<object, ErrorType>([
  [AggregateError.prototype, Several],
  [EvalError.prototype, EvalError],
  [RangeError.prototype, RangeError],
  [ReferenceError.prototype, ReferenceError],
  [SyntaxError.prototype, SyntaxError],
  [TypeError.prototype, TypeError],
  [URIError.prototype, URIError],
])

/** Properties that the runtime adds for the caller; each only when true or given. */
export interface RemoteTraits {
  /** Thrown in the callee and carried over. Programs print the names of properties in their order. */
  readonly remote?: boolean | 'first'
  readonly durableObjectReset?: boolean
  readonly overloaded?: boolean
  /** Hex id of the object whose code threw, for errors of RPC methods. */
  readonly durableObjectId?: string | undefined
  /** Own properties stay behind, as before `enhanced_error_serialization`. */
  readonly isMessageOnly?: boolean
}

/**
 * A copy of what was thrown, fit for another owner.
 *
 * An error keeps its built-in type, message, name and stack; its own properties travel, `cause` and
 * `errors` among them, and are enumerable then. When one of them cannot be passed, none is, and what
 * remains is the type and the message. A plain object travels as it is; anything else becomes `Error:
 * <text>`.
 */
export function copyThrown(thrown: unknown, traits: RemoteTraits = {}): unknown {
  const { isMessageOnly = false } = traits
  const copy = (isMessageOnly ? copyNamed(thrown) : copyWhole(thrown)) ?? copyMessage(thrown)
  if (isMessageOnly && traits.remote === true) Reflect.set(copy.value, 'remote', true)
  if (traits.remote === 'first') Reflect.set(copy.value, 'remote', true)
  if (copy.isWhole && traits.durableObjectId !== undefined && mayCarryId(thrown)) {
    Reflect.set(copy.value, 'durableObjectId', traits.durableObjectId)
  }
  // The reference has one kind for a failure: an overload is not a disconnection as well.
  if (isTruthy(thrown, 'overloaded')) Reflect.set(copy.value, 'overloaded', true)
  else if (isTruthy(thrown, 'retryable')) Reflect.set(copy.value, 'retryable', true)
  for (const trait of ['overloaded', 'remote', 'durableObjectReset'] as const) {
    if (traits[trait] !== true) continue
    if (trait === 'durableObjectReset' && thrown instanceof ConstraintsError) continue
    Reflect.set(copy.value, trait, true)
  }
  return copy.value
}

/** As {@link copyThrown}, for those who can pass on nothing but an error. */
export function copyError(thrown: unknown, traits: RemoteTraits = {}): Error {
  const copy = copyThrown(thrown, traits)
  if (copy instanceof Error) return copy
  return Object.assign(new Error(String(thrown)), traits)
}

interface Copy {
  readonly value: object
  /** Nothing was left out. */
  readonly isWhole: boolean
}

function copyWhole(thrown: unknown): Copy | undefined {
  if (typeof thrown !== 'object' || thrown === null || stubKind(thrown) !== undefined)
    return undefined
  if (!(thrown instanceof Error) && Object.getPrototypeOf(thrown) !== Object.prototype) {
    return undefined
  }
  try {
    return { value: new ErrorCopier().copy(thrown) as object, isWhole: true }
  } catch (error) {
    // Some property cannot be passed, or its getter throws.
    if (thrown instanceof Error) return undefined
    return { value: error instanceof Error ? new Error(String(thrown)) : {}, isWhole: false }
  }
}

// A name of its own becomes part of the message.
function copyNamed(thrown: unknown): Copy | undefined {
  if (!(thrown instanceof Error)) return undefined
  if (thrown instanceof DOMException) return copyWhole(thrown)
  const copy = bare(thrown)
  if (thrown.name !== copy.name) copy.message = `${thrown.name}: ${thrown.message}`
  return { value: copy, isWhole: false }
}

function copyMessage(thrown: unknown): Copy {
  if (thrown instanceof Error) return { value: bare(thrown), isWhole: false }
  const text =
    typeof thrown === 'object' && thrown !== null
      ? `#<${thrown.constructor?.name ?? 'Object'}>`
      : String(thrown)
  return { value: new Error(text), isWhole: false }
}

// DOMExceptions and frozen errors cannot be written to on the reference.
function mayCarryId(thrown: unknown): boolean {
  return !(thrown instanceof DOMException) && Object.isExtensible(thrown)
}

function isTruthy(thrown: unknown, name: string): boolean {
  return typeof thrown === 'object' && thrown !== null && Boolean(Reflect.get(thrown, name))
}

/** Type, message and stack alone. */
function bare(error: Error): Error {
  const copy = new (typeOf(error))(String(error.message))
  const { stack } = error
  if (typeof stack === 'string') {
    Object.defineProperty(copy, 'stack', { value: stack, configurable: true, writable: true })
  }
  return copy
}

function typeOf(error: Error): ErrorType {
  for (let p: unknown = Object.getPrototypeOf(error); p !== null; p = Object.getPrototypeOf(p)) {
    const type = builtInTypes.get(p as object)
    if (type !== undefined) return type
  }
  return Error
}

/**
 * Copies what an error carries: data, and errors within errors. Class instances become plain objects;
 * functions, stubs and errors within themselves throw.
 */
class ErrorCopier extends Copier {
  readonly #around = new Set<object>()

  protected override copySpecial(value: object): unknown {
    if (value instanceof DOMException) return domException(value.message, value.name, value.stack)
    if (value instanceof Error) return this.#copyError(value)
    if (value instanceof RpcTarget) throw dataCloneError('a reference')
    return structuredClone(value)
  }

  #copyError(error: Error): Error {
    if (this.#around.has(error)) throw dataCloneError('a cycle')
    this.#around.add(error)
    const copy = bare(error)
    for (const name of Object.getOwnPropertyNames(error)) {
      if (name === 'message' || name === 'stack') continue
      const value = this.copy(Reflect.get(error, name))
      const property = { value, enumerable: true, configurable: true, writable: true }
      Object.defineProperty(copy, name, property)
    }
    this.#around.delete(error)
    return copy
  }
}
