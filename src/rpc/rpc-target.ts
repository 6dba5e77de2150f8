/**
 * Base of classes whose instances are passed by reference: the receiver gets a stub, and its calls
 * run where the instance lives (reference 1.14).
 *
 * @example
 * ```ts
 * class Counter extends RpcTarget { #n = 0; increment() { return ++this.#n } }
 * ```
 */
export class RpcTarget {}

/** Methods of a class that only the runtime calls (reference 1.14). */
const reservedMethods: ReadonlySet<string> = new Set([
  'fetch',
  'connect',
  'alarm',
  'webSocketMessage',
  'webSocketClose',
  'webSocketError',
  'dup',
  'constructor',
])

/**
 * Looks up what a remote caller may reach: prototype methods and getters of class instances, own
 * properties of plain objects. Never own properties of an instance, and never a reserved name.
 *
 * @throws TypeError with the reference's text when there is no such thing for callers
 */
export function requireRemoteProperty(target: object, name: string): unknown {
  if (isPlainObject(target)) {
    if (Object.hasOwn(target, name)) return Reflect.get(target, name)
  } else {
    if (reservedMethods.has(name)) {
      throw lookupError(`'${name}' is a reserved method and cannot be called over RPC.`)
    }
    if (!Object.hasOwn(target, name) && name in target && !(name in Object.prototype)) {
      return Reflect.get(target, name)
    }
  }
  throw lookupError(`The RPC receiver does not implement the method "${name}".`)
}

// Errors that the runtime throws while it looks for what to call; unlike the user's own they carry
// no `durableObjectId` (reference 1.15).
const lookupErrors = new WeakSet<object>()

export function isLookupError(error: unknown): boolean {
  return typeof error === 'object' && error !== null && lookupErrors.has(error)
}

/** A TypeError of the runtime about what a caller asked for. */
export function lookupError(message: string): TypeError {
  const error = new TypeError(message)
  lookupErrors.add(error)
  return error
}

/** Calls the method at `path` of `target`; an empty path calls `target` itself. */
export function callRemote(target: unknown, path: readonly string[], values: unknown[]): unknown {
  const { parent, value } = readPath(target, path)
  if (typeof value !== 'function') {
    throw lookupError(`"${path.at(-1) ?? ''}" is not a function.`)
  }
  return Reflect.apply(value, parent, values)
}

/** Reads the property at `path` of `target`. */
export function readRemote(target: unknown, path: readonly string[]): unknown {
  return readPath(target, path).value
}

function readPath(target: unknown, path: readonly string[]): { parent: unknown; value: unknown } {
  let parent: unknown
  let value = target
  for (const name of path) {
    if ((typeof value !== 'object' && typeof value !== 'function') || value === null) {
      throw lookupError(`The RPC receiver does not implement the method "${name}".`)
    }
    parent = value
    value = requireRemoteProperty(value, name)
  }
  return { parent, value }
}

export function isPlainObject(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}
