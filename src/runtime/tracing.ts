import { AsyncLocalStorage } from 'node:async_hooks'
import { definePlatformClass, wrongParameter } from '../base/index.ts'

const maker = Symbol('Tracing')
const activeSpan = new AsyncLocalStorage<Span>()

/**
 * A stretch of work with a name. Nobody collects spans here, as in a reference without a collector:
 * what is told to one is checked and goes nowhere.
 */
export class Span {
  /** @internal Made by {@link Tracing}. */
  constructor(made?: symbol) {
    if (made !== maker) throw new TypeError('Illegal constructor')
  }

  get isTraced(): false {
    return false
  }

  spanContext(): undefined {}

  setAttribute(_name: string, _value: unknown): this {
    return this
  }

  setAttributes(_attributes: object): this {
    return this
  }

  recordException(_error: unknown): void {}

  updateName(_name: string): this {
    return this
  }

  setStatus(status: { code?: unknown }): this {
    if (!['unset', 'ok', 'error'].includes(status.code as string)) {
      throw new TypeError("Span status code must be 'unset', 'ok', or 'error'.")
    }
    return this
  }

  end(): void {}
}

/** `tracing` of `cloudflare:workers`, and of `ctx`: runs what it is given, within a span. */
export class Tracing {
  /** @internal */
  constructor(made?: symbol) {
    if (made !== maker) throw new TypeError('Illegal constructor')
  }

  /** Calls `callback` with a new span and `values`, and returns what it returns. */
  enterSpan(name?: unknown, callback?: unknown, ...values: unknown[]): unknown {
    return enterSpan('enterSpan', name, callback, values)
  }

  startActiveSpan(name?: unknown, callback?: unknown, ...values: unknown[]): unknown {
    return enterSpan('startActiveSpan', name, callback, values)
  }

  startSpan(name?: unknown): Span {
    requireName('startSpan', name)
    return new Span(maker)
  }

  getActiveSpan(): Span | undefined {
    return activeSpan.getStore()
  }

  withActiveSpan(span?: unknown, callback?: unknown, ...values: unknown[]): unknown {
    if (!(span instanceof Span)) throw wrongParameter('Tracing', 'withActiveSpan', 1, 'Span')
    requireCallback('withActiveSpan', callback)
    return activeSpan.run(span, () => callback(...values))
  }

  get Span(): typeof Span {
    return Span
  }
}

definePlatformClass(Span, 'Span')
definePlatformClass(Tracing, 'Tracing')

export const tracing: Tracing = new Tracing(maker)

function enterSpan(
  method: string,
  name: unknown,
  callback: unknown,
  values: readonly unknown[],
): unknown {
  requireName(method, name)
  requireCallback(method, callback)
  const span = new Span(maker)
  return activeSpan.run(span, () => callback(span, ...values))
}

function requireName(method: string, name: unknown): void {
  if (name === undefined) throw wrongParameter('Tracing', method, 1, 'string')
}

function requireCallback(
  method: string,
  callback: unknown,
): asserts callback is (...values: unknown[]) => unknown {
  if (typeof callback !== 'function') throw wrongParameter('Tracing', method, 2, 'Function')
}
