/**
 * The world failed: disk, network, limits, or the object was reset.
 *
 * Carries the properties that programs written for the reference look at (reference 1.15); each is
 * an own enumerable property only when true, as there.
 */
export class DurableError extends Error {
  declare readonly retryable?: true
  declare readonly overloaded?: true
  declare readonly durableObjectReset?: true

  constructor(message: string, traits: ErrorTraits = {}) {
    super(message, traits.cause === undefined ? undefined : { cause: traits.cause })
    addTraits(this, traits)
  }

  static {
    // The reference throws plain `Error`s for these; programs print `error.name`.
    Object.defineProperty(DurableError.prototype, 'name', { value: 'Error', configurable: true })
  }
}

/**
 * The program left its database in a state that cannot be committed, and so the object is reset. Callers
 * are not told so by `durableObjectReset`, as on the reference.
 */
export class ConstraintsError extends Error {
  static {
    Object.defineProperty(ConstraintsError.prototype, 'name', {
      value: 'Error',
      configurable: true,
    })
  }
}

export interface ErrorTraits {
  /** The connection was lost or the object moved; the call may be tried again. */
  readonly retryable?: boolean
  /** A limit of queue, time or memory was hit. */
  readonly overloaded?: boolean
  /** The incarnation that served the call broke. */
  readonly durableObjectReset?: boolean
  readonly cause?: unknown
}

/** Sets each trait that is true as an own enumerable property of `error`. */
export function addTraits(error: object, traits: ErrorTraits): void {
  for (const trait of ['retryable', 'overloaded', 'durableObjectReset'] as const) {
    if (traits[trait] === true) Reflect.set(error, trait, true)
  }
}
