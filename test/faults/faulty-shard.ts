import { spawnSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createRuntime, type Runtime, type RuntimeOptions } from '../../src/sluice/index.ts'
import type { Fault } from './fault-hook.ts'

export const main: string = fileURLToPath(new URL('program.ts', import.meta.url))
const hook = new URL('fault-hook.ts', import.meta.url).href

export type Answer =
  | { readonly value: unknown }
  | { readonly error: string; readonly isReset: boolean }

/** A shard in a process of its own, on a data folder of its own, whose files can be made to fail. */
export class FaultyShard {
  readonly folder: string = mkdtempSync(join(tmpdir(), 'sluice-faults-'))
  readonly data: string = join(this.folder, 'data')
  #runtime: Runtime | undefined

  constructor() {
    this.fail()
  }

  /** What fails from now on; nothing, when nothing is given. */
  fail(...faults: readonly Fault[]): void {
    const path = join(this.folder, 'faults.json')
    for (const { call } of faults) rmSync(`${path}.${call}`, { force: true })
    // The shard reads it at any time, and must find it whole.
    writeFileSync(`${path}.new`, JSON.stringify(faults))
    renameSync(`${path}.new`, path)
  }

  hasStruck(call: string): boolean {
    return existsSync(join(this.folder, `faults.json.${call}`))
  }

  /** Resolves when a fault of `call` has struck since the last `fail`. */
  async waitForFault(call: string): Promise<void> {
    while (!this.hasStruck(call)) {
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }

  /** @param uid whose process it is, when this one is root's */
  async start(options: Partial<RuntimeOptions> & { uid?: number } = {}): Promise<void> {
    const { uid, ...others } = options
    process.env['NODE_OPTIONS'] = `--import ${hook}`
    process.env['SLUICE_TEST_FAULTS'] = join(this.folder, 'faults.json')
    if (uid !== undefined) process.env['SLUICE_TEST_UID'] = String(uid)
    try {
      this.#runtime = await createRuntime({ main, data: this.data, shard: 'process', ...others })
    } finally {
      delete process.env['NODE_OPTIONS']
      delete process.env['SLUICE_TEST_FAULTS']
      delete process.env['SLUICE_TEST_UID']
    }
  }

  async ask(name: string, method: string, value = ''): Promise<Answer> {
    if (this.#runtime === undefined) throw new Error('the shard is not started')
    const response = await this.#runtime.fetch(`http://x/${name}/${method}/${value}`)
    return (await response.json()) as Answer
  }

  /** As {@link ask}, of what must go well. */
  async get(name: string, method: string, value = ''): Promise<unknown> {
    const answer = await this.ask(name, method, value)
    if ('error' in answer) throw new Error(answer.error)
    return answer.value
  }

  /** The path of an object's database below the data folder. */
  async fileOf(name: string): Promise<string> {
    const id = String(await this.get(name, 'id'))
    const [namespace = ''] = readdirSync(join(this.data, 'objects')).filter(
      (entry) => !entry.includes('.'),
    )
    return join('objects', namespace, `${id}.sqlite`)
  }

  get pid(): number {
    return Number(readFileSync(join(this.data, 'lock'), 'utf8').split(' ')[0])
  }

  /** Sets a limit of the running process. @returns false when this machine has no `prlimit` */
  limit(resource: 'fsize' | 'nofile', soft: number | 'unlimited'): boolean {
    const { status, error } = spawnSync('prlimit', [`--pid=${this.pid}`, `--${resource}=${soft}:`])
    return error === undefined && status === 0
  }

  /**
   * Leaves the running process no descriptor to open anything with, not even one that it has closed
   * before: its limit becomes the lowest number that is free. @returns as {@link limit}
   */
  forbidDescriptors(): boolean {
    const folder = `/proc/${this.pid}/fd`
    if (!existsSync(folder)) return false
    const open = new Set(readdirSync(folder).map(Number))
    let free = 0
    while (open.has(free)) free += 1
    return this.limit('nofile', free)
  }

  segments(): string[] {
    const folder = join(this.data, 'log')
    return readdirSync(folder)
      .toSorted()
      .map((name) => join(folder, name))
  }

  async stop(): Promise<void> {
    await this.#runtime?.close()
    this.#runtime = undefined
  }

  async kill(): Promise<void> {
    process.kill(this.pid, 'SIGKILL')
    await this.#runtime?.ended
    this.#runtime = undefined
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.fail()
    await this.stop()
    rmSync(this.folder, { recursive: true, force: true })
  }

  makeData(): void {
    mkdirSync(this.data, { mode: 0o700 })
  }
}
