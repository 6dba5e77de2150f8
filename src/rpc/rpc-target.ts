/**
 * Base of classes whose instances are passed by reference: the receiver gets a stub, and its calls
 * run where the instance lives (reference 1.14).
 *
 * @example
 * ```ts
 * class Counter extends RpcTarget { #n = 0; increment() { return ++this.#n } }
 * ```
 */
export class RpcTarget {}

export function isPlainObject(value: object): boolean {
  return Object.getPrototypeOf(value) === Object.prototype
}

/** What a stub can stand for. */
export function isReceiver(value: object): boolean {
  return typeof value === 'function' || value instanceof RpcTarget || isPlainObject(value)
}
