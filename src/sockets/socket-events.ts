// The events of a WebSocket and the part of EventTarget that it has, cheaper by far than Node's own
// (a Node MessageEvent alone costs more than all the rest of a message).

import { codeOwner, currentTurn } from '../turns/index.ts'

type EventType = 'message' | 'close' | 'error' | 'open'

/** What `addEventListener` takes. */
export type SocketEventListener =
  | ((event: object) => unknown)
  | { handleEvent(event: object): unknown }

class SocketEventBase {
  readonly type: EventType
  readonly target: object
  defaultPrevented = false
  isStopped = false

  constructor(type: EventType, target: object) {
    this.type = type
    this.target = target
  }

  get currentTarget(): object {
    return this.target
  }

  get srcElement(): object {
    return this.target
  }

  get bubbles(): boolean {
    return false
  }

  get cancelable(): boolean {
    return false
  }

  get composed(): boolean {
    return false
  }

  get timeStamp(): number {
    return 0
  }

  get isTrusted(): boolean {
    return true
  }

  get eventPhase(): number {
    return 2
  }

  composedPath(): object[] {
    return [this.target]
  }

  preventDefault(): void {}

  stopPropagation(): void {}

  stopImmediatePropagation(): void {
    this.isStopped = true
  }
}

export class SocketMessageEvent extends SocketEventBase {
  readonly data: unknown

  constructor(target: object, data: unknown) {
    super('message', target)
    this.data = data
  }

  get origin(): null {
    return null
  }

  get lastEventId(): string {
    return ''
  }

  get source(): null {
    return null
  }

  get ports(): readonly never[] {
    return []
  }
}

export class SocketCloseEvent extends SocketEventBase {
  readonly code: number
  readonly reason: string
  readonly wasClean: boolean

  constructor(target: object, code: number, reason: string, wasClean: boolean) {
    super('close', target)
    this.code = code
    this.reason = reason
    this.wasClean = wasClean
  }
}

export class SocketErrorEvent extends SocketEventBase {
  readonly error: unknown
  readonly message: string
  readonly filename = ''
  readonly lineno = 0
  readonly colno = 0

  constructor(target: object, error: unknown) {
    super('error', target)
    this.error = error
    this.message = `Uncaught ${error instanceof Error ? `${error.name}: ${error.message}` : String(error)}`
  }
}

nameAs(SocketMessageEvent, 'MessageEvent')
nameAs(SocketCloseEvent, 'CloseEvent')
nameAs(SocketErrorEvent, 'ErrorEvent')
for (const [own, node] of [
  [SocketMessageEvent, globalThis.MessageEvent],
  [SocketCloseEvent, globalThis.CloseEvent],
] as const) {
  const fields = Object.getOwnPropertyDescriptors(SocketEventBase.prototype)
  for (const [name, field] of Object.entries(fields)) {
    if (name !== 'constructor') Object.defineProperty(own.prototype, name, field)
  }
  // `instanceof` holds, and nothing of Node's is inherited that is not overridden but constants.
  Object.setPrototypeOf(own.prototype, node.prototype as object)
}

function nameAs(own: object, name: string): void {
  Object.defineProperty(own, 'name', { value: name, configurable: true })
}

interface Registration {
  readonly listener: SocketEventListener
  readonly isOnce: boolean
  isRemoved: boolean
}

/** The part of EventTarget that sockets have; `onmessage` and the like are plain properties. */
export class SocketEventTarget {
  // Replaced, never changed, so that a dispatch under way goes on with what it started with.
  readonly #listeners = new Map<string, readonly Registration[]>()

  addEventListener(
    type: string,
    listener: SocketEventListener | null,
    options?: boolean | { once?: boolean; signal?: AbortSignal },
  ): void {
    if (listener === null || listener === undefined) return
    const { once = false, signal } = typeof options === 'object' ? options : {}
    if (signal?.aborted === true) return
    const known = this.#listeners.get(type) ?? []
    if (known.some((registration) => registration.listener === listener)) return
    this.#listeners.set(type, [...known, { listener, isOnce: once, isRemoved: false }])
    signal?.addEventListener('abort', () => this.removeEventListener(type, listener), {
      once: true,
    })
  }

  removeEventListener(type: string, listener: SocketEventListener | null): void {
    const known = this.#listeners.get(type)
    const registration = known?.find((candidate) => candidate.listener === listener)
    if (known === undefined || registration === undefined) return
    registration.isRemoved = true
    this.#listeners.set(
      type,
      known.filter((candidate) => candidate !== registration),
    )
  }

  /**
   * Calls the listeners now. What they throw is thrown on, once all have run; before a compatibility
   * date, those behind one that throws are not called.
   */
  dispatchEvent(event: object): boolean {
    const { type } = event as { type: string }
    const owner = codeOwner.getStore() ?? currentTurn()?.owner
    const goesOn = owner?.compatibility.dispatchesDespiteErrors !== false
    let failure: { readonly error: unknown } | undefined
    const call = (run: () => unknown): void => {
      try {
        run()
      } catch (error) {
        if (!goesOn) throw error
        failure ??= { error }
      }
    }
    const handler: unknown = Reflect.get(this, `on${type}`)
    if (typeof handler === 'function') call(() => Reflect.apply(handler, this, [event]))
    for (const registration of this.#listeners.get(type) ?? []) {
      if ((event as { isStopped?: boolean }).isStopped === true) break
      if (registration.isRemoved) continue
      const { listener } = registration
      if (registration.isOnce) this.removeEventListener(type, listener)
      call(() =>
        typeof listener === 'function'
          ? Reflect.apply(listener, this, [event])
          : listener.handleEvent(event),
      )
    }
    if (failure !== undefined) throw failure.error
    return (event as { defaultPrevented?: boolean }).defaultPrevented !== true
  }
}

Object.setPrototypeOf(SocketEventTarget.prototype, EventTarget.prototype)
