// What a remote caller may reach (reference 1.14).

import { isPlainObject, RpcTarget } from './rpc-target.ts'
import { stubKind } from './stub.ts'

/** Methods of an object's or an entrypoint's class that only the runtime calls (reference 1.14). */
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

/** What calls begin with: an instance that user code did not pass, or a value that it did. */
export type ReceiverKind = 'entrypoint' | 'value'

// Errors found while looking for what is asked for. Of an entrypoint, they carry no `durableObjectId`
// (reference 1.15); of values, they do.
const lookupErrors = new WeakMap<object, ReceiverKind>()

/** On what kind of receiver nothing was found; undefined for errors of the code that was called. */
export function lookupKind(error: unknown): ReceiverKind | undefined {
  return typeof error === 'object' && error !== null ? lookupErrors.get(error) : undefined
}

/** A TypeError of the runtime about what a caller asked for. */
export function lookupError(message: string, kind: ReceiverKind = 'entrypoint'): TypeError {
  const error = new TypeError(message)
  lookupErrors.set(error, kind)
  return error
}

/**
 * Calls the method at `path` of `receiver`; an empty path calls `receiver` itself.
 *
 * @throws TypeError with the reference's text when there is no such thing for callers
 */
export function callRemote(
  receiver: unknown,
  kind: ReceiverKind,
  path: readonly string[],
  values: readonly unknown[],
): unknown {
  const found = find(receiver, kind, path)
  if (found.kind === 'elsewhere') return found.use(values)
  if (typeof found.value !== 'function') {
    const name = path.length === 0 ? '(this)' : path.join('.')
    const message = `"${name}" is not a function.`
    throw lookupError(message, kind)
  }
  return Reflect.apply(found.value, found.parent, values)
}

/** Reads the property at `path` of `receiver`. */
export function readRemote(
  receiver: unknown,
  kind: ReceiverKind,
  path: readonly string[],
): unknown {
  const found = find(receiver, kind, path)
  return found.kind === 'elsewhere' ? found.use() : found.value
}

type Found =
  | { readonly kind: 'here'; readonly parent: unknown; readonly value: unknown }
  /** The path leads through a stub: the rest of it is asked there. */
  | { readonly kind: 'elsewhere'; use(values?: readonly unknown[]): Promise<unknown> }

function find(receiver: unknown, kind: ReceiverKind, path: readonly string[]): Found {
  try {
    return follow(receiver, kind, path)
  } catch (error) {
    if (typeof error === 'object' && error !== null) lookupErrors.set(error, kind)
    throw error
  }
}

function follow(receiver: unknown, kind: ReceiverKind, path: readonly string[]): Found {
  let parent: unknown
  let value = receiver
  for (const [i, name] of path.entries()) {
    // What is no object is missed under its own name; the receiver has none.
    if (!isObject(value)) throw notImplemented(path[Math.max(0, i - 1)] ?? name)
    const stub = i === 0 ? undefined : stubKind(value)
    if (stub?.kind === 'stub' || stub?.kind === 'object') {
      const capability = stub.kind === 'stub' ? stub.held.pipelined : stub.capability
      const rest = path.slice(i)
      return {
        kind: 'elsewhere',
        use: (values) => {
          if (capability === undefined) throw new Error('RPC stub used after being disposed.')
          return capability.start(rest, values).promise
        },
      }
    }
    parent = value
    value = i === 0 && kind === 'entrypoint' ? memberOf(value, name) : propertyOf(value, name)
  }
  return { kind: 'here', parent, value }
}

function isObject(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function'
}

// Prototype methods and getters of an instance; never its own properties, nor a reserved name.
function memberOf(instance: object, name: string): unknown {
  if (reservedMethods.has(name)) {
    throw new TypeError(`'${name}' is a reserved method and cannot be called over RPC.`)
  }
  return isPlainObject(instance) ? propertyOf(instance, name) : inheritedFrom(instance, name)
}

function propertyOf(value: object, name: string): unknown {
  if (value instanceof RpcTarget) return inheritedFrom(value, name)
  if (typeof value !== 'function' && !isPlainObject(value)) throw notImplemented(name)
  if (!Object.hasOwn(value, name)) throw notImplemented(name)
  return Reflect.get(value, name)
}

function inheritedFrom(instance: object, name: string): unknown {
  if (Object.hasOwn(instance, name) || !(name in instance) || name in Object.prototype) {
    throw notImplemented(name)
  }
  return Reflect.get(instance, name)
}

function notImplemented(name: string): TypeError {
  return new TypeError(`The RPC receiver does not implement the method "${name}".`)
}
