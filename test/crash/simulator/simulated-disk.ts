// What a disk may hold after the power failed, given everything that was done to it.
//
// The contract is POSIX's and no more: an fsync of a file makes its bytes and its size durable, an
// fsync of a folder makes its entries durable. Anything else survives or not, each sector and each
// entry by itself, in any order. What a failed fsync covered may be lost for ever, even when a later
// one succeeds, unless it is written again: that is what Linux does with the bytes of a file.

import assert from 'node:assert/strict'
import { basename, dirname } from 'node:path'
import { below, pick, type Random } from '../random.ts'
import type { FileEvent } from './trace.ts'

export const sectorBytes = 512

/** The files of a folder by their relative paths, and its folders (`undefined`), parents first. */
export type Image = ReadonlyMap<string, Buffer | undefined>

interface Version<T> {
  readonly number: number
  readonly value: T
  /** A failed sync covered it. */
  isLost: boolean
}

/** A value that is durable, and what was made of it since, oldest first. */
class Versions<T> {
  durable: T
  pending: Version<T>[] = []

  constructor(durable: T) {
    this.durable = durable
  }

  get now(): T {
    return this.pending.at(-1)?.value ?? this.durable
  }

  set(number: number, value: T): void {
    this.pending.push({ number, value, isLost: false })
  }

  /** Everything until `number` was synced, or should have been. */
  sync(number: number, failed: boolean): void {
    const covered = this.pending.findLastIndex((version) => version.number < number)
    if (covered < 0) return
    const last = this.pending[covered] as Version<T>
    if (failed) for (const version of this.pending.slice(0, covered + 1)) version.isLost = true
    else if (!last.isLost) {
      this.durable = last.value
      this.pending.splice(0, covered + 1)
    }
  }

  survivor(survival: Survival): T {
    const version = survival.choose(this.pending)
    return version === undefined ? this.durable : version.value
  }
}

class FileNode {
  readonly size = new Versions(0)
  readonly #sectors: Versions<Uint8Array>[] = []
  readonly #unsynced = new Set<Versions<Uint8Array>>()

  write(number: number, at: number, bytes: Uint8Array): void {
    const end = at + bytes.length
    for (let from = at; from < end; ) {
      const index = Math.floor(from / sectorBytes)
      const offset = from - index * sectorBytes
      const count = Math.min(sectorBytes - offset, end - from)
      const part = bytes.subarray(from - at, from - at + count)
      let value = part
      if (count < sectorBytes) {
        value = this.#sector(index).now.slice()
        value.set(part, offset)
      }
      this.#set(number, index, value)
      from += count
    }
    if (end > this.size.now) this.size.set(number, end)
  }

  truncate(number: number, size: number): void {
    const kept = Math.ceil(size / sectorBytes)
    for (let index = kept; index < this.#sectors.length; index += 1) {
      this.#set(number, index, emptySector)
    }
    const rest = size % sectorBytes
    if (rest > 0 && size < this.size.now) {
      const value = this.#sector(kept - 1).now.slice()
      value.fill(0, rest)
      this.#set(number, kept - 1, value)
    }
    this.size.set(number, size)
  }

  sync(began: number, failed: boolean): void {
    this.size.sync(began, failed)
    for (const sector of this.#unsynced) {
      sector.sync(began, failed)
      if (sector.pending.length === 0) this.#unsynced.delete(sector)
    }
  }

  content(): Buffer {
    return this.#assemble(this.size.now, (sector) => sector.now)
  }

  survivor(survival: Survival): Buffer {
    return this.#assemble(this.size.survivor(survival), (sector) => sector.survivor(survival))
  }

  /** @param content is on the disk for good */
  static of(content: Buffer): FileNode {
    const node = new FileNode()
    node.write(0, 0, content)
    node.sync(1, false)
    return node
  }

  #set(number: number, index: number, value: Uint8Array): void {
    const sector = this.#sector(index)
    sector.set(number, value)
    this.#unsynced.add(sector)
  }

  #sector(index: number): Versions<Uint8Array> {
    while (this.#sectors.length <= index) this.#sectors.push(new Versions(emptySector))
    return this.#sectors[index] as Versions<Uint8Array>
  }

  #assemble(size: number, valueOf: (sector: Versions<Uint8Array>) => Uint8Array): Buffer {
    const bytes = Buffer.alloc(Math.ceil(size / sectorBytes) * sectorBytes)
    for (let at = 0; at < size; at += sectorBytes) {
      const sector = this.#sectors[at / sectorBytes]
      if (sector !== undefined) bytes.set(valueOf(sector), at)
    }
    return bytes.subarray(0, size)
  }
}

const emptySector = new Uint8Array(sectorBytes)

type Node = FileNode | FolderNode
/** Entries that one operation set, and deleted. */
type EntryChange = readonly (readonly [name: string, node: Node | undefined])[]

class FolderNode {
  readonly entries = new Map<string, Node>()
  readonly #durable = new Map<string, Node>()
  #pending: Version<EntryChange>[] = []

  change(number: number, change: EntryChange): void {
    apply(this.entries, change)
    this.#pending.push({ number, value: change, isLost: false })
  }

