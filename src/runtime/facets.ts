import { definePlatformClass, wrongParameter } from '../base/index.ts'
import { ObjectId } from '../names/index.ts'
import type { Incarnation } from '../objects/index.ts'
import { runAsHost } from '../turns/index.ts'
import type { FacetHome, FacetPlace, FacetStart, StartFacet } from './facet-tree.ts'
import { requireRpc } from './namespace.ts'
import { textOf } from './namespace-options.ts'
import { objectClassOf, type ObjectClassParts } from './object-class.ts'
import type { ObjectClass } from './object-table.ts'
import { createServiceStub, newServiceStub } from './service-stub.ts'

const nameBytesMax = 256
const depthMax = 4

export interface FacetsParts {
  readonly incarnation: Incarnation
  readonly home: FacetHome
  /** Of the object whose facets these are; theirs unless told otherwise. */
  readonly id: ObjectId | string
  /** Makes a class of the project usable for a facet. */
  readonly toObjectClass: (parts: ObjectClassParts) => ObjectClass
}

/** `ctx.facets`: objects inside of this one (reference 1.17). */
export class DurableObjectFacets {
  readonly #parts: FacetsParts

  /** @internal */
  constructor(parts: FacetsParts) {
    this.#parts = parts
  }

  /**
   * A stub of the facet `name`. With its first call, a facet that does not run is started: `callback`
   * tells its class, and its id, if that is not this object's. [FC1, FC2]
   *
   * @throws TypeError for a name of more than 256 bytes; Error in a facet of the fourth level
   */
  get(...values: unknown[]): object {
    const name = facetName('get', values, 0)
    const callback = values[1] as () => unknown
    if (typeof callback !== 'function') throw wrongParameter(className, 'get', 2, 'function')
    const { incarnation, home } = this.#parts
    if (home.depth >= depthMax) {
      throw new Error(
        `Facet nesting depth limit exceeded. The maximum depth including the root Durable Object is ${depthMax}.`,
      )
    }
    // The section in which the stub was made is the one in which the facet is asked for.
    const entry = incarnation.entry()
    const start: StartFacet = (started, failed) => {
      incarnation.waitStarted()
      const stopListening = incarnation.onBroken(failed)
      const settle = (act: () => void): void => {
        stopListening()
        incarnation.waitEnded()
        runAsHost(act)
      }
      entry.deliverLater(() => {
        const startup = async (): Promise<FacetStart> => this.#startOf(await callback())
        startup().then(
          (value) => settle(() => started(value)),
          (error: unknown) => settle(() => failed(error)),
        )
      })
    }
    let place: FacetPlace | undefined
    const findCallee = (): FacetPlace => {
      place ??= home.tree.place(home, name, start)
      return place
    }
    return createServiceStub(findCallee, requireRpc, {
      object: newServiceStub(),
      type: 'ServiceStub',
      mayTravel: false,
      refusal: 'Stubs pointing to Durable Object facets are not serializable.',
    })
  }

  /** Ends the facet: its calls fail with `reason`, and the next stub starts it anew. [FC4] */
  abort(...values: unknown[]): void {
    const name = facetName('abort', values, 0)
    if (values.length < 2) throw wrongParameter(className, 'abort', 2, 'Value')
    const [, reason] = values
    const { home } = this.#parts
    home.tree.end(home.number, name, reason instanceof Error ? reason : new Error(String(reason)))
  }

  /** Ends the facet and deletes all that it and its own facets have stored. [FC5] */
  delete(...values: unknown[]): void {
    const name = facetName('delete', values, 0)
    const { incarnation, home } = this.#parts
    const stores = home.tree.delete(home.number, name, new Error('Facet was deleted.'))
    for (const store of stores) incarnation.holdUntilConfirmed(store)
  }

  /**
   * Replaces what the facet `target` and its own facets have stored by what `source` and its have now;
   * `target` is ended. [FC6]
   *
   * @throws Error when `source` is amid a transaction()
   */
  clone(...values: unknown[]): void {
    const source = facetName('clone', values, 0)
    const target = facetName('clone', values, 1)
    const { incarnation, home } = this.#parts
    for (const copy of home.tree.clone(home.number, source, target)) {
      incarnation.holdUntilConfirmed(copy)
    }
  }

  #startOf(options: unknown): FacetStart {
    if (options === undefined || options === null) {
      throw new TypeError(
        'Cannot initialize N7workerd3api19DurableObjectFacets14StartupOptionsE with required members from an undefined or null value.',
      )
    }
    if (typeof options !== 'object') {
      throw new TypeError("Callback returned incorrect type; expected 'Promise'")
    }
    const { class: wanted, id } = options as { class?: unknown; id?: unknown }
    const parts = objectClassOf(wanted)
    if (parts === undefined) {
      throw new TypeError(
        "Incorrect type for the 'class' field on 'StartupOptions': the provided value is not of type 'DurableObjectClass or LoopbackDurableObjectNamespace or LoopbackColoLocalActorNamespace'.",
      )
    }
    return { objectClass: this.#parts.toObjectClass(parts), id: this.#idOf(id) }
  }

  #idOf(id: unknown): ObjectId | string {
    if (id === undefined) return this.#parts.id
    return ObjectId.isObjectId(id) ? id : textOf(id)
  }
}

const className = 'DurableObjectFacets'
definePlatformClass(DurableObjectFacets, className)

function facetName(method: string, values: readonly unknown[], index: number): string {
  if (values.length <= index) throw wrongParameter(className, method, index + 1, 'string')
  const name = textOf(values[index])
  if (name === '') throw new TypeError('Facet name cannot be empty.')
  if (Buffer.byteLength(name) > nameBytesMax) {
    throw new TypeError(`Facet name is too long (max ${nameBytesMax} characters).`)
  }
  return name
}
