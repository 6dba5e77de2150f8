// What `import … from 'cloudflare:workers'` (or 'sluice/workers') gives. In a loaded project `env` is
// overridden with the project's own; see load-project.ts.

import { ownerHere } from '../globals/index.ts'
import { DurableObject, Incarnation, WorkerRequest } from '../objects/index.ts'
import { RpcTarget } from '../rpc/index.ts'

export { DurableObject, RpcTarget }

/** Base of a worker written as a class: `fetch` is called on a new instance for each request. */
export class WorkerEntrypoint<Env = unknown> {
  protected readonly ctx: unknown
  protected readonly env: Env

  constructor(ctx: unknown, env: Env) {
    this.ctx = ctx
    this.env = env
  }
}

/** Outside of a loaded project there are no bindings. */
export const env: Readonly<Record<string, unknown>> = Object.freeze({})

/** Keeps the work of the event that runs now going after its answer. */
export function waitUntil(promise: unknown): void {
  const owner = ownerHere()
  if (!(owner instanceof Incarnation || owner instanceof WorkerRequest)) {
    throw new Error('Cannot call waitUntil(): no event of an object or a worker is running')
  }
  owner.waitUntil(promise)
}
