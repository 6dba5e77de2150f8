// What the reference writes for errors, which V8's format leaves to its host: a tag, and what follows it.

import type { Deserializer, Serializer } from 'node:v8'

// The other kinds that the reference stores; objects of the platform, which are not stored here.
const otherKinds: Readonly<Record<number, string>> = {
  4: 'Headers',
  5: 'Request',
  6: 'Response',
  15: 'Blob',
}
const domExceptionTag = 8
const errorTag = 10

/** Of an error; 0 stands before a name. */
const errorTypes: Readonly<Record<number, string>> = {
  1: 'Error',
  2: 'TypeError',
  3: 'RangeError',
  4: 'ReferenceError',
  5: 'SyntaxError',
  10: 'EvalError',
  11: 'URIError',
  12: 'AggregateError',
  13: 'SuppressedError',
}
const typesByName = new Map(Object.entries(errorTypes).map(([tag, name]) => [name, Number(tag)]))

/** An error with its parts as they are written, taken down when it was met. */
export interface ErrorParts {
  readonly kind: 'error'
  readonly name: string
  readonly message: unknown
  readonly properties: Readonly<Record<string, unknown>>
}

export interface DomExceptionParts {
  readonly kind: 'dom-exception'
  readonly texts: readonly [name: string, message: string, stack: string]
}

export type HostParts = ErrorParts | DomExceptionParts

export function writeHostValue(serializer: Serializer, parts: HostParts): void {
  if (parts.kind === 'dom-exception') {
    serializer.writeUint32(domExceptionTag)
    for (const text of parts.texts) {
      const bytes = Buffer.from(text)
      serializer.writeUint32(bytes.byteLength)
      serializer.writeRawBytes(bytes)
    }
    return
  }
  const type = typesByName.get(parts.name)
  serializer.writeUint32(errorTag)
  serializer.writeUint32(type ?? 0)
  if (type === undefined) serializer.writeValue(parts.name)
  serializer.writeValue(parts.message)
  serializer.writeValue(parts.properties)
}

/** @throws Error for what is stored by the reference only */
export function readHostValue(deserializer: Deserializer): object {
  const tag = deserializer.readUint32()
  if (tag === domExceptionTag) return readDomException(deserializer)
  if (tag === errorTag) return readError(deserializer)
  const kind = otherKinds[tag] ?? `kind ${tag}`
  throw new Error(`Cannot read a stored value: it holds an object of type '${kind}'`)
}

function readDomException(deserializer: Deserializer): DOMException {
  const text = (): string => {
    const bytes = deserializer.readRawBytes(deserializer.readUint32())
    return Buffer.from(bytes).toString()
  }
  const [name, message, stack] = [text(), text(), text()]
  const exception = new DOMException(message, name)
  Object.defineProperty(exception, 'stack', { value: stack, writable: true, configurable: true })
  return exception
}

function readError(deserializer: Deserializer): Error {
  const name = errorTypes[deserializer.readUint32()]
  const ownName = name === undefined ? (deserializer.readValue() as string) : undefined
  const message: unknown = deserializer.readValue()
  const properties = deserializer.readValue() as object
  const error = makeError(name ?? 'Error', message as string)
  if (ownName !== undefined) define(error, 'name', ownName)
  for (const [key, value] of Object.entries(properties)) define(error, key, value)
  return error
}

type AnyError = new (...values: unknown[]) => Error

// Classes whose first arguments are other properties, which come on their own.
const messagePlaces: Readonly<Record<string, number>> = { AggregateError: 1, SuppressedError: 2 }

function makeError(name: string, message: string): Error {
  const type = ((globalThis as unknown as Record<string, unknown>)[name] ?? Error) as AnyError
  const before = [[], []].slice(0, messagePlaces[name] ?? 0)
  const error = new type(...before, message)
  for (const key of ['errors', 'error', 'suppressed']) Reflect.deleteProperty(error, key)
  return error
}

function define(error: Error, key: string, value: unknown): void {
  Object.defineProperty(error, key, {
    value,
    writable: true,
    enumerable: true,
    configurable: true,
  })
}
