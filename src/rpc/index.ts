// rpc: values and stubs as messages. Copies values between owners, replaces what travels by
// reference, counts who has a claim on what, carries errors over with their properties, and finds
// what a remote caller may reach.
//
// Knows no transport, no gates and no objects: a `Capability` says what a call of it does.

export {
  type Capability,
  dropParcel,
  Held,
  type Operation,
  type Origin,
  type Parcel,
  type StartedCall,
} from './capability.ts'
export { copyError, copyThrown, type RemoteTraits } from './errors.ts'
export { type ExportReason, setExporter } from './exporter.ts'
export { copyProps, Packer } from './packer.ts'
export { passAlso } from './passable.ts'
export {
  callRemote,
  lookupKind,
  lookupError,
  readRemote,
  type ReceiverKind,
} from './receiver.ts'
export { isReceiver, RpcTarget } from './rpc-target.ts'
export {
  createObjectStub,
  refusingCalls,
  RpcPromise,
  RpcProperty,
  RpcStub,
  stubKind,
} from './stub.ts'
