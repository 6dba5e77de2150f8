import { definePlatformClass, illegalInvocation, wrongParameter } from '../base/index.ts'
import { type IdFactory, ObjectId } from '../names/index.ts'
import { DurableObject } from '../objects/index.ts'
import { lookupError } from '../rpc/index.ts'
import { checkGetOptions, jurisdictionOf, jurisdictionOption, textOf } from './namespace-options.ts'
import type { ObjectClass, ObjectTable, Resident } from './object-table.ts'
import { createServiceStub, ObjectStub } from './service-stub.ts'

/** Answers where an object lives. The local answer is "here". */
export interface ObjectRouter {
  locate(objectClass: ObjectClass, id: ObjectId): Resident
}

export function localRouter(table: ObjectTable): ObjectRouter {
  return { locate: (objectClass, id) => table.resident(objectClass, id) }
}

export interface NamespaceParts {
  readonly ids: IdFactory
  readonly objectClass: ObjectClass
  readonly router: ObjectRouter
}

// Beside the namespaces, since those of `ctx.exports` are functions.
const namespaces = new WeakMap<object, NamespaceParts>()

const className = 'DurableObjectNamespace'

/** `env.NAME` for a Durable Object class (reference 1.16). */
export class DurableObjectNamespace {
  /** @internal */
  constructor() {
    throw new TypeError('Illegal constructor')
  }

  /**
   * An id that was never made before.
   *
   * @param options.jurisdiction a label that the id keeps for ever [NM4]
   * @throws TypeError for an unknown jurisdiction
   */
  newUniqueId(options?: unknown): ObjectId {
    const { ids } = partsOf(this)
    const jurisdiction = jurisdictionOption(options)
    return (jurisdiction === undefined ? ids : ids.within(jurisdiction)).newUniqueId()
  }

  idFromName(...names: unknown[]): ObjectId {
    return partsOf(this).ids.idFromName(firstText('idFromName', names))
  }

  idFromString(...texts: unknown[]): ObjectId {
    return partsOf(this).ids.idFromString(firstText('idFromString', texts))
  }

  /**
   * A stub for the object `id`. Makes no call. [NM5]
   *
   * @throws TypeError for an id of another namespace or jurisdiction; RangeError for a bad option
   */
  get(id?: unknown, options?: unknown): object {
    if (!ObjectId.isObjectId(id)) throw wrongParameter(className, 'get', 1, 'DurableObjectId')
    checkGetOptions('get', options)
    const parts = partsOf(this)
    parts.ids.requireOwn(id)
    return createStub(parts, id)
  }

  getByName(...values: unknown[]): object {
    const name = firstText('getByName', values)
    checkGetOptions('getByName', values[1])
    const parts = partsOf(this)
    return createStub(parts, parts.ids.idFromName(name))
  }

  /**
   * The subnamespace whose ids carry the label `jurisdiction`; without one, that of all ids. [NM4]
   *
   * @throws TypeError for an unknown jurisdiction
   */
  jurisdiction(jurisdiction?: unknown): DurableObjectNamespace {
    const parts = partsOf(this)
    return createNamespace({ ...parts, ids: parts.ids.within(jurisdictionOf(jurisdiction)) })
  }
}

definePlatformClass(DurableObjectNamespace, className)

export function createNamespace(parts: NamespaceParts): DurableObjectNamespace {
  return becomeNamespace(Object.create(DurableObjectNamespace.prototype) as object, parts)
}

/** Makes a namespace of `target`, whose prototype inherits from the class. */
export function becomeNamespace(target: object, parts: NamespaceParts): DurableObjectNamespace {
  namespaces.set(target, parts)
  return target as DurableObjectNamespace
}

function partsOf(namespace: object): NamespaceParts {
  const parts = namespaces.get(namespace)
  if (parts === undefined) throw illegalInvocation()
  return parts
}

function firstText(method: string, values: readonly unknown[]): string {
  if (values.length === 0) throw wrongParameter(className, method, 1, 'string')
  return textOf(values[0])
}

function createStub({ objectClass, router }: NamespaceParts, id: ObjectId): object {
  let resident: Resident | undefined
  // [OB8] The stub stays with the resident it first used, unless that one was merely evicted.
  const findCallee = (): Resident => {
    if (resident === undefined || resident.isRetired) resident = router.locate(objectClass, id)
    return resident
  }
  const shell = { object: new ObjectStub(id), type: 'DurableObject', mayTravel: true }
  return createServiceStub(findCallee, requireRpc, shell)
}

/** @throws TypeError when the class of `instance` does not take calls */
export function requireRpc(instance: object): void {
  if (instance instanceof DurableObject) return
  throw lookupError(
    'The receiving Durable Object does not support RPC, because its class was not declared with `extends DurableObject`. In order to enable RPC, make sure your class extends the special class `DurableObject`, which can be imported from the module "cloudflare:workers".',
  )
}
