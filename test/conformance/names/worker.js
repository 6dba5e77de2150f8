// Ids, stubs, namespaces and what a program imports by name, as programs see them: members, texts of
// refusals, `ctx.exports`, `env` and what replaces it.

import * as workers from 'cloudflare:workers'
import {
  DurableObject,
  env,
  exports,
  ServiceStub,
  tracing,
  waitUntil,
  withEnv,
  withEnvAndExports,
  withExports,
  WorkerEntrypoint,
  WorkflowEntrypoint,
} from 'cloudflare:workers'
import * as durableObjects from 'cloudflare:durable-objects'

const attempt = async (run) => {
  try {
    const value = await run()
    return value === undefined ? 'undefined' : value
  } catch (error) {
    const { remote, durableObjectReset } = error
    return `${error.name}: ${error.message} ${JSON.stringify({ remote, durableObjectReset })}`
  }
}
const askAll = async (asks) => {
  const answers = {}
  for (const [name, run] of Object.entries(asks)) answers[name] = await attempt(run)
  return answers
}
const tag = (value) => Object.prototype.toString.call(value)
// Every member by name, own ones apart: the order of the constructor differs.
const members = (value) => {
  const levels = []
  for (let p = value; p && p !== Object.prototype; p = Object.getPrototypeOf(p)) {
    const names = Object.getOwnPropertyNames(p).filter((name) => name !== 'constructor')
    levels.push(`${p.constructor?.name}: ${p === value ? names : names.sort()}`)
  }
  return levels
}
const listed = (value) => {
  const names = []
  for (const name in value) names.push(name)
  return names.sort()
}
const property = (value, name) => {
  for (let p = value; p; p = Object.getPrototypeOf(p)) {
    const found = Object.getOwnPropertyDescriptor(p, name)
    if (found === undefined) continue
    const { enumerable, configurable, writable } = found
    return { own: p === value, enumerable, configurable, writable }
  }
  return 'none'
}

const top = { env: Object.keys(env), exports: Object.keys(exports) }
top.id = String(env.C.idFromName('a')).length
try {
  waitUntil(Promise.resolve())
} catch (error) {
  top.waitUntil = error.message
}

export class C extends DurableObject {
  hi(value) {
    return `hi ${value ?? ''}`
  }
  fetch(request) {
    if (request.url.endsWith('/status')) return new Response('x', { status: 404, statusText: 'Nope' })
    return new Response(`${request.method} ${request.url}`)
  }
  about() {
    const { ctx } = this
    return {
      exports: Object.keys(ctx.exports),
      props: ctx.props,
      container: String(ctx.container),
      tag: tag(ctx),
      id: [Object.keys(ctx.id), ctx.id.name ?? null],
      own: Object.keys(this),
      env: [Object.keys(env), this.env === env, ctx.exports === exports],
      property: property(this, 'ctx'),
    }
  }
  entrypoint() {
    return this.ctx.exports.Entry.about(1)
  }
  other() {
    return this.ctx.exports.D.getByName('q').hi()
  }
  waitUntilNothing() {
    return attempt(() => this.ctx.waitUntil())
  }
}
export class D extends DurableObject {
  hi() {
    return 'D'
  }
}
export class Unbound extends DurableObject {}
export class Flow extends WorkflowEntrypoint {}
export class Entry extends WorkerEntrypoint {
  about(value) {
    return [this.ctx.props, value ?? null, Object.keys(this.env), tag(this.ctx)]
  }
  fetch(request) {
    return new Response(`entry ${request.url} ${JSON.stringify(this.ctx.props)}`)
  }
  get getter() {
    return 5
  }
  abort(reason) {
    this.ctx.abort(reason)
  }
}
export class NoFetch extends WorkerEntrypoint {}
export const handler = {
  fetch(request, _env, ctx) {
    return new Response(`handler ${JSON.stringify(ctx.props)}`)
  },
  one(value) {
    return `one ${value}`
  },
}

