// objects: one object's life. An incarnation owns an input gate, an output gate and the user's
// instance, is lent the object's store, takes calls, and breaks as a whole. Here `ctx` and
// `ctx.storage` are wired to gates and store, and calls travel between owners.
//
// Knows nothing of HTTP, of which objects exist, of where they live, or of config.

export type { AlarmEnd, AlarmRing } from './alarm-call.ts'
export { type Callee, type InboundCall, type OutboundCall, sendCall } from './call.ts'
export { DurableObject } from './durable-object.ts'
export { EventOwner } from './event-owner.ts'
export { HibernatableSockets, type HibernatableSocketsOptions } from './hibernatable-sockets.ts'
export { Incarnation, type IncarnationOptions } from './incarnation.ts'
export { InboundRpc, type Receiver } from './inbound-rpc.ts'
export { GatedCapability } from './outbound-rpc.ts'
export { DurableObjectState } from './state.ts'
export { DurableObjectStorage } from './storage-api.ts'
export { DurableObjectTransaction } from './storage-transaction.ts'
export { WorkerRequest } from './worker-request.ts'
