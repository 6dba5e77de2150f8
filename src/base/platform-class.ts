/**
 * Makes `type` look as the reference's classes do: named `name`, its members enumerable (`for … in`
 * finds them), and `Object.prototype.toString` says what it is. Call once, after the class.
 */
export function definePlatformClass(type: { prototype: object }, name: string): void {
  Object.defineProperty(type, 'name', { value: name, configurable: true })
  for (const [key, descriptor] of Object.entries(
    Object.getOwnPropertyDescriptors(type.prototype),
  )) {
    if (key === 'constructor') continue
    Object.defineProperty(type.prototype, key, { ...descriptor, enumerable: true })
  }
  Object.defineProperty(type.prototype, Symbol.toStringTag, { value: name, configurable: true })
}

/** Own properties of an instance that programs can list and read, and not assign. */
export function defineReadonly(target: object, values: Readonly<Record<string, unknown>>): void {
  for (const [key, value] of Object.entries(values)) {
    Object.defineProperty(target, key, { value, enumerable: true, configurable: true })
  }
}

/** How the reference refuses an argument. @param position from 1 */
export function wrongParameter(
  type: string,
  method: string,
  position: number,
  wanted: string,
): TypeError {
  return new TypeError(
    `Failed to execute '${method}' on '${type}': parameter ${position} is not of type '${wanted}'.`,
  )
}

/** What the reference throws when a method is called on something else than its object. */
export function illegalInvocation(): TypeError {
  return new TypeError(
    'Illegal invocation: function called with incorrect `this` reference. See https://developers.cloudflare.com/workers/observability/errors/#illegal-invocation-errors for details.',
  )
}