const ids = async () => {
  const id = env.C.idFromName('a')
  const unique = env.C.newUniqueId()
  return {
    members: [members(id), members(unique)],
    listed: listed(id),
    json: [JSON.stringify(id), JSON.stringify(unique)],
    tag: tag(id),
    properties: ['name', 'jurisdiction', 'toString', 'equals'].map((name) => property(id, name)),
    ...(await askAll({
      equals: () => [id.equals(env.C.idFromName('a')), id.equals(unique), id.equals(env.D.idFromName('a'))],
      equalsNothing: () => id.equals(),
      equalsObject: () => id.equals({}),
      construct: () => new id.constructor(),
      assign: () => {
        id.name = 'b'
      },
      spread: () => JSON.stringify({ ...id }),
      asArgument: () => env.C.getByName('a').hi(id),
      upper: () => env.C.idFromString(String(id).toUpperCase()).toString() === String(id),
      nameOfText: () => String(env.C.idFromString(String(id)).name),
      fromNothing: () => env.C.idFromString(),
      fromNumber: () => env.C.idFromString(5),
      fromSpace: () => env.C.idFromString(` ${id}`),
      fromZeros: () => env.C.idFromString('0'.repeat(64)),
      fromOther: () => env.C.idFromString(String(env.D.idFromName('a'))),
      nameNothing: () => env.C.idFromName(),
      nameNumber: () => env.C.idFromName(5).name,
      nameLong: () => [env.C.idFromName('x'.repeat(1024)).name?.length, env.C.idFromName('x'.repeat(1025)).name.length],
      uniqueOptions: () => env.C.newUniqueId(5),
      uniqueNone: () => String(env.C.newUniqueId({ jurisdiction: undefined })).length,
    })),
  }
}

const namespaces = async () => {
  const { C } = env
  const id = C.idFromName('a')
  const get = (options) => tag(C.get(id, options))
  return {
    members: members(C),
    keys: Object.keys(C),
    listed: listed(C),
    tag: tag(C),
    ...(await askAll({
      nothing: () => C.get(),
      text: () => C.get('a'),
      object: () => C.get({}),
      null: () => C.get(null),
      nameNothing: () => C.getByName(),
      nameNumber: () => C.getByName(5).name,
      nameUndefined: () => C.getByName(undefined).name,
      nameNull: () => C.getByName(null).name,
      nameSymbol: () => C.getByName(Symbol('x')),
      nameEmpty: async () => (await C.getByName('').fetch('http://x/')).text(),
      optionsNumber: () => get(5),
      optionsNull: () => get(null),
      optionsText: () => C.getByName('a', 'x'),
      hint: () => [get({ locationHint: 'bogus' }), get({ locationHint: 5 })],
      routing: () => get({ routingMode: 'x' }),
      routingPrimary: () => get({ routingMode: 'primary-only' }),
      routingUndefined: () => get({ routingMode: undefined }),
      routingNull: () => get({ routingMode: null }),
      version: () => get({ version: { cohort: 'x' } }),
      retry: () => get({ retry: { maxRetries: 3, timeoutMs: 500 } }),
      retryEmpty: () => get({ retry: {} }),
      retryNumber: () => get({ retry: 5 }),
      retryTexts: () => get({ retry: { maxRetries: 'x' } }),
      retryMany: () => get({ retry: { maxRetries: 11 } }),
      retryHalf: () => get({ retry: { maxRetries: 1.5 } }),
      retryNegative: () => get({ retry: { maxRetries: -1 } }),
      retryShort: () => get({ retry: { timeoutMs: 499 } }),
      retryLong: () => get({ retry: { timeoutMs: 60001 } }),
      jurisdictionUndefined: () => tag(C.jurisdiction(undefined)),
      jurisdictionNothing: () => C.jurisdiction().idFromName('a').equals(id),
      illegal: () => C.newUniqueId.call({}),
    })),
  }
}

