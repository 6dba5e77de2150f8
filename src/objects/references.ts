import {
  callRemote,
  copyValue,
  createCallableStub,
  readRemote,
  RpcTarget,
  type StubTarget,
  stubTarget,
} from '../rpc/index.ts'
import { codeOwner, currentTurn, type Entry } from '../turns/index.ts'
import { type Callee, sendCall } from './call.ts'
import { EventOwner } from './event-owner.ts'

/**
 * Copies a value on its way out of the code that runs now. Functions and RpcTargets stay here: the
 * receiver gets stubs, and calls through them come back in through the section in which the value
 * was passed out (reference 1.3), so a callback made inside blockConcurrencyWhile runs inside it.
 */
export function packValue(value: unknown): unknown {
  return copyValue(value, passByReference)
}

export function packValues(values: readonly unknown[]): unknown[] {
  return values.map(packValue)
}

function passByReference(value: object): unknown {
  if (stubTarget(value) !== undefined) return value
  if (typeof value !== 'function' && !(value instanceof RpcTarget)) return undefined
  const owner = codeOwner.getStore() ?? currentTurn()?.owner
  if (!(owner instanceof EventOwner)) {
    throw new TypeError(
      'Cannot pass a function or an RpcTarget: no code of an object or of a worker request is running, which could be called back',
    )
  }
  return createCallableStub(rpcTarget(() => owner, owner.entry(), value))
}

/**
 * The transport behind every stub of this thread.
 *
 * @param findCallee where calls go; asked at each call
 * @param entry where calls enter the callee; its root gate when absent
 * @param target what the path starts from; the callee's own target when absent
 */
export function rpcTarget(
  findCallee: () => Callee,
  entry?: Entry,
  target?: object,
  check?: (target: object) => void,
): StubTarget {
  const ask = (read: (from: object) => unknown): Promise<unknown> =>
    sendCall(
      findCallee,
      {
        kind: 'rpc',
        invoke: (instance) => {
          check?.(instance)
          return read(target ?? instance)
        },
        pack: packValue,
        unpack: (packed) => packed,
      },
      entry,
    )
  return {
    call: async (path, values) => {
      const packed = packValues(values)
      return ask((from) => callRemote(from, path, packed))
    },
    read: (path) => ask((from) => readRemote(from, path)),
  }
}
