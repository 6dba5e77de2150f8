/** What a stub does when it is used; the transport behind it. */
export interface StubTarget {
  /** Calls the method at `path`; the arguments are still the caller's own. */
  call(path: readonly string[], values: unknown[]): Promise<unknown>
  /** Reads the property at `path`. */
  read(path: readonly string[]): Promise<unknown>
}

const stubTargets = new WeakMap<object, StubTarget>()

/** The target behind `value` when it is a stub made here. */
export function stubTarget(value: object): StubTarget | undefined {
  return stubTargets.get(value)
}

/**
 * A stub of an object: whatever `own` has (such as `id` and `fetch`) is answered locally, any other
 * property is a remote method or, awaited, a remote property.
 */
export function createObjectStub(target: StubTarget, own: object): object {
  return createProxy(target, own, true)
}

/** A stub of a function or of an RpcTarget: can be called itself and has remote methods. */
export function createCallableStub(target: StubTarget): object {
  return createProxy(target, callable(target, []), false)
}

function createProxy(target: StubTarget, own: object, hasOwn: boolean): object {
  let members: Map<string, unknown> | undefined
  const stub = new Proxy(own, {
    get(_own, name) {
      if (hasOwn && name in own) return Reflect.get(own, name)
      // A stub is not a promise: `await stub` must give the stub (reference 1.14).
      if (typeof name === 'symbol' || name === 'then') return undefined
      // JSON shows what a stub has of its own.
      if (hasOwn && name === 'toJSON') return undefined
      let member = members?.get(name)
      if (member === undefined) {
        member = createMember(target, [name])
        members ??= new Map()
        members.set(name, member)
      }
      return member
    },
  })
  stubTargets.set(stub, target)
  return stub
}

/** `stub.name`: a method when called, a property when awaited, a path when read further. */
function createMember(target: StubTarget, path: readonly string[]): object {
  return new Proxy(callable(target, path), {
    get(_callable, name) {
      if (name === 'then') {
        return (onValue: (value: unknown) => unknown, onError: (error: unknown) => unknown) =>
          target.read(path).then(onValue, onError)
      }
      if (typeof name === 'symbol') return undefined
      return createMember(target, [...path, name])
    },
  })
}

// An arrow function has no own `prototype`, which the proxy would have to report truthfully.
function callable(target: StubTarget, path: readonly string[]): () => Promise<unknown> {
  return (...values: unknown[]) => target.call(path, values)
}
