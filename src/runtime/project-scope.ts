import { AsyncLocalStorage } from 'node:async_hooks'
import { wrongParameter } from '../base/index.ts'

/** What code of a project may find by name; the exports are filled in when it is loaded. */
export interface ProjectScope {
  readonly env: Record<string, unknown>
  /** `ctx.exports`. */
  readonly exports: Record<string, unknown>
}

// What `withEnv()` and its like put in place of the project's own, for the code that they call and
// for whatever that awaits. Turns of other owners are entered without it.
const overrides = new AsyncLocalStorage<Partial<ProjectScope>>()

/** Those exports of `cloudflare:workers` that are a project's own. */
export interface ScopeExports {
  readonly env: object
  readonly exports: object
  withEnv(env: unknown, run: unknown): unknown
  withExports(exports: unknown, run: unknown): unknown
  withEnvAndExports(env: unknown, exports: unknown, run: unknown): unknown
}

/** `env`, `exports` and what replaces them for a while, over a project's own. [EX5] */
export function scopeExports(scope: ProjectScope): ScopeExports {
  const current = (): ProjectScope => ({ ...scope, ...overrides.getStore() })
  const runWith = (method: string, replaced: Record<string, unknown>, run: unknown): unknown => {
    if (typeof run !== 'function') {
      throw wrongParameter('EnvModule', method, Object.keys(replaced).length + 1, 'function')
    }
    const objects = Object.entries(replaced).filter(([, value]) => isObject(value))
    return overrides.run({ ...overrides.getStore(), ...Object.fromEntries(objects) }, () =>
      Reflect.apply(run, undefined, []),
    )
  }
  return {
    env: viewOf(() => current().env, true),
    exports: viewOf(() => current().exports, false),
    withEnv: (env, run) => runWith('withEnv', { env }, run),
    withExports: (exports, run) => runWith('withExports', { exports }, run),
    withEnvAndExports: (env, exports, run) => runWith('withEnvAndExports', { env, exports }, run),
  }
}

/** An object that is always what `find` finds; changes go there, or nowhere. */
function viewOf(find: () => object, mayChange: boolean): object {
  const changes: ProxyHandler<object> = {
    set: (_view, key, value) => Reflect.set(find(), key, value),
    deleteProperty: (_view, key) => Reflect.deleteProperty(find(), key),
    defineProperty: (_view, key, descriptor) => Reflect.defineProperty(find(), key, descriptor),
  }
  return new Proxy(
    {},
    {
      get: (_view, key) => Reflect.get(find(), key) as unknown,
      has: (_view, key) => Reflect.has(find(), key),
      ownKeys: () => Reflect.ownKeys(find()),
      // A proxy may only tell of properties that its own target could have.
      getOwnPropertyDescriptor: (_view, key) => {
        const descriptor = Reflect.getOwnPropertyDescriptor(find(), key)
        return descriptor === undefined ? undefined : { ...descriptor, configurable: true }
      },
      ...(mayChange ? changes : { set: () => true }),
    },
  )
}

function isObject(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function'
}

/** What code gets that asks for I/O before any event: while its modules are loaded. */
export function globalScopeError(): Error {
  return new Error(
    'Disallowed operation called within global scope. Asynchronous I/O (ex: fetch() or connect()), setting a timeout, and generating random values are not allowed within global scope. To fix this error, perform this operation within a handler. https://developers.cloudflare.com/workers/runtime-apis/handlers/',
  )
}
