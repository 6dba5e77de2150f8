import { createHash, createHmac, randomBytes } from 'node:crypto'

// The name travels on ids up to this size, and survives a restart (reference 1.16).
const nameBytesMax = 1024
const cachedNamesMax = 10_000

/** Names one object for ever: 64 hex digits that only its own namespace accepts. [NM1] */
export class ObjectId {
  // Own enumerable properties, in this order, are part of what programs see (reference 1.16).
  declare readonly jurisdiction?: string
  readonly name: string | undefined
  readonly #hex: string

  /** @internal Made by {@link IdFactory}. */
  constructor(hex: string, name?: string) {
    this.#hex = hex
    this.name = name
    if (name === undefined) delete (this as { name?: string }).name
  }

  /** The 64 hex digits. */
  toString(): string {
    return this.#hex
  }

  equals(other: ObjectId): boolean {
    return other instanceof ObjectId && other.#hex === this.#hex
  }

  static isObjectId(value: unknown): value is ObjectId {
    return typeof value === 'object' && value !== null && #hex in value
  }
}

/**
 * Makes and checks the ids of one namespace, bit for bit as the reference does: half of an id says
 * which object, the other half proves which namespace.
 */
export class IdFactory {
  readonly #key: Buffer
  readonly #named = new Map<string, ObjectId>()

  /** @param uniqueKey distinguishes this namespace from all others, for ever */
  constructor(uniqueKey: string) {
    this.#key = createHash('sha256').update(uniqueKey).digest()
  }

  /** An id that was never made before. */
  newUniqueId(): ObjectId {
    return new ObjectId(this.#seal(randomBytes(16)))
  }

  /** The id that belongs to `name`; the same one at each call. [NM2] */
  idFromName(name: string): ObjectId {
    let id = this.#named.get(name)
    if (id === undefined) {
      const half = createHmac('sha256', this.#key).update(name).digest().subarray(0, 16)
      const kept = Buffer.byteLength(name) <= nameBytesMax ? name : undefined
      id = new ObjectId(this.#seal(half), kept)
      if (this.#named.size >= cachedNamesMax) this.#named.clear()
      this.#named.set(name, id)
    }
    return id
  }

  /**
   * The id that was printed as `hex`.
   *
   * @throws TypeError when it is not one, or belongs to another namespace [NM3]
   */
  idFromString(hex: string): ObjectId {
    if (!/^[0-9a-fA-F]{64}$/.test(hex)) {
      throw new TypeError('Invalid Durable Object ID: must be 64 hex digits')
    }
    const id = new ObjectId(hex.toLowerCase())
    this.requireOwn(id)
    return id
  }

  /** @throws TypeError when `id` is not an id of this namespace */
  requireOwn(id: unknown): asserts id is ObjectId {
    if (ObjectId.isObjectId(id)) {
      if (id === this.#named.get(id.name ?? '')) return
      const hex = id.toString()
      if (this.#seal(Buffer.from(hex.slice(0, 32), 'hex')) === hex) return
    }
    throw new TypeError('Durable Object ID is not valid for this namespace.')
  }

  #seal(half: Buffer): string {
    const proof = createHmac('sha256', this.#key).update(half).digest().subarray(0, 16)
    return half.toString('hex') + proof.toString('hex')
  }
}
