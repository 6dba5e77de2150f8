// Cuts a recorded run at random points, lets the disk forget what it may, and recovers.

import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { below, makeRandom, pick, type Random } from '../random.ts'
import { Ledger, Violation } from './ledger.ts'
import { runSession } from './session.ts'
import { type Image, SimulatedDisk } from './simulated-disk.ts'
import type { Trace, TraceEvent } from './trace.ts'

export interface CutOptions {
  readonly trace: Trace
  readonly seed: number
  /** Numbers of the cuts to make: each depends on the trace, the seed and its number alone. */
  readonly cuts: readonly number[]
}

export interface CutReport {
  cuts: number
  recoveries: number
  /** Of these, on what a crash during or after a recovery left. */
  recoveriesAgain: number
}

interface Recovery {
  readonly image: Image
  events: Trace
}

/** What went wrong, and where. */
export class CutFailure extends Error {
  override readonly name = 'CutFailure'
  readonly cut: number
  /** What each recovery of this cut began with, and did if that was recorded. */
  readonly recoveries: readonly Recovery[]

  constructor(cut: number, recoveries: readonly Recovery[], message: string, cause: unknown) {
    super(`cut ${cut}: ${message}`, { cause })
    this.cut = cut
    this.recoveries = recoveries
  }
}

/** @throws CutFailure for the first cut that breaks a promise */
export async function checkCuts({ trace, seed, cuts }: CutOptions): Promise<CutReport> {
  const report = { cuts: 0, recoveries: 0, recoveriesAgain: 0 }
  const rare = trace.flatMap((event, i) => (isRare(event) ? [i] : []))
  const planned = cuts.map((cut) => {
    const random = makeRandom(seed * 1_000_003 + cut)
    return { cut, random, place: choosePlace(random, trace, rare) }
  })
  planned.sort((a, b) => a.place - b.place)
  const replay = new Replay(new SimulatedDisk(), new Ledger())
  let applied = 0
  for (const { cut, random, place } of planned) {
    const recoveries: Recovery[] = []
    let where = `after event ${trace[place - 1]?.number}`
    try {
      for (; applied < place; applied += 1) replay.apply(trace[applied] as TraceEvent)
      report.cuts += 1
      let { disk, ledger } = replay.fork()
      for (let depth = 0; ; depth += 1) {
        const image = disk.crash(random)
        const recovery: Recovery = { image, events: [] }
        recoveries.push(recovery)
        const before = ledger.fork()
        const goesOn = depth < 2 && random() < 0.25
        const events = await runSession({ image, ledger, random, isRecorded: goesOn })
        recovery.events = events
        report.recoveries += 1
        if (depth > 0) report.recoveriesAgain += 1
        if (!goesOn) break
        // The recovery, or what followed, is cut as well.
        const next = new Replay(new SimulatedDisk(image), before)
        const end = random() < 0.5 ? startOf(events) : events.length
        const again = below(random, end + 1)
        for (const event of events.slice(0, again)) next.apply(event)
        where += `, then after ${again} of ${events.length} events of recovery ${depth + 1}`
        ;({ disk, ledger } = next)
      }
    } catch (error) {
      throw new CutFailure(cut, recoveries, `${(error as Error).message} (${where})`, error)
    }
  }
  return report
}

/** A run as far as it came. */
class Replay {
  readonly disk: SimulatedDisk
  readonly ledger: Ledger

  constructor(disk: SimulatedDisk, ledger: Ledger) {
    this.disk = disk
    this.ledger = ledger
  }

  apply(event: TraceEvent): void {
    if (event.kind === 'mark') this.ledger.apply(event.mark)
    else this.disk.apply(event.number, event)
  }

  /** The disk is only read. */
  fork(): { disk: SimulatedDisk; ledger: Ledger } {
    return { disk: this.disk, ledger: this.ledger.fork() }
  }
}

/**
 * Compares the folder that a run left with what was recorded: nothing may have happened to it that the
 * recorder does not know.
 */
export function requireComplete(trace: Trace, root: string): void {
  const disk = new SimulatedDisk()
  for (const event of trace) if (event.kind !== 'mark') disk.apply(event.number, event)
  const found = new Map<string, Buffer | undefined>()
  for (const entry of readdirSync(root, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    found.set(relative(root, path), entry.isFile() ? readFileSync(path) : undefined)
  }
  const recorded = disk.content()
  for (const path of new Set([...found.keys(), ...recorded.keys()])) {
    const [real, traced] = [found.get(path), recorded.get(path)]
    const isEqual =
      real === undefined || traced === undefined ? real === traced : real.equals(traced)
    if (found.has(path) && recorded.has(path) && isEqual) continue
    throw new Error(`The recording is not complete: '${path}' is not as it was recorded`)
  }
}

function choosePlace(random: Random, trace: Trace, rare: readonly number[]): number {
  if (rare.length === 0 || random() < 0.5) return below(random, trace.length + 1)
  return Math.min(trace.length, Math.max(0, pick(random, rare) + below(random, 12) - 3))
}

// Where a crash is most likely to do harm.
function isRare(event: TraceEvent): boolean {
  switch (event.kind) {
    case 'create':
    case 'unlink':
      return event.path.endsWith('.log') || event.path.endsWith('.sqlite')
    case 'truncate':
    case 'rename':
    case 'mkdir':
      return true
    case 'sync':
      return event.failed || !event.path.startsWith(join('data', 'log'))
    case 'mark':
      return event.mark.said === 'refused' || event.mark.said === 'started'
    default:
      return false
  }
}

function startOf(events: readonly TraceEvent[]): number {
  return events.findIndex((event) => event.kind === 'mark' && event.mark.said === 'started') + 1
}

export { Violation }
