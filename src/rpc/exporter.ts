import type { Capability } from './capability.ts'

/** In what a value is passed out. */
export type ExportReason = 'argument' | 'result' | 'stub'

/** Makes a capability of a value of the code that runs now; the caller gets the claim. */
export type Exporter = (value: object, reason: ExportReason) => Capability

let current: Exporter | undefined

/** Tells how values are exported; whoever runs objects does so when it is loaded. */
export function setExporter(exporter: Exporter): void {
  current = exporter
}

export function exportValue(value: object, reason: ExportReason): Capability {
  if (current === undefined) {
    throw new TypeError(
      'Cannot pass a function or an RpcTarget: nothing runs here that could be called',
    )
  }
  return current(value, reason)
}

/** The reference's text for a value that no stub can stand for. */
export function notAReceiver(): TypeError {
  return new TypeError(
    'RpcStubs can only wrap plain objects, functions, and RpcTarget derivatives.',
  )
}
