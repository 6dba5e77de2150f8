import { createHash, createHmac, randomBytes } from 'node:crypto'
import { definePlatformClass, defineReadonly, wrongParameter } from '../base/index.ts'

const storedNameBytesMax = 1024
const cachedNamesMax = 10_000

/** The labels that an id may carry; the reference's types list them. */
export const jurisdictions: readonly string[] = ['eu', 'fedramp', 'fedramp-high', 'us']

const maker = Symbol('IdFactory')

/** Names one object for ever: 64 hex digits that only its own namespace accepts. [NM1] */
export class ObjectId {
  // Own enumerable properties, in this order, are part of what programs see (reference 1.16).
  declare readonly jurisdiction: string | undefined
  declare readonly name: string | undefined
  readonly #hex: string

  /** @internal Made by {@link IdFactory}. */
  constructor(made: symbol, hex: string, name?: string, jurisdiction?: string) {
    if (made !== maker) throw new TypeError('Illegal constructor')
    this.#hex = hex
    defineReadonly(this, { jurisdiction, name })
  }

  /** The 64 hex digits. */
  toString(): string {
    return this.#hex
  }

  /** @throws TypeError when `other` is no id */
  equals(other: unknown): boolean {
    if (!ObjectId.isObjectId(other)) {
      throw wrongParameter('DurableObjectId', 'equals', 1, 'DurableObjectId')
    }
    return other.#hex === this.#hex
  }

  static isObjectId(value: unknown): value is ObjectId {
    return typeof value === 'object' && value !== null && #hex in value
  }
}

definePlatformClass(ObjectId, 'DurableObjectId')

/**
 * Makes and checks the ids of one namespace, bit for bit as the reference does: half of an id says
 * which object, the other half proves which namespace. Ids of a jurisdiction are sealed with a key of
 * their own, so an id's digits say its jurisdiction for ever. [NM4]
 */
export class IdFactory {
  readonly #uniqueKey: string
  readonly #key: Buffer
  readonly #named = new Map<string, ObjectId>()
  readonly jurisdiction: string | undefined
  // Shared by the namespace and its subnamespaces.
  readonly #all: Map<string | undefined, IdFactory>

  /**
   * @param uniqueKey distinguishes this namespace from all others, for ever
   */
  constructor(
    uniqueKey: string,
    jurisdiction?: string,
    all: Map<string | undefined, IdFactory> = new Map(),
  ) {
    const material = jurisdiction === undefined ? uniqueKey : `${uniqueKey}\0${jurisdiction}`
    this.#uniqueKey = uniqueKey
    this.#key = createHash('sha256').update(material).digest()
    this.jurisdiction = jurisdiction
    this.#all = all
    all.set(jurisdiction, this)
  }

  /**
   * The factory of the ids in `jurisdiction`; of those in none, without.
   *
   * @throws TypeError for a jurisdiction that does not exist
   */
  within(jurisdiction: string | undefined): IdFactory {
    if (jurisdiction !== undefined && !jurisdictions.includes(jurisdiction)) {
      throw new TypeError(
        `Cannot use the jurisdiction '${jurisdiction}': one of ${jurisdictions.join(', ')} was wanted`,
      )
    }
    return this.#all.get(jurisdiction) ?? new IdFactory(this.#uniqueKey, jurisdiction, this.#all)
  }

  /** An id that was never made before. */
  newUniqueId(): ObjectId {
    return this.#make(this.#seal(randomBytes(16)))
  }

  /** The id that belongs to `name`; the same one at each call. [NM2] */
  idFromName(name: string): ObjectId {
    let id = this.#named.get(name)
    if (id === undefined) {
      const half = createHmac('sha256', this.#key).update(name).digest().subarray(0, 16)
      id = this.#make(this.#seal(half), name)
      if (this.#named.size >= cachedNamesMax) this.#named.clear()
      this.#named.set(name, id)
    }
    return id
  }

  /**
   * The id that was printed as `hex`, with its jurisdiction.
   *
   * @param name what the id was made from, where that is known otherwise
   * @throws TypeError when it is not one, or belongs to another namespace [NM3]
   */
  idFromString(hex: string, name?: string): ObjectId {
    if (!/^[0-9a-fA-F]{64}$/.test(hex)) {
      throw new TypeError('Invalid Durable Object ID: must be 64 hex digits')
    }
    const digits = hex.toLowerCase()
    for (const jurisdiction of [undefined, ...jurisdictions]) {
      const factory = this.within(jurisdiction)
      if (factory.#hasSealed(digits)) return factory.#make(digits, name)
    }
    throw notOfThisNamespace()
  }

  /**
   * @throws TypeError when `id` is not an id of this namespace, or of another jurisdiction than this
   *   subnamespace's [NM3, NM4]
   */
  requireOwn(id: ObjectId): void {
    if (id === this.#named.get(id.name ?? '')) return
    if (!this.within(id.jurisdiction).#hasSealed(id.toString())) throw notOfThisNamespace()
    if (this.jurisdiction !== undefined && this.jurisdiction !== id.jurisdiction) {
      throw new TypeError(
        'get called on jurisdictional subnamespace with an ID from a different jurisdiction',
      )
    }
  }

  #make(hex: string, name?: string): ObjectId {
    return new ObjectId(maker, hex, name, this.jurisdiction)
  }

  #hasSealed(hex: string): boolean {
    return this.#seal(Buffer.from(hex.slice(0, 32), 'hex')) === hex
  }

  #seal(half: Buffer): string {
    const proof = createHmac('sha256', this.#key).update(half).digest().subarray(0, 16)
    return half.toString('hex') + proof.toString('hex')
  }
}

/** What is stored of an id's name, to be found again after a restart: names up to 1,024 bytes. [NM2] */
export function storedNameOf({ name }: ObjectId): string | undefined {
  return name !== undefined && Buffer.byteLength(name) <= storedNameBytesMax ? name : undefined
}

function notOfThisNamespace(): TypeError {
  return new TypeError('Durable Object ID is not valid for this namespace.')
}
