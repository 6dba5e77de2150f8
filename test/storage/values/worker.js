// Puts one value of each kind; and tells what it reads.

import { DurableObject } from 'cloudflare:workers'
import { kinds } from './kinds.js'

const describe = (value, seen = new Map()) => {
  if (typeof value !== 'object' || value === null) {
    return Object.is(value, -0) ? '-0' : `${typeof value} ${String(value)}`
  }
  if (seen.has(value)) return `the same as ${seen.get(value)}`
  seen.set(value, seen.size)
  const tag = Object.prototype.toString.call(value)
  const parts = []
  if (value instanceof Map)
    for (const [k, v] of value) parts.push(describe(k, seen), describe(v, seen))
  else if (value instanceof Set) for (const v of value) parts.push(describe(v, seen))
  else if (value instanceof ArrayBuffer)
    parts.push([...new Uint8Array(value)].join(), value.resizable, value.maxByteLength)
  else if (ArrayBuffer.isView(value))
    parts.push(value.byteOffset, value.byteLength, describe(value.buffer, seen))
  else if (value instanceof DOMException) parts.push(value.name, value.message)
  else {
    if (!Array.isArray(value) && typeof value.valueOf?.() !== 'object') parts.push(String(value))
    if (value instanceof Error) parts.push(value.name, value.message)
    if (value instanceof RegExp) parts.push(String(value))
    for (const key of Object.keys(value)) parts.push(key, describe(value[key], seen))
  }
  return [tag, Array.isArray(value) ? value.length : '', ...parts]
}

export class Values extends DurableObject {
  async put() {
    for (const [name, make] of Object.entries(kinds)) await this.ctx.storage.put(name, make())
    await this.ctx.storage.sync()
  }

  async read() {
    const values = {}
    for (const [name, value] of await this.ctx.storage.list()) values[name] = describe(value)
    return values
  }
}

export default {
  async fetch(request, env) {
    const method = new URL(request.url).pathname.slice(1)
    return Response.json((await env.Values.getByName('x')[method]()) ?? null)
  },
}
