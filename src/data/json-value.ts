import { inspect } from 'node:util'

type Json = null | boolean | number | string | Json[] | { [key: string]: Json }

/**
 * A stored value as JSON. What JSON has no word for is an object with `$type`: see
 * docs/spec/data-tools.md. [DT6]
 */
export function toJson(value: unknown): Json {
  return convert(value, [])
}

// `path` holds the objects around the value: one that is among them already is a cycle.
function convert(value: unknown, path: readonly object[]): Json {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return value
    case 'undefined':
      return { $type: 'undefined' }
    case 'bigint':
      return { $type: 'BigInt', value: String(value) }
    case 'number':
      if (Number.isFinite(value) && !Object.is(value, -0)) return value
      return { $type: 'Number', value: Object.is(value, -0) ? '-0' : String(value) }
    case 'object':
      return value === null ? null : convertObject(value, path)
    default:
      return unknownValue(value)
  }
}

function convertObject(value: object, path: readonly object[]): Json {
  const depth = path.indexOf(value)
  // How many levels up.
  if (depth >= 0) return { $type: 'Cycle', up: path.length - depth }
  const inner = [...path, value]
  const inside = (part: unknown): Json => convert(part, inner)
  if (Array.isArray(value)) {
    return Array.from(value, (item, i) => (i in value ? inside(item) : { $type: 'hole' }))
  }
  if (value instanceof Date) {
    const time = value.getTime()
    return { $type: 'Date', value: Number.isNaN(time) ? null : value.toISOString() }
  }
  if (value instanceof RegExp) return { $type: 'RegExp', source: value.source, flags: value.flags }
  if (value instanceof Map) {
    const entries = [...value].map(([key, item]) => [inside(key), inside(item)])
    return { $type: 'Map', entries }
  }
  if (value instanceof Set) return { $type: 'Set', values: [...value].map(inside) }
  if (value instanceof ArrayBuffer) return { $type: 'ArrayBuffer', base64: toBase64(value) }
  if (ArrayBuffer.isView(value)) {
    const { buffer, byteOffset, byteLength } = value
    const bytes = Buffer.from(buffer, byteOffset, byteLength)
    return { $type: typeNameOf(value), base64: bytes.toString('base64') }
  }
  if (value instanceof Error) {
    const { name, message } = value
    return { $type: 'Error', name, message }
  }
  if (typeNameOf(value) !== 'Object') return unknownValue(value)
  const entries = Object.entries(value).map(([key, item]) => [key, inside(item)] as const)
  // An object of the program's that has the tag itself.
  if (Object.hasOwn(value, '$type')) {
    return { $type: 'Object', entries: entries.map(([key, item]) => [key, item]) }
  }
  return Object.fromEntries(entries)
}

function toBase64(buffer: ArrayBuffer): string {
  return Buffer.from(buffer).toString('base64')
}

// Of a boxed primitive, for one.
function unknownValue(value: unknown): Json {
  return { $type: 'other', inspected: inspect(value) }
}

function typeNameOf(value: object): string {
  return Object.prototype.toString.call(value).slice(8, -1)
}
