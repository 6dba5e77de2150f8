// What a run did to its files, in the order in which it did it, and what it told the outside.

import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { deserialize, serialize } from 'node:v8'
import type { Mark } from './ledger.ts'

/** One operation, once it was done. Paths are relative to the folder that is watched. */
export type FileEvent =
  | { readonly kind: 'create'; readonly path: string }
  | { readonly kind: 'mkdir'; readonly path: string }
  | {
      readonly kind: 'write'
      readonly path: string
      readonly at: number
      readonly bytes: Uint8Array
    }
  | { readonly kind: 'truncate'; readonly path: string; readonly size: number }
  | { readonly kind: 'unlink'; readonly path: string }
  | { readonly kind: 'rename'; readonly path: string; readonly target: string }
  | {
      /** Of a file or a folder. Covers what was done before it began. */
      readonly kind: 'sync'
      readonly path: string
      readonly began: number
      readonly failed: boolean
    }

/** `number` is the place in the order of all threads. */
export type TraceEvent = { readonly number: number } & (
  | FileEvent
  | { readonly kind: 'mark'; readonly mark: Mark }
)

export type Trace = readonly TraceEvent[]

const suffix = '.events'

/** Keeps one thread's part of a trace in a folder. */
export function writePart(directory: string, part: string, events: Trace): void {
  writeFileSync(join(directory, `${part}${suffix}`), serialize(events))
}

/** The parts of all threads as one. */
export function readTrace(directory: string): Trace {
  const parts = readdirSync(directory).filter((name) => name.endsWith(suffix))
  const events = parts.flatMap((name) => deserialize(readFileSync(join(directory, name))) as Trace)
  return events.sort((a, b) => a.number - b.number)
}
