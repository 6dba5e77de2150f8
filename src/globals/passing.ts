import { DurableError } from '../base/index.ts'
import { sourceOfHostStream } from './byte-source.ts'
import { ownerHere } from './gated.ts'
import { native } from './native.ts'
import { OwnerSink, writableOf } from './owner-sink.ts'
import { OwnerSource, RelayedSource } from './owner-source.ts'
import { UserRequest } from './request.ts'
import { UserResponse } from './response.ts'
import { streamOf, takeSource } from './user-readable.ts'

/**
 * Passes streams, and messages with their bodies, from the code that runs now to another owner: the
 * sender's stream is locked from here on, and the receiver's brings the same bytes. [SM7]
 *
 * @returns what the receiver gets, or undefined for a value of any other kind
 */
export function passStream(value: object): unknown {
  if (value instanceof UserResponse) return UserResponse.receive(value.take(ownerHere()))
  if (value instanceof UserRequest) return UserRequest.receive(value.take(ownerHere()))
  if (value instanceof native.Headers) return new native.Headers(value)
  if (value instanceof native.ReadableStream) return passReadable(value)
  if (value instanceof native.WritableStream) return passWritable(value)
  return undefined
}

function passReadable(stream: ReadableStream): ReadableStream {
  if (stream.locked) throw new TypeError('The ReadableStream has been locked to a reader.')
  const owner = ownerHere()
  if (owner === undefined) return streamOf(sourceOfHostStream(stream))
  const source = takeSource(stream)
  return streamOf(
    source === undefined ? new OwnerSource(owner, stream) : new RelayedSource(owner, source),
  )
}

function passWritable(stream: WritableStream): WritableStream {
  if (stream.locked) {
    throw new TypeError('This WritableStream is currently locked to a writer.')
  }
  const owner = ownerHere()
  if (owner === undefined) {
    throw new DurableError(
      'Cannot pass a WritableStream: no code of an object or of a worker request is running',
    )
  }
  return writableOf(new OwnerSink(owner, stream))
}
