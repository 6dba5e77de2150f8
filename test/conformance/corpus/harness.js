// What the programs of the corpus share. A program is a table of cases, keyed by the rules that they
// ask about and the question: 'R4.1 gives what the callback returns'. See ../README.md.
//
// A case is a function, called in an object of its own with that object; or
// { drive, steps, construct, alarm, fetch, webSocketMessage, …, seconds }: `drive({ fresh, env, ctx })`
// runs in the worker, `fresh()` makes a handle of a new object, `handle.do('step', ...values)` calls
// `steps.step(object, ...values)` in it, and the handlers are called with the object first.

import { DurableObject } from 'cloudflare:workers'

let cases = {}

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

/** What `act` gave, or the error that it threw, as plain JSON. */
export async function attempt(act) {
  try {
    return plain(await act())
  } catch (error) {
    return plainThrown(error)
  }
}

/** `attempt` for what must not wait. */
export function attemptSync(act) {
  try {
    return plain(act())
  } catch (error) {
    return plainThrown(error)
  }
}

function plainThrown(thrown) {
  return thrown instanceof Error ? plain(thrown) : { thrown: plain(thrown) }
}

const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')

/** A JSON value in which everything that JSON does not have is told apart. */
export function plain(value, around = []) {
  switch (typeof value) {
    case 'undefined':
      return '<undefined>'
    case 'function':
      return `<function ${value.name}>`
    case 'symbol':
      return `<${String(value)}>`
    case 'bigint':
      return `<${value}n>`
    case 'number':
      if (Object.is(value, -0)) return '<-0>'
      return Number.isFinite(value) ? value : `<${value}>`
    case 'object':
      break
    default:
      return value
  }
  if (value === null) return null
  if (around.includes(value)) return '<cycle>'
  const inner = (part) => plain(part, [...around, value])
  const entries = () =>
    Object.fromEntries(Object.entries(value).map(([key, part]) => [key, inner(part)]))
  if (Array.isArray(value)) return Array.from(value, inner)
  // Where a DOMException has its properties is the engine's choice, and so is its stack.
  if (value instanceof DOMException) return { error: { name: value.name, message: value.message } }
  if (value instanceof Error) {
    const given = entries()
    // Enumerable in a DOMException, and different in each runtime.
    if ('stack' in given) given.stack = '<stack>'
    return { error: { name: value.name, message: value.message, ...given } }
  }
  if (value instanceof Date) return { Date: inner(value.getTime()) }
  if (value instanceof Map) {
    return { Map: Array.from(value, ([key, part]) => [inner(key), inner(part)]) }
  }
  if (value instanceof Set) return { Set: Array.from(value, inner) }
  if (value instanceof RegExp) return { RegExp: String(value) }
  if (value instanceof ArrayBuffer || ArrayBuffer.isView(value)) {
    const bytes =
      value instanceof ArrayBuffer
        ? new Uint8Array(value)
        : new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
    const text = bytes.length > 256 ? `${bytes.length} bytes` : hex(bytes)
    return { [Object.prototype.toString.call(value).slice(8, -1)]: text }
  }
  const prototype = Object.getPrototypeOf(value)
  if (prototype === null || prototype === Object.prototype) return entries()
  return { [prototype.constructor?.name ?? 'nameless']: entries() }
}

/** The object of a case: it hands its events to the case whose key is in its name. */
export class Subject extends DurableObject {
  log = []
  #case

  constructor(ctx, env) {
    super(ctx, env)
    this.#case = cases[ctx.id.name?.split('#')[0]]
    this.#case?.construct?.(this)
  }

  get storage() {
    return this.ctx.storage
  }

  get sql() {
    return this.ctx.storage.sql
  }

  get kv() {
    return this.ctx.storage.kv
  }

  /** Runs a case that is a function. */
  run() {
    return attempt(() => this.#case(this))
  }

  async step(name, values) {
    return plain(await this.#case.steps[name](this, ...values))
  }

  fetch(request) {
    return this.#case.fetch(this, request)
  }

  alarm(info) {
    return this.#case.alarm?.(this, info)
  }

  webSocketMessage(...values) {
    return this.#case.webSocketMessage?.(this, ...values)
  }

  webSocketClose(...values) {
    return this.#case.webSocketClose?.(this, ...values)
  }

  webSocketError(...values) {
    return this.#case.webSocketError?.(this, ...values)
  }
}

/** One object of a case as the worker holds it. */
class Handle {
  #namespace
  #name

  constructor(namespace, name) {
    this.#namespace = namespace
    this.#name = name
    this.renew()
  }

  /** Takes a new stub of the same object, since a stub stays broken when its object was reset. */
  renew() {
    this.stub = this.#namespace.getByName(this.#name)
    return this
  }

  /** Calls a step of the case in the object; rejects with what the step throws. */
  do(step, ...values) {
    return this.stub.step(step, values)
  }
}

/** The worker of a program: gives the list of its cases, or the answer of one. */
export function serve(table) {
  cases = table
  return {
    async fetch(request, env, ctx) {
      const key = new URL(request.url).searchParams.get('case')
      if (key === null) {
        const list = Object.entries(table)
        return Response.json(list.map(([name, { seconds = 0 }]) => ({ name, seconds })))
      }
      let count = 0
      const fresh = (namespace = env.Subject) => new Handle(namespace, `${key}#${++count}`)
      const { drive } = table[key]
      const answer =
        drive === undefined
          ? await fresh().stub.run()
          : await attempt(() => drive({ fresh, env, ctx }))
      return Response.json(answer)
    },
  }
}