const stubs = async () => {
  const id = env.C.idFromName('a')
  const stub = env.C.get(id)
  const unique = env.C.get(env.C.newUniqueId())
  return {
    members: members(stub),
    keys: [Object.keys(stub), Object.keys(unique)],
    listed: listed(stub),
    json: JSON.stringify(stub),
    tag: tag(stub),
    properties: ['name', 'id', 'fetch', 'connect', 'other', 'then'].map((name) => property(stub, name)),
    types: ['fetch', 'connect', 'dup', 'then', 'toString', 'get', 'other'].map((name) => typeof stub[name]),
    identity: [stub.name, unique.name ?? null, stub.id === id, stub.id === stub.id, stub.constructor.name],
    instance: [stub instanceof ServiceStub, exports.Entry instanceof ServiceStub, env.C instanceof ServiceStub],
    ...(await askAll({
      fetchNothing: () => stub.fetch(),
      fetchRelative: () => stub.fetch('/rel'),
      fetchNumber: () => stub.fetch(5),
      fetchText: async () => (await stub.fetch('http://x/y')).text(),
      fetchUrl: async () => (await stub.fetch(new URL('http://u/v'))).text(),
      fetchRequest: async () => (await stub.fetch(new Request('http://x/z', { method: 'PUT' }))).text(),
      status: async () => {
        const { status, statusText } = await stub.fetch('http://x/status')
        return [status, statusText]
      },
      get: () => stub.get('http://x/'),
      assign: () => {
        stub.other = 5
        return typeof stub.other
      },
      construct: () => new ServiceStub(),
    })),
    about: await stub.about(),
    waitUntil: await stub.waitUntilNothing(),
  }
}

const exported = async (_request, given, ctx) => {
  const { exports: own } = ctx
  return {
    top,
    keys: Object.keys(own),
    tags: Object.values(own).map((value) => `${typeof value} ${tag(value)}`),
    members: [own.Entry, own.handler, own.C, own.Unbound].map(members),
    same: [own === exports, env === given, env.C === given.C, own.C === exports.C, own.C === env.C],
    ctx: [Object.keys(ctx), tag(ctx), ctx.props],
    ...(await askAll({
      call: () => own.Entry.about(2),
      withProps: () => own.Entry({ props: { a: 1 } }).about(3),
      getter: async () => own.Entry.getter,
      fetch: async () => (await own.Entry.fetch('http://x/')).text(),
      fetchProps: async () => (await own.Entry({ props: { b: 2 } }).fetch('http://x/')).text(),
      callNothing: () => own.Entry(),
      callNumber: () => own.Entry(5),
      propsNumber: () => own.Entry({ props: 5 }),
      propsFunction: () => own.Entry({ props: { f: () => 1 } }),
      missing: () => own.Entry.missing(),
      noFetch: () => own.NoFetch.fetch('http://x/'),
      abort: () => own.Entry.abort('why'),
      abortNothing: () => own.Entry.abort(),
      abortError: () => own.Entry.abort(new RangeError('range')),
      handler: async () => (await own.handler({ props: { z: 1 } }).fetch('http://x/')).text(),
      handlerOne: () => own.handler.one(1),
      handlerNone: () => own.handler.one(),
      namespace: () => own.C.getByName('a').hi(),
      sameIds: () => own.C.idFromName('a').equals(env.C.idFromName('a')),
      class: () => [own.C({ props: { x: 1 } }), own.Unbound({})].map(tag),
      classMembers: () => members(own.Unbound({})),
      classNothing: () => own.Unbound(),
      classFetch: () => own.Unbound.getByName('a'),
      flow: () => String(own.Flow),
      inObject: () => env.C.getByName('a').entrypoint(),
      objectFromObject: () => env.C.getByName('a').other(),
      waitUntilNothing: () => ctx.waitUntil(),
      waitUntilNumber: () => ctx.waitUntil(5),
    })),
  }
}

