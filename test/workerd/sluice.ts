// Sluice as its users start it: the real command line in a process of its own.

import { fileURLToPath } from 'node:url'
import { type RunningServer, spawnServer } from './running-server.ts'

export interface SluiceOptions {
  /** A folder with a Wrangler file, or a single .ts or .js file. */
  readonly project: string
  /** The data folder; it outlives the server, so that a second start finds the objects again. */
  readonly data: string
  readonly port?: number
  /** Delays each confirm by this much, so that what the output gate holds can be measured. */
  readonly confirmDelayMs?: number
  /** Makes storage take this much to answer; objects then have no SQL. */
  readonly storageDelayMs?: number | undefined
  readonly pin?: string | undefined
  readonly syncDelayUs?: number | undefined
  readonly signal?: AbortSignal | undefined
}

const binPath = fileURLToPath(new URL('../../bin/sluice.js', import.meta.url))

/** Starts `sluice serve` on a free port of 127.0.0.1. */
export async function startSluice(options: SluiceOptions): Promise<RunningServer> {
  const port = options.port ?? 0
  const args = [
    binPath,
    'serve',
    options.project,
    ...['--host', '127.0.0.1', '--port', String(port), '--data', options.data],
  ]
  if (options.confirmDelayMs !== undefined) {
    args.push('--confirm-delay', String(options.confirmDelayMs))
  }
  if (options.storageDelayMs !== undefined) {
    args.push('--storage-delay', String(options.storageDelayMs))
  }
  return spawnServer({
    command: process.execPath,
    args,
    pin: options.pin,
    syncDelayUs: options.syncDelayUs,
    signal: options.signal,
    announce: (line) => /^Ready on (http:\/\/\S+)/.exec(line)?.[1],
  })
}
