import { passAlso } from '../rpc/index.ts'
import { UserWebSocket, WebSocketPair, WebSocketRequestResponsePair } from '../sockets/index.ts'
import { UserCompressionStream, UserDecompressionStream } from './compression.ts'
import { toUserRequest, userFetch } from './fetch.ts'
import { callingOwner, gated, ownerHere } from './gated.ts'
import { FixedLengthStream, IdentityTransformStream } from './identity-stream.ts'
import { native } from './native.ts'
import { passStream } from './passing.ts'
import { UserRequest, type UserRequestInit } from './request.ts'
import { UserResponse } from './response.ts'
import { createTimerGlobals, setUserTimeout, waitFor } from './timers.ts'
import { UserReadableStream } from './user-readable.ts'

let isInstalled = false
// Raised while the user's modules are evaluated: their top level has no owner yet, but what it
// captures (`class X extends Response`, `const f = fetch`) must be the user's version.
let loadsInProgress = 0

/** Runs `load`, during which classes read from the global object are those of user code. */
export async function withUserClasses<T>(load: () => Promise<T>): Promise<T> {
  loadsInProgress += 1
  try {
    return await load()
  } finally {
    loadsInProgress -= 1
  }
}

/**
 * Puts the gated versions of timers, fetch, Request, Response, WebSocket and crypto in place, once per
 * thread. Code without an owner (the embedding program, Node itself) keeps getting Node's own behaviour.
 */
export function installGlobals(): void {
  if (isInstalled) return
  isInstalled = true
  inheritFrom(UserRequest, native.Request)
  inheritFrom(UserResponse, native.Response)
  definePerOwner('Request', native.Request, UserRequest)
  definePerOwner('Response', native.Response, UserResponse)
  installStreams()
  definePerOwner('WebSocket', native.WebSocket, UserWebSocket)
  // Node has no such classes.
  definePerOwner('WebSocketPair', undefined, WebSocketPair)
  definePerOwner('WebSocketRequestResponsePair', undefined, WebSocketRequestResponsePair)
  const functions = {
    ...createTimerGlobals(),
    fetch: (input: unknown, init?: UserRequestInit) => {
      const owner = callingOwner('fetch')
      if (owner === undefined) return native.fetch(input as string, init as RequestInit)
      return userFetch(owner, toUserRequest(input), init)
    },
    queueMicrotask: (callback: () => void) => {
      native.queueMicrotask(typeof callback === 'function' ? guarded(callback) : callback)
    },
  }
  for (const [name, value] of Object.entries(functions)) {
    Object.defineProperty(value, 'name', { value: name, configurable: true })
    Object.defineProperty(globalThis, name, { value, configurable: true, writable: true })
  }
  Object.defineProperty(globalThis, 'scheduler', {
    value: { wait: userWait },
    configurable: true,
    writable: true,
  })
  gateAbortTimeout()
  gatePromises(crypto.subtle, Object.getPrototypeOf(crypto.subtle) as object)
}

function installStreams(): void {
  passAlso(passStream)
  definePerOwner('ReadableStream', native.ReadableStream, UserReadableStream)
  const { CompressionStream, DecompressionStream, TransformStream } = native
  Object.defineProperty(UserCompressionStream, 'name', { value: 'CompressionStream' })
  Object.defineProperty(UserDecompressionStream, 'name', { value: 'DecompressionStream' })
  definePerOwner('CompressionStream', CompressionStream, UserCompressionStream)
  definePerOwner('DecompressionStream', DecompressionStream, UserDecompressionStream)
  Object.setPrototypeOf(IdentityTransformStream, TransformStream)
  Object.setPrototypeOf(IdentityTransformStream.prototype, TransformStream.prototype)
  for (const value of [IdentityTransformStream, FixedLengthStream]) {
    Object.defineProperty(globalThis, value.name, { value, configurable: true, writable: true })
  }
}

function userWait(delayMs: number, options?: { signal?: AbortSignal }): Promise<void> {
  const owner = callingOwner('scheduler.wait')
  if (owner !== undefined) return waitFor(owner, Number(delayMs) || 0, options?.signal)
  return new Promise((resolve) => native.setTimeout(resolve, delayMs))
}

// `instanceof Response` holds for both classes: what the shared base declares is copied onto the
// user's class, which is then hung under Node's.
function inheritFrom(user: { prototype: object }, node: { prototype: object }): void {
  const name = (node as { name?: string }).name ?? ''
  Object.defineProperty(user, 'name', { value: name, configurable: true })
  const prototype = user.prototype
  const base = Object.getPrototypeOf(prototype) as object
  for (const key of Reflect.ownKeys(base)) {
    if (key === 'constructor' || Object.hasOwn(prototype, key)) continue
    const descriptor = Object.getOwnPropertyDescriptor(base, key)
    if (descriptor !== undefined) Object.defineProperty(prototype, key, descriptor)
  }
  Object.setPrototypeOf(prototype, node.prototype)
}

function definePerOwner(name: string, node: unknown, user: unknown): void {
  let replaced: unknown
  Object.defineProperty(globalThis, name, {
    configurable: true,
    get: () => replaced ?? (loadsInProgress > 0 || ownerHere() !== undefined ? user : node),
    set: (value: unknown) => {
      replaced = value
    },
  })
}

/** A throw in a microtask belongs to the owner of the code, not to the process. */
function guarded(callback: () => void): () => void {
  const owner = ownerHere()
  if (owner === undefined) return callback
  return () => {
    try {
      callback()
    } catch (error) {
      owner.uncaught(error)
    }
  }
}

// `AbortSignal.timeout` of user code aborts in an event of its owner, as any timer fires. [GL2]
function gateAbortTimeout(): void {
  const timeout = AbortSignal.timeout
  AbortSignal.timeout = (delayMs: number): AbortSignal => {
    const owner = callingOwner('AbortSignal.timeout')
    if (owner === undefined) return timeout.call(AbortSignal, delayMs)
    const control = new AbortController()
    const text = 'The operation was aborted due to timeout'
    setUserTimeout(owner, () => control.abort(new DOMException(text, 'TimeoutError')), delayMs)
    return control.signal
  }
}

// Every method of WebCrypto that returns a promise settles it by a delivered event. [GL5]
function gatePromises(target: object, prototype: object): void {
  for (const name of Object.getOwnPropertyNames(prototype)) {
    const method: unknown = Object.getOwnPropertyDescriptor(prototype, name)?.value
    if (typeof method !== 'function' || name === 'constructor') continue
    const wrapped = (...values: unknown[]): unknown => {
      const start = (): Promise<unknown> =>
        Reflect.apply(method, target, values) as Promise<unknown>
      const owner = callingOwner(`crypto.subtle.${name}`)
      return owner === undefined ? start() : gated(owner, start)
    }
    Object.defineProperty(prototype, name, { value: wrapped, configurable: true, writable: true })
  }
}
