import { definePlatformClass } from '../base/index.ts'

export type Constructor = new (ctx: unknown, env: unknown) => object

/** Which code runs for an object, and with which `ctx.props`. */
export interface ObjectClassParts {
  readonly name: string
  readonly constructor: Constructor
  readonly props: unknown
}

const classes = new WeakMap<object, ObjectClassParts>()

/** What `ctx.exports.<Class>({ props })` gives: a class for facets. User code can only hand it on. */
export class DurableObjectClass {
  /** @internal */
  constructor() {
    throw new TypeError('Illegal constructor')
  }
}

definePlatformClass(DurableObjectClass, 'DurableObjectClass')

export function createObjectClass(parts: ObjectClassParts): object {
  return becomeObjectClass(Object.create(DurableObjectClass.prototype) as object, parts)
}

/** Lets `target` be used where a class for a facet is wanted. */
export function becomeObjectClass(target: object, parts: ObjectClassParts): object {
  classes.set(target, parts)
  return target
}

/** The class behind `value`, when it is one of ours. */
export function objectClassOf(value: unknown): ObjectClassParts | undefined {
  return (typeof value === 'object' && value !== null) || typeof value === 'function'
    ? classes.get(value)
    : undefined
}
