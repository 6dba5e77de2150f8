// What `ctx.exports` has for each export of the project: a stub of an entrypoint, a namespace, or a
// class for facets. Each can be called with props, as the reference's can (1.16).

import { definePlatformClass, wrongParameter } from '../base/index.ts'
import { copyProps, refusingCalls } from '../rpc/index.ts'
import type { Entrypoint } from './entrypoint.ts'
import { becomeNamespace, DurableObjectNamespace, type NamespaceParts } from './namespace.ts'
import {
  becomeObjectClass,
  type Constructor,
  createObjectClass,
  DurableObjectClass,
} from './object-class.ts'
import { ServiceStub } from './service-stub.ts'

class LoopbackServiceStub extends ServiceStub {}
class LoopbackDurableObjectNamespace extends DurableObjectNamespace {}
class LoopbackDurableObjectClass extends DurableObjectClass {}

definePlatformClass(LoopbackServiceStub, 'LoopbackServiceStub')
refusingCalls(LoopbackServiceStub, 'Illegal constructor')
definePlatformClass(LoopbackDurableObjectNamespace, 'LoopbackDurableObjectNamespace')
definePlatformClass(LoopbackDurableObjectClass, 'LoopbackDurableObjectClass')

/** `ctx.exports.<Entrypoint>`: a stub, and called with props a stub with those. */
export function loopbackService(entrypoint: Entrypoint): object {
  const shell = callable(LoopbackServiceStub, (props) => entrypoint.stub(props))
  return entrypoint.stub({}, { object: shell, type: 'LoopbackServiceStub', mayTravel: false })
}

/** `ctx.exports.<Class>` of a class with objects of its own. */
export function loopbackNamespace(parts: NamespaceParts, constructor: Constructor): object {
  const { name } = parts.objectClass
  const namespace = callable(LoopbackDurableObjectNamespace, (props) =>
    createObjectClass({ name, constructor, props }),
  )
  becomeObjectClass(namespace, { name, constructor, props: {} })
  return becomeNamespace(namespace, parts)
}

/** `ctx.exports.<Class>` of a class that is bound to nothing: for facets only. */
export function loopbackClass(name: string, constructor: Constructor): object {
  const shell = callable(LoopbackDurableObjectClass, (props) =>
    createObjectClass({ name, constructor, props }),
  )
  return becomeObjectClass(shell, { name, constructor, props: {} })
}

// A function that has nothing of a function but that it can be called, also with `new`. A bound one has
// no `prototype` of its own, which could not be deleted.
function callable(
  type: { prototype: object; name: string },
  withProps: (props: unknown) => object,
): object {
  const call = function (...values: unknown[]): object {
    return withProps(propsOption(type.name, values[0]))
  }
  const shell = call.bind(undefined)
  Reflect.deleteProperty(shell, 'name')
  Reflect.deleteProperty(shell, 'length')
  return Object.setPrototypeOf(shell, type.prototype) as object
}

function propsOption(type: string, options: unknown): unknown {
  if (typeof options !== 'object' || options === null) {
    throw wrongParameter(type, '(called as function)', 1, 'Options')
  }
  const { props } = options as { props?: unknown }
  if (props === undefined) return {}
  if (typeof props !== 'object' || props === null) {
    throw new TypeError(
      "Incorrect type for the 'props' field on 'Options': the provided value is not of type 'Object'.",
    )
  }
  return copyProps(props)
}
