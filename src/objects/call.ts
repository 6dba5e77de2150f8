import { codeOwner, currentTurn, type Entry, type Owner, rootContext } from '../turns/index.ts'

/**
 * One event that asks an owner to run code and wants an answer: a request, an RPC call, a callback.
 *
 * `invoke` and `pack` run in turns of the callee; `reply` and `fail` are called by host code, after
 * the callee's output gate, and exactly one of them once.
 */
export interface InboundCall {
  /** The reference marks errors of the kinds differently (reference 1.15). */
  readonly kind: 'fetch' | 'rpc' | 'alarm'
  invoke(target: object): unknown
  /** Makes of the value what may leave: a copy with stubs in place of what stays here. */
  pack(value: unknown): unknown
  reply(packed: unknown): void
  fail(error: unknown): void
  /** The code has thrown; called in its turn, before the error waits at the gate. */
  threw?(): void
}

/** Who takes calls: an incarnation, a request of the stateless worker, an object not yet awake. */
export interface Callee {
  /** @param entry where the call enters; the root gate when absent */
  deliver(call: InboundCall, entry?: Entry): void
}

export interface OutboundCall<T> {
  readonly kind: InboundCall['kind']
  invoke(target: object): unknown
  pack(value: unknown): unknown
  /** Makes the caller's value; runs in the caller's turn. */
  unpack(packed: unknown): T
}

/**
 * Sends a call from the code that runs now: it leaves through the caller's output gate, and the
 * answer is a delivered event of the caller. Calls of one caller leave in the order made. [EG4]
 */
export function sendCall<T>(
  findCallee: () => Callee,
  call: OutboundCall<T>,
  entry?: Entry,
): Promise<T> {
  const caller = callerHere()
  return new Promise<T>((resolve, reject) => {
    const settle = answerTo(caller)
    const inbound: InboundCall = {
      kind: call.kind,
      invoke: call.invoke,
      pack: call.pack,
      reply: (packed) =>
        settle(() => {
          try {
            resolve(call.unpack(packed))
          } catch (error) {
            reject(error)
          }
        }),
      fail: (error) => settle(() => reject(error)),
    }
    const send = (): void => {
      try {
        rootContext(() => findCallee().deliver(inbound, entry))
      } catch (error) {
        inbound.fail(error)
      }
    }
    if (caller === undefined) send()
    // A broken caller hears nothing: its code no longer runs.
    else caller.egress({ released: send, dropped: () => {} })
  })
}

/** The owner of the code that calls a stub now. */
export function callerHere(): Owner | undefined {
  const turnOwner = currentTurn()?.owner
  const owner = codeOwner.getStore() ?? turnOwner
  if (owner !== undefined && owner !== turnOwner) owner.countStray('a call through a stub')
  return owner
}

/** How host code lets a caller's code go on: by an event in the section that is in force now. */
export function answerTo(caller: Owner | undefined): (run: () => void) => void {
  if (caller === undefined) return (run) => run()
  const entry = caller.entry()
  caller.waitStarted()
  return (run) =>
    entry.deliver(() => {
      caller.waitEnded()
      run()
    })
}
