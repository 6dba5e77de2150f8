import { definePlatformClass, wrongParameter } from '../base/index.ts'
import type { WorkerRequest } from '../objects/index.ts'
import { type Tracing, tracing } from './tracing.ts'

export interface ExecutionContextParts {
  readonly props: unknown
  /** Undefined when the project's compatibility date is before `ctx.exports`. */
  readonly exports: object | undefined
}

/** `ctx` of the stateless worker: of its default export and of its other entrypoints. */
export class ExecutionContext {
  readonly tracing: Tracing = tracing
  /** Cloudflare Access stands before no program here. */
  readonly access = undefined
  /** There is no cache in front of a program here. */
  readonly cache = undefined
  readonly props: unknown
  declare readonly exports?: object
  readonly #request: WorkerRequest

  /** @internal */
  constructor(request: WorkerRequest, { props, exports }: ExecutionContextParts) {
    this.#request = request
    this.props = props
    if (exports !== undefined) this.exports = exports
  }

  /** Keeps the request's work going after its answer; an error is reported. */
  waitUntil(...promises: unknown[]): void {
    if (promises.length === 0) throw wrongParameter('ExecutionContext', 'waitUntil', 1, 'Promise')
    this.#request.waitUntil(promises[0])
  }

  /** There is no origin server behind Sluice to pass through to; accepted and without effect. */
  passThroughOnException(): void {}

  mapVirtualHost(): never {
    throw new Error(
      'Cannot map a virtual host: requests of a program to its own host names are not routed here',
    )
  }

  /** Ends the request: what has no answer yet fails with `reason`, and its code is heard no more. */
  abort(reason?: unknown): void {
    this.#request.abort(
      reason === undefined
        ? new Error('Worker execution was aborted due to call to ctx.abort().')
        : reason,
    )
  }
}

definePlatformClass(ExecutionContext, 'ExecutionContext')
