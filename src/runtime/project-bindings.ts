import type { Compatibility } from '../base/index.ts'
import { IdFactory, type ObjectId } from '../names/index.ts'
import { DurableObject, DurableObjectState, type Incarnation } from '../objects/index.ts'
import { copyProps } from '../rpc/index.ts'
import { Entrypoint } from './entrypoint.ts'
import type { FacetHome } from './facet-tree.ts'
import { DurableObjectFacets } from './facets.ts'
import { loopbackClass, loopbackNamespace, loopbackService } from './loopback.ts'
import { createNamespace, type NamespaceParts, type ObjectRouter } from './namespace.ts'
import type { Constructor, ObjectClassParts } from './object-class.ts'
import type { ObjectClass } from './object-table.ts'
import { ProjectError } from './project-source.ts'
import { globalScopeError, type ProjectScope } from './project-scope.ts'
import type { ProjectDescription } from './shard.ts'
import { WorkerEntrypoint, WorkflowEntrypoint } from './workers-module.ts'

/** What an instance is made of. */
interface Code extends Pick<ObjectClassParts, 'constructor' | 'props'> {
  readonly hasSql: boolean
}

/**
 * What a project finds in `env` and `exports`. `env` is there before the project's own code is loaded,
 * which may use it at once to make ids and stubs; the classes behind it are found afterwards.
 */
export class ProjectBindings {
  readonly scope: ProjectScope
  readonly #project: ProjectDescription
  readonly #namespaces = new Map<string, NamespaceParts>()
  readonly #constructors = new Map<string, Constructor>()
  #router: ObjectRouter | undefined

  constructor(project: ProjectDescription) {
    this.#project = project
    this.scope = { env: { ...project.vars }, exports: {} }
    if (project.durableObjects === 'all-exported') return
    for (const { binding, className } of project.durableObjects) this.#bind(binding, className)
  }

  /** The classes that have objects. */
  get objectClasses(): ObjectClass[] {
    return Array.from(this.#namespaces.values(), ({ objectClass }) => objectClass)
  }

  /**
   * Finds what the project exports.
   *
   * @param report hears of errors that no caller gets
   * @returns its default export, which takes the requests
   * @throws ProjectError when a class is missing, or the default export is no worker
   */
  load(
    exports: Record<string, unknown>,
    compatibility: Compatibility,
    report: (error: unknown) => void,
  ): Entrypoint {
    this.#findClasses(exports)
    const entrypoint = (exported: object): Entrypoint =>
      new Entrypoint(exported, this.scope, compatibility, report)
    Object.assign(this.scope.exports, this.#loopbacks(exports, entrypoint))
    return entrypoint(requireHandler(exports['default']))
  }

  /** From now on stubs can be called. */
  useRouter(router: ObjectRouter): void {
    this.#router = router
  }

  #bind(binding: string, className: string): void {
    let parts = this.#namespaces.get(className)
    if (parts === undefined) {
      const objectClass = this.#objectClass(className)
      const router: ObjectRouter = {
        locate: (of, id) => {
          if (this.#router === undefined) throw globalScopeError()
          return this.#router.locate(of, id)
        },
      }
      parts = { objectClass, ids: new IdFactory(objectClass.uniqueKey), router }
      this.#namespaces.set(className, parts)
    }
    this.scope.env[binding] = createNamespace(parts)
  }

  #objectClass(name: string): ObjectClass {
    return {
      name,
      uniqueKey: `${this.#project.name}-${name}`,
      construct: (incarnation, id, home) =>
        this.#construct(incarnation, id, home, {
          constructor: this.#constructorOf(name),
          props: {},
          hasSql: this.#hasSql(name),
        }),
    }
  }

  #hasSql(className: string): boolean {
    const { durableObjects } = this.#project
    if (durableObjects === 'all-exported') return true
    return durableObjects.every((entry) => entry.className !== className || entry.hasSql)
  }

  #construct(
    incarnation: Incarnation,
    id: ObjectId | string,
    home: FacetHome,
    { constructor, props, hasSql }: Code,
  ): object {
    const { env, exports } = this.scope
    const { deleteAllDeletesAlarm, ctxExports } = incarnation.compatibility
    const toObjectClass = (parts: ObjectClassParts): ObjectClass => ({
      name: parts.name,
      uniqueKey: '',
      // Facets have SQL, whatever is said of objects of their class.
      construct: (facet, facetId, facetHome) =>
        this.#construct(facet, facetId, facetHome, { ...parts, hasSql: true }),
    })
    const state = new DurableObjectState(incarnation, {
      id,
      facets: new DurableObjectFacets({ incarnation, home, id, toObjectClass }),
      props: copyProps(props),
      exports: ctxExports ? exports : undefined,
      deleteAllDeletesAlarm,
      hasSql,
    })
    return new constructor(state, env)
  }

  #constructorOf(name: string): Constructor {
    const constructor = this.#constructors.get(name)
    if (constructor === undefined) throw new ProjectError(`Cannot find the class '${name}'`)
    return constructor
  }

  #findClasses(exports: Record<string, unknown>): void {
    const { durableObjects, main } = this.#project
    if (durableObjects === 'all-exported') {
      for (const [name, value] of Object.entries(exports)) {
        if (name === 'default' || !extendsClass(value, DurableObject)) continue
        this.#constructors.set(name, value)
        this.#bind(name, name)
      }
      return
    }
    for (const { binding, className } of durableObjects) {
      const value = exports[className]
      if (typeof value !== 'function') {
        throw new ProjectError(
          `Cannot bind '${binding}' to the class '${className}': '${main}' does not export it`,
        )
      }
      this.#constructors.set(className, value as Constructor)
    }
  }

  // In the reference's order: workers that are objects, worker classes, classes of objects.
  #loopbacks(
    exports: Record<string, unknown>,
    entrypoint: (exported: object) => Entrypoint,
  ): Record<string, object> {
    const groups: [string, object][][] = [[], [], []]
    for (const [name, value] of Object.entries(exports)) {
      const parts = this.#namespaces.get(name)
      if (typeof value === 'object' && value !== null) {
        groups[0]?.push([name, loopbackService(entrypoint(value))])
      } else if (typeof value !== 'function' || extendsClass(value, WorkflowEntrypoint)) continue
      else if (extendsClass(value, WorkerEntrypoint)) {
        groups[1]?.push([name, loopbackService(entrypoint(value))])
      } else if (parts !== undefined) {
        groups[2]?.push([name, loopbackNamespace(parts, value as Constructor)])
      } else groups[2]?.push([name, loopbackClass(name, value as Constructor)])
    }
    return Object.fromEntries(groups.flat())
  }
}

function extendsClass(value: unknown, base: { prototype: object }): value is Constructor {
  return (
    typeof value === 'function' &&
    Object.prototype.isPrototypeOf.call(base.prototype, value.prototype as object)
  )
}

function requireHandler(exported: unknown): object {
  if (exported === undefined) return {}
  if (extendsClass(exported, WorkerEntrypoint)) return exported
  if (typeof exported === 'object' && exported !== null) return exported
  throw new ProjectError(
    `Cannot use the default export as a worker: it is ${typeof exported}, an object with fetch() or a class extending WorkerEntrypoint was wanted`,
  )
}
