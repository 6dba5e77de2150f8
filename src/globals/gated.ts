import { codeOwner, currentTurn, type Owner, rootContext } from '../turns/index.ts'

/** The owner whose code runs now, without judging whether it may; undefined for host code. */
export function ownerHere(): Owner | undefined {
  return codeOwner.getStore() ?? currentTurn()?.owner
}

/**
 * The owner of the code that calls a patched global; undefined for host code. A call from outside
 * of the owner's own turn is a stray: counted, and answered through the owner's gate all the same.
 */
export function callingOwner(operation: string): Owner | undefined {
  const turnOwner = currentTurn()?.owner
  const owner = codeOwner.getStore() ?? turnOwner
  if (owner !== undefined && owner !== turnOwner) owner.countStray(operation)
  return owner
}

/** A promise for user code, and how host code settles it. */
export interface GatedPromise<T> {
  readonly promise: Promise<T>
  /** Called once, or `reject` instead; by host code or inside a turn. */
  resolve(make: () => T): void
  reject(error: unknown): void
}

/**
 * A promise that is settled by a delivered event of `owner`, through the critical section in which it
 * was made. [GL1]
 */
export function gatedPromise<T>(owner: Owner): GatedPromise<T> {
  const entry = owner.entry()
  const { promise, resolve, reject } = Promise.withResolvers<T>()
  owner.waitStarted()
  const settle = (run: () => void): void =>
    entry.deliver(() => {
      owner.waitEnded()
      run()
    })
  return {
    promise,
    resolve: (make) =>
      settle(() => {
        try {
          resolve(make())
        } catch (error) {
          reject(error as Error)
        }
      }),
    reject: (error) => settle(() => reject(error as Error)),
  }
}

/** Starts host code now, in the root async context, and settles the user's promise by an event. */
export function gated<T>(owner: Owner, start: () => Promise<T>): Promise<T> {
  const { promise, resolve, reject } = gatedPromise<T>(owner)
  rootContext(() => {
    start().then((value) => resolve(() => value), reject)
  })
  return promise
}
