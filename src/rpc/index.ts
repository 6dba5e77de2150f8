// rpc: values and stubs as messages. Copies values between objects, replaces what travels by
// reference, carries errors over with their properties, and finds what a remote caller may reach.
//
// Knows no transport, no gates and no objects: whoever makes a stub says what a call does.

export { copyValue, type PassSpecial } from './copy-value.ts'
export { copyError, type RemoteTraits } from './errors.ts'
export { passAlso } from './passable.ts'
export {
  callRemote,
  isLookupError,
  isPlainObject,
  lookupError,
  readRemote,
  requireRemoteProperty,
  RpcTarget,
} from './rpc-target.ts'
export { createCallableStub, createObjectStub, stubTarget, type StubTarget } from './stub.ts'
