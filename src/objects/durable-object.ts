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

  constructor(ctx: unknown, env: Env) {
    this.ctx = ctx
    this.env = env
  }
}
