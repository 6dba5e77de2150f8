// What `import … from 'cloudflare:workers'` (or 'sluice/workers') gives. In a loaded project `env`,
// `exports` and what replaces them are the project's own; see project-scope.ts.

import { wrongParameter } from '../base/index.ts'
import { ownerHere } from '../globals/index.ts'
import { DurableObject, Incarnation, WorkerRequest } from '../objects/index.ts'
import { RpcPromise, RpcProperty, RpcStub, RpcTarget } from '../rpc/index.ts'
import { ExecutionContext } from './execution-context.ts'
import { globalScopeError, type ScopeExports, scopeExports } from './project-scope.ts'
import { ServiceStub } from './service-stub.ts'
import { tracing } from './tracing.ts'

export { DurableObject, RpcPromise, RpcProperty, RpcStub, RpcTarget, ServiceStub, tracing }

/** Base of a worker written as a class: `fetch` is called on a new instance for each request. */
export class WorkerEntrypoint<Env = unknown> {
  protected readonly ctx: unknown
  protected readonly env: Env

  constructor(ctx: unknown, env: Env) {
    if (typeof ctx !== 'object' || ctx === null) throw notConstructed('WorkerEntrypoint', 'Object')
    this.ctx = ctx
    this.env = env
  }
}

/** Base of workflows, which do not run here: a class may extend it, and nothing makes instances. */
export class WorkflowEntrypoint<Env = unknown> {
  protected readonly ctx: unknown
  protected readonly env: Env

  constructor(ctx: unknown, env: Env) {
    if (!(ctx instanceof ExecutionContext)) {
      throw notConstructed('WorkflowEntrypoint', 'ExecutionContext')
    }
    this.ctx = ctx
    this.env = env
  }
}

function notConstructed(type: string, wanted: string): TypeError {
  return new TypeError(
    `Failed to construct '${type}': constructor parameter 1 is not of type '${wanted}'.`,
  )
}

// Outside of a loaded project there are no bindings and no exports.
const scope: ScopeExports = scopeExports({ env: Object.freeze({}), exports: Object.freeze({}) })
export const env: object = scope.env
export const exports: object = scope.exports
export const withEnv: ScopeExports['withEnv'] = scope.withEnv
export const withExports: ScopeExports['withExports'] = scope.withExports
export const withEnvAndExports: ScopeExports['withEnvAndExports'] = scope.withEnvAndExports

/** Programs here have no cache in front of them: nothing can be read of it. */
export const cache: object = Object.freeze(Object.create(null) as object)

/** Key of a method with which the reference restores stubs that were stored; nothing calls it here. */
export const restore: symbol = Symbol('cloudflare:workers:restore')

/** Keeps the work of the event that runs now going after its answer. */
export function waitUntil(...promises: unknown[]): void {
  if (promises.length === 0) throw wrongParameter('EntrypointsModule', 'waitUntil', 1, 'Promise')
  const owner = ownerHere()
  if (!(owner instanceof Incarnation || owner instanceof WorkerRequest)) {
    throw globalScopeError()
  }
  owner.waitUntil(promises[0])
}

/** The reference ends its whole process. Here other programs may live in it, so nothing is ended. */
export function abortIsolate(reason?: unknown): never {
  throw new Error(
    `Cannot abort the isolate (${String(reason)}): its objects share a process with the embedding program. ctx.abort() resets one object`,
  )
}