  sync(began: number, failed: boolean): void {
    // Folders are in the journal of the file system, which forgets nothing that it may still write.
    if (failed) return
    for (const { value } of this.#pending.filter(({ number }) => number < began)) {
      apply(this.#durable, value)
    }
    this.#pending = this.#pending.filter(({ number }) => number >= began)
  }

  survivor(survival: Survival): Map<string, Node> {
    const entries = new Map(this.#durable)
    for (const { value } of survival.chooseEach(this.#pending)) apply(entries, value)
    return entries
  }
}

function apply(entries: Map<string, Node>, change: EntryChange): void {
  for (const [name, node] of change) {
    if (node === undefined) entries.delete(name)
    else entries.set(name, node)
  }
}

/** Which of the things done to one file or folder reached the disk. */
class Survival {
  readonly #random: Random
  readonly #mode: Mode
  readonly #before: number
  readonly #chance: number

  constructor(random: Random, mode: Mode, now: number) {
    this.#random = random
    this.#mode = mode
    // Mostly what was done just now is missing.
    this.#before = now - Math.floor(random() ** 3 * Math.min(now, 2000))
    this.#chance = pick(random, [0.1, 0.5, 0.9])
  }

  /** One of the versions, or the durable state before them. */
  choose<T>(versions: readonly Version<T>[]): Version<T> | undefined {
    if (versions.length === 0) return undefined
    switch (this.#mode) {
      case 'all':
        return versions.at(-1)
      case 'none':
        return undefined
      case 'before':
        return versions.findLast(({ number }) => number < this.#before)
      case 'each':
        if (this.#random() < this.#chance) return versions.at(-1)
        return versions[below(this.#random, versions.length + 1) - 1]
    }
  }

  chooseEach<T>(versions: readonly Version<T>[]): readonly Version<T>[] {
    switch (this.#mode) {
      case 'all':
        return versions
      case 'none':
        return []
      case 'before':
        return versions.filter(({ number }) => number < this.#before)
      case 'each':
        return versions.filter(() => this.#random() < this.#chance)
    }
  }
}

type Mode = 'all' | 'none' | 'before' | 'each'
const modes: readonly Mode[] = ['all', 'none', 'before', 'each', 'each']

/** A folder on a disk. */
export class SimulatedDisk {
  readonly #root: FolderNode
  #now = 1

  /** @param image is on the disk for good */
  constructor(image: Image = new Map()) {
    this.#root = new FolderNode()
    for (const [path, content] of image) {
      const node = content === undefined ? new FolderNode() : FileNode.of(content)
      this.#folder(path).change(0, [[basename(path), node]])
      this.#folder(path).sync(1, false)
    }
  }

  apply(number: number, event: FileEvent): void {
    this.#now = number
    const name = basename(event.path)
    switch (event.kind) {
      case 'create':
      case 'mkdir': {
        assert.equal(this.#find(event.path), undefined, `'${event.path}' is made and exists`)
        const node = event.kind === 'create' ? new FileNode() : new FolderNode()
        this.#folder(event.path).change(number, [[name, node]])
        return
      }
      case 'write':
        this.#file(event.path).write(number, event.at, event.bytes)
        return
      case 'truncate':
        this.#file(event.path).truncate(number, event.size)
        return
      case 'unlink':
        assert.notEqual(this.#find(event.path), undefined, `'${event.path}' does not exist`)
        this.#folder(event.path).change(number, [[name, undefined]])
        return
      case 'rename': {
        assert.equal(dirname(event.path), dirname(event.target), 'a file moves between folders')
        const node = this.#file(event.path)
        this.#folder(event.path).change(number, [
          [basename(event.target), node],
          [name, undefined],
        ])
        return
      }
      case 'sync':
        // A segment may be deleted while its last sync goes on.
        this.#find(event.path)?.sync(event.began, event.failed)
    }
  }

  /** What programs see before the power fails. */
  content(): Image {
    const image = new Map<string, Buffer | undefined>()
    const add = (folder: FolderNode, prefix: string): void => {
      for (const [name, node] of folder.entries) {
        image.set(prefix + name, node instanceof FileNode ? node.content() : undefined)
        if (node instanceof FolderNode) add(node, `${prefix}${name}/`)
      }
    }
    add(this.#root, '')
    return image
  }

  /** One of the many things that the disk may hold if the power fails now. */
  crash(random: Random): Image {
    const image = new Map<string, Buffer | undefined>()
    const usual = pick(random, modes)
    const survival = (): Survival =>
      new Survival(random, random() < 0.5 ? usual : pick(random, modes), this.#now)
    const add = (folder: FolderNode, prefix: string): void => {
      for (const [name, node] of folder.survivor(survival())) {
        const path = prefix + name
        image.set(path, node instanceof FileNode ? node.survivor(survival()) : undefined)
        if (node instanceof FolderNode) add(node, `${path}/`)
      }
    }
    add(this.#root, '')
    return image
  }

  #find(path: string): Node | undefined {
    let node: Node | undefined = this.#root
    for (const name of path === '.' ? [] : path.split('/')) {
      node = node instanceof FolderNode ? node.entries.get(name) : undefined
    }
    return node
  }

  #folder(path: string): FolderNode {
    const node = this.#find(dirname(path))
    assert(node instanceof FolderNode, `the folder of '${path}' does not exist`)
    return node
  }

  #file(path: string): FileNode {
    const node = this.#find(path)
    assert(node instanceof FileNode, `the file '${path}' does not exist`)
    return node
  }
}
