import { registerPlatformClass } from '../base/index.ts'
import { DurableObjectState } from './state.ts'

/**
 * Base of the classes that users write. `ctx` and `env` are there from the constructor on.
 *
 * @example
 * ```ts
 * export class Counter extends DurableObject {
 *   async increment() {
 *     const next = ((await this.ctx.storage.get<number>('n')) ?? 0) + 1
 *     await this.ctx.storage.put('n', next)
 *     return next
 *   }
 * }
 * ```
 */
export class DurableObject<Env = unknown> {
  protected readonly ctx: unknown
  protected readonly env: Env

  /** @throws TypeError when `ctx` is not that of an object */
  constructor(ctx: unknown, env: Env) {
    if (!(ctx instanceof DurableObjectState)) {
      throw new TypeError(
        "Failed to construct 'DurableObjectBase': constructor parameter 1 is not of type 'DurableObjectState'.",
      )
    }
    this.ctx = ctx
    this.env = env
  }

  static {
    // The reference's own name of it, which its texts have as well.
    Object.defineProperty(DurableObject.prototype, Symbol.toStringTag, {
      value: 'DurableObjectBase',
      configurable: true,
    })
  }
}

registerPlatformClass(DurableObject)
