// globals: the outside world as user code sees it. Every promise handed to user code here is
// settled by a delivered event of its owner, and everything that leaves asks the owner's output
// gate first. Host code (no owner) passes through untouched.
//
// Knows owners and turns, nothing of objects, storage or servers. Rules: docs/spec/globals.md.

export { Body, type BodyMessage, GivenContent } from './body.ts'
export {
  type ByteSource,
  connectionLost,
  hostStreamOf,
  type Piece,
  readAll,
  sourceOfHostStream,
} from './byte-source.ts'
export { exchangeUnder, lendRequest, lengthOf, withLength } from './exchange.ts'
export { hostBodyOf, messageOfHostRequest, receiveHost, toUserRequest } from './fetch.ts'
export { callingOwner, gated, ownerHere } from './gated.ts'
export { installGlobals, withUserClasses } from './install.ts'
export { native } from './native.ts'
export { type RequestMessage, UserRequest, type UserRequestInit } from './request.ts'
export { type ResponseMessage, UserResponse, type UserResponseInit } from './response.ts'
