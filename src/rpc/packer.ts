import { types } from 'node:util'
import type { Compatibility } from '../base/index.ts'
import { type Capability, Held, type Parcel } from './capability.ts'
import { Copier, dataCloneError, isCloneable, unserializable } from './copy-value.ts'
import { copyThrown } from './errors.ts'
import { exportValue, notAReceiver } from './exporter.ts'
import { passFurther } from './passable.ts'
import { RpcTarget } from './rpc-target.ts'
import { requireTravelSize } from './size.ts'
import { createStub, failingCapability, stubKind } from './stub.ts'

/**
 * Copies what leaves one owner for another, in the sender's turn. What is passed by reference is
 * replaced by stubs, each with a claim that travels in the parcel.
 *
 * When it throws, the claims made so far are given up again, and the sender's stubs are untouched.
 */
export class Packer extends Copier {
  readonly #references: Held[] = []
  readonly #given: Held[] = []
  readonly #reason: 'argument' | 'result'
  readonly #compatibility: Compatibility

  constructor(reason: 'argument' | 'result', compatibility: Compatibility) {
    super()
    this.#reason = reason
    this.#compatibility = compatibility
  }

  // [RP13] What is returned is always the caller's.
  get #duplicatesStubs(): boolean {
    return this.#reason === 'argument' && this.#compatibility.duplicatesStubs
  }

  /** Stubs of the sender that went along; their claims live on for what is pipelined. */
  get given(): readonly Held[] {
    return this.#given
  }

  pack(value: unknown): Parcel {
    try {
      const copy = this.copy(value)
      requireTravelSize(copy, this.bytesMax)
      for (const held of this.#given) {
        held.transfer()
        if (this.#reason === 'argument') held.release()
      }
      return { value: copy, references: this.#references }
    } catch (error) {
      for (const held of this.#references) held.release()
      throw error
    }
  }

  protected override copySpecial(value: object): unknown {
    const stub = stubKind(value)
    switch (stub?.kind) {
      case undefined:
        break
      case 'stub':
        return this.#passStub(stub.held)
      case 'object':
        if (stub.travel === undefined) throw unserializable(stub.type)
        return stub.travel()
      case 'RpcPromise':
      case 'RpcProperty':
        throw unserializable(stub.kind)
    }
    if (typeof value === 'function' || value instanceof RpcTarget) return this.#passReference(value)
    if (types.isProxy(value)) return this.#passProxy(value)
    if (value instanceof Error) return this.#copyError(value)
    if (isCloneable(value)) return this.#clone(value)
    if (value instanceof Blob && !(value instanceof File))
      return value.slice(0, value.size, value.type)
    if (value instanceof AbortSignal) {
      throw dataCloneError('AbortSignal serialization is not enabled.')
    }
    const further = passFurther(value)
    if (further !== undefined) return further
    throw refusal(value)
  }

  #passStub(held: Held): object {
    const capability = held.isOpen
      ? held.capability
      : failingCapability(new Error('RPC stub used after being disposed.'))
    capability.retain()
    if (held.isOpen && !this.#duplicatesStubs) this.#given.push(held)
    return this.#stubOf(capability)
  }

  #copyError(error: Error): unknown {
    if (this.#compatibility.enhancedErrors) return copyThrown(error)
    return error instanceof DOMException ? copyThrown(error) : structuredClone(error)
  }

  #clone(value: object): unknown {
    if (value instanceof ArrayBuffer) this.bytesMax += value.byteLength
    else if (ArrayBuffer.isView(value)) {
      // Behind a Buffer stands memory that is shared with others.
      this.bytesMax += value.buffer.byteLength
      if (Buffer.isBuffer(value)) return new Uint8Array(value)
    } else if (value instanceof String) this.bytesMax += 2 * value.length
    return structuredClone(value)
  }

  #passReference(value: object): object {
    const passed = this.#duplicatesStubs ? duplicateOf(value) : value
    return this.#stubOf(exportValue(passed, this.#reason))
  }

  #passProxy(value: object): object {
    if (Object.getPrototypeOf(value) === Object.prototype) return this.#passReference(value)
    throw dataCloneError(
      "Proxy could not be serialized because it is not a valid RPC receiver type. The Proxy must emulate either a plain object or an RpcTarget, as indicated by the Proxy's prototype chain.",
    )
  }

  #stubOf(capability: Capability): object {
    const held = new Held(capability)
    this.#references.push(held)
    return createStub(held)
  }
}

/**
 * A copy of props, with stubs in place: functions and RpcTargets may not be among them.
 *
 * @throws DataCloneError
 */
export function copyProps(props: unknown): unknown {
  return new PropsCopier().copy(props)
}

class PropsCopier extends Copier {
  protected override copySpecial(value: object): unknown {
    if (stubKind(value) !== undefined) return value
    if (typeof value === 'function') {
      throw dataCloneError(`${Function.prototype.toString.call(value)} could not be cloned.`)
    }
    if (value instanceof Error) return copyThrown(value)
    if (isCloneable(value)) return structuredClone(value)
    throw refusal(value)
  }
}

// A target may bring a copy of its own for each receiver. [RP13]
function duplicateOf(value: object): object {
  if (!(value instanceof RpcTarget)) return value
  const dup: unknown = Reflect.get(value, 'dup')
  if (typeof dup !== 'function') return value
  const copy: unknown = Reflect.apply(dup, value, [])
  if (copy instanceof RpcTarget) return copy
  throw notAReceiver()
}

// Language objects are refused in V8's words, those of a class in the reference's own.
function refusal(value: object): DOMException {
  const type = typeName(value)
  if (
    value instanceof WeakMap ||
    value instanceof WeakSet ||
    value instanceof WeakRef ||
    value instanceof Promise
  ) {
    return dataCloneError(`#<${type}> could not be cloned.`)
  }
  if (types.isGeneratorObject(value))
    return dataCloneError('[object Generator] could not be cloned.')
  return unserializable(type)
}

function typeName(value: object): string {
  const name = (value.constructor as { name?: unknown } | undefined)?.name
  return typeof name === 'string' && name !== '' ? name : 'Object'
}
