import type { Compatibility } from '../base/index.ts'
import { WorkerRequest } from '../objects/index.ts'
import { copyProps, lookupError } from '../rpc/index.ts'
import { ExecutionContext } from './execution-context.ts'
import type { Constructor } from './object-class.ts'
import type { ProjectScope } from './project-scope.ts'
import { createServiceStub, type Shell } from './service-stub.ts'

/** An export of the project that takes requests: an object with handlers, or a WorkerEntrypoint. */
export class Entrypoint {
  readonly #handler: object
  readonly #scope: ProjectScope
  readonly #compatibility: Compatibility
  readonly #report: (error: unknown) => void

  constructor(
    handler: object,
    scope: ProjectScope,
    compatibility: Compatibility,
    report: (error: unknown) => void,
  ) {
    this.#handler = handler
    this.#scope = scope
    this.#compatibility = compatibility
    this.#report = report
  }

  /** One request's owner; calls and requests that are delivered to it run on an instance of its own. */
  newRequest(props: unknown = {}): WorkerRequest {
    const newTarget = (request: WorkerRequest): object => {
      const { env, exports } = this.#scope
      const ctx = new ExecutionContext(request, {
        props: copyProps(props),
        exports: this.#compatibility.ctxExports ? exports : undefined,
      })
      const handler = this.#handler
      if (typeof handler !== 'function') return handlerCalls(handler, env, ctx)
      return new (handler as Constructor)(ctx, env)
    }
    return new WorkerRequest(newTarget, this.#compatibility, this.#report)
  }

  /**
   * A stub whose every call makes a new instance.
   *
   * @param shell what the stub is a proxy of
   */
  stub(props: unknown, shell?: Shell): object {
    return createServiceStub(
      () => this.newRequest(props),
      () => {},
      shell,
    )
  }
}

/**
 * What calls to an object with handlers run on: like it, but each handler gets `env` and `ctx` behind
 * its one argument.
 */
function handlerCalls(handler: object, env: object, ctx: ExecutionContext): object {
  const get = (name: string | symbol): unknown => {
    const method: unknown = Reflect.get(handler, name)
    if (typeof method !== 'function') return method
    return (...values: unknown[]): unknown => {
      if (values.length === 1) return Reflect.apply(method, handler, [values[0], env, ctx])
      throw lookupError(
        `Attempted to call RPC function "${String(name)}" with the wrong number of arguments. When calling a top-level handler function that is not declared as part of a class, you must always send exactly one argument. In order to support variable numbers of arguments, the server must use class-based syntax (extending WorkerEntrypoint) instead.`,
      )
    }
  }
  return new Proxy(
    {},
    {
      get: (_target, name) => get(name),
      has: (_target, name) => Reflect.has(handler, name),
      getPrototypeOf: () => Reflect.getPrototypeOf(handler),
      // A proxy may only tell of properties that its own target could have.
      getOwnPropertyDescriptor: (_target, name) =>
        Object.hasOwn(handler, name) ? { value: get(name), configurable: true } : undefined,
    },
  )
}
