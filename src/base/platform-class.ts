const prototypes = new WeakSet<object>()
let areGlobalsKnown = false

// Of JavaScript itself: V8 knows what can be copied of them.
const languageClasses = new Set([
  ...['ArrayBuffer', 'AsyncDisposableStack', 'BigInt', 'DataView', 'DisposableStack'],
  ...['FinalizationRegistry', 'Iterator', 'Map', 'Promise', 'Set', 'SharedArrayBuffer', 'Symbol'],
  ...['WeakMap', 'WeakRef', 'WeakSet'],
])

/** Whether instances belong to the platform (streams, requests, ids): they are no data of a program. */
export function isPlatformPrototype(prototype: object): boolean {
  if (!areGlobalsKnown) findGlobals()
  return prototypes.has(prototype)
}

/** Instances of `type`, and of the program's classes that extend it, are objects of the platform. */
export function registerPlatformClass(type: { prototype: object }): void {
  prototypes.add(type.prototype)
}

// At the first question: until then the platform's classes may be replaced.
function findGlobals(): void {
  areGlobalsKnown = true
  for (const name of Object.getOwnPropertyNames(globalThis)) {
    if (!/^[A-Z]/.test(name) || languageClasses.has(name)) continue
    const value = Reflect.get(globalThis, name) as { readonly prototype?: unknown } | undefined
    if (typeof value !== 'function') continue
    const { prototype } = value as { readonly prototype?: unknown }
    if (typeof prototype !== 'object' || prototype === null) continue
    if (Object.hasOwn(prototype, Symbol.toStringTag)) prototypes.add(prototype)
  }
}

/**
 * Makes `type` look as the reference's classes do: named `name`, its members enumerable (`for … in`
 * finds them), and `Object.prototype.toString` says what it is. Call once, after the class.
 *
 * @param members the members in the reference's order, those of base classes among them, which the
 *   class then has itself: the reference's classes share code, and no prototypes
 */
export function definePlatformClass(
  type: { prototype: object },
  name: string,
  members?: readonly string[],
): void {
  registerPlatformClass(type)
  Object.defineProperty(type, 'name', { value: name, configurable: true })
  if (members !== undefined) takeMembers(type.prototype, members)
  for (const [key, descriptor] of Object.entries(
    Object.getOwnPropertyDescriptors(type.prototype),
  )) {
    if (key === 'constructor') continue
    Object.defineProperty(type.prototype, key, { ...descriptor, enumerable: true })
  }
  Object.defineProperty(type.prototype, Symbol.toStringTag, { value: name, configurable: true })
}

function takeMembers(prototype: object, members: readonly string[]): void {
  const found = new Map<string, PropertyDescriptor>()
  for (let at = prototype; at !== Object.prototype; at = Object.getPrototypeOf(at) as object) {
    for (const [key, descriptor] of Object.entries(Object.getOwnPropertyDescriptors(at))) {
      if (!found.has(key)) found.set(key, descriptor)
    }
  }
  for (const key of [...members, 'constructor']) {
    const descriptor = found.get(key)
    if (descriptor === undefined) throw new Error(`Cannot define '${key}': the class has none`)
    Reflect.deleteProperty(prototype, key)
    Object.defineProperty(prototype, key, descriptor)
    found.delete(key)
  }
  if (found.size > 0)
    throw new Error(`Cannot define a class: '${[...found.keys()][0]}' is not told`)
  Object.setPrototypeOf(prototype, Object.prototype)
}

/** Own properties of an instance that programs can list and read, and not assign. */
export function defineReadonly(target: object, values: Readonly<Record<string, unknown>>): void {
  for (const key of Object.keys(values)) {
    Object.defineProperty(target, key, { value: values[key], enumerable: true, configurable: true })
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