const scopes = () =>
  askAll({
    withEnv: () => withEnv({ A: 1 }, () => [Object.keys(env), env.A]),
    awaited: () =>
      withEnv({ A: 1 }, async () => {
        await new Promise((resolve) => setTimeout(resolve, 1))
        return Object.keys(env)
      }),
    inObject: () => withEnv({ A: 1 }, () => exports.C.getByName('a').about()),
    null: () => withEnv(null, () => Object.keys(env)),
    number: () => withEnv(5, () => Object.keys(env)),
    noFunction: () => withEnv({}),
    nested: () => withEnv({ A: 1 }, () => withEnv({ B: 2 }, () => Object.keys(env))),
    throws: () =>
      withEnv({ A: 1 }, () => {
        throw new Error('x')
      }),
    after: () => Object.keys(env),
    withExports: () => withExports({ A: 1 }, () => [Object.keys(exports), exports.A, Object.keys(env)]),
    both: () => withEnvAndExports({ A: 1 }, { B: 2 }, () => [Object.keys(env), Object.keys(exports)]),
    changes: () => withEnv({ A: 1 }, () => ['A' in env, 'B' in env, delete env.A, 'A' in env, (env.Z = 3), env.Z]),
    property: () => withEnv({ A: 1 }, () => property(env, 'A')),
    arguments: () => withEnv({ A: 1 }, (...values) => values.length),
    define: () => withEnv({}, () => Object.defineProperty(env, 'D', { value: 1 }).D),
    setExports: () =>
      withExports({}, () => {
        exports.Z = 1
        return Object.keys(exports)
      }),
  })

const modules = () =>
  askAll({
    workers: () => Object.keys(workers),
    kinds: () => Object.values(workers).map((value) => typeof value),
    durableObjects: () => Object.entries(durableObjects).map(([name, value]) => `${name} ${typeof value}`),
    retryable: () => [durableObjects.retryable(), durableObjects.retryable(C.prototype.hi)].map(String),
    retryableNumber: () => durableObjects.retryable(C.prototype.hi, 5),
    waitUntil: () => waitUntil(5),
    waitUntilNothing: () => waitUntil(),
    cache: () => [Object.keys(workers.cache), typeof workers.cache.purge],
    restore: () => String(workers.restore),
    newObject: () => new DurableObject({}, {}),
    newOwnObject: () => new C({}, {}),
    newEntrypoint: () => Object.keys(new WorkerEntrypoint({}, {})),
    newEntrypointOfNothing: () => new WorkerEntrypoint(),
    newFlow: () => new WorkflowEntrypoint({}, {}),
    missing: () => import('cloudflare:' + 'nothing').then(Object.keys),
    enterSpan: () => tracing.enterSpan('x', (span, ...values) => [span.isTraced, span === tracing.getActiveSpan(), ...values], 1),
    startActiveSpan: () => tracing.startActiveSpan('x', () => 1),
    withActiveSpan: () => tracing.withActiveSpan(tracing.startSpan('x'), (...values) => values, 1, 2),
    spanThrows: () =>
      tracing.enterSpan('x', () => {
        throw new Error('y')
      }),
    spanNothing: () => tracing.startSpan(),
    spanNoFunction: () => tracing.enterSpan('x'),
    spanWrong: () => tracing.withActiveSpan(1, () => 1),
    spanStatus: () => tracing.startSpan('x').setStatus({ code: 1 }),
    newSpan: () => new tracing.Span(),
    spanMembers: () => [members(tracing.startSpan('x')), members(tracing)],
  })

const paths = { ids, namespaces, stubs, exported, scopes, modules }

export default {
  async fetch(request, given, ctx) {
    const path = new URL(request.url).pathname.slice(1)
    return Response.json(await paths[path](request, given, ctx))
  },
}
