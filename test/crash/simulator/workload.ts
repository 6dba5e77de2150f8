// Random requests to the objects of the simulator's program, and what the outside learns from the
// answers.

import type { Runtime } from '../../../src/sluice/index.ts'
import { below, pick, type Random } from '../random.ts'
import { type Mark, type Stored, Violation } from './ledger.ts'
import type { AlarmChange, Answer, Kind, Operation, Sizes } from './operations.ts'

export const objectNames: readonly string[] = ['k0', 'k1', 's0', 's1', 'b0', 'b1', 'b2', 'd0', 'd1']

// As often as they are named.
const usual: readonly Kind[] = [
  ...(['write', 'write', 'write', 'write', 'write', 'several', 'several', 'transaction'] as const),
  ...(['transaction', 'nested', 'rollback', 'undone', 'nothing', 'nothing', 'read'] as const),
  ...(['deleteAll', 'renew', 'renew', 'abort', 'cursor', 'peek', 'peek', 'sync'] as const),
]
const withKeys: readonly Kind[] = [...usual, 'unconfirmed']
const withConstraints: readonly Kind[] = [...usual, 'violate', 'violate', 'violate']
const alarmChanges: readonly AlarmChange[] = ['soon', 'far', 'far', 'none', 'same', 'same', 'same']
const keys = ['x', 'y', 'z', 'u', 'v', 'w']
const sizes = [0, 1, 20, 20, 100, 100, 100, 700, 3000, 9000]
const refusal = 'Cannot make a commit durable'

export interface Workload {
  readonly runtime: Runtime
  readonly random: Random
  readonly say: (mark: Mark) => void
  /** Operations of several turns take up to so long between two of them. */
  readonly pauseMs: number
}

let lastOperation = 0

/** Asks one object for something. @returns which */
export function askOnce(workload: Workload): Promise<string> {
  return ask(workload, pick(workload.random, objectNames))
}

/** Asks an object for two things at once, of which the second leaves it with constraints violated. */
export async function askInVain(workload: Workload): Promise<void> {
  const object = pick(
    workload.random,
    objectNames.filter((name) => name.startsWith('d')),
  )
  await Promise.all([ask(workload, object, 'write'), ask(workload, object, 'violate')])
}

async function ask(
  { runtime, random, say, pauseMs }: Workload,
  object: string,
  asked?: Kind,
): Promise<string> {
  lastOperation += 1
  // It is slow and large: where there are many other operations.
  const isSpill = pauseMs > 1 && random() < 0.02 && !object.startsWith('k')
  const operation: Operation = {
    number: lastOperation,
    pauseMs: random() * pauseMs,
    object,
    kind: asked ?? (isSpill ? 'spill' : pickKind(random, object)),
    kv: 'kbd'.includes(object.charAt(0)) ? pickSizes(random) : {},
    sql: 'sbd'.includes(object.charAt(0)) ? pickSizes(random) : {},
    alarm: pick(random, alarmChanges),
    other: pick(
      random,
      objectNames.filter((name) => name !== object),
    ),
  }
  const body = JSON.stringify(onOneSurface(random, operation))
  const response = await runtime.fetch(`http://test/${object}`, { method: 'POST', body })
  if (response.status === 200) {
    const { id } = (await response.json()) as Answer
    say({ said: 'acknowledged', object, id })
    return object
  }
  const message = await response.text()
  // Of several turns some may be durable, and others refused.
  if (operation.kind === 'write' && message.includes(refusal)) {
    say({ said: 'refused', operation: operation.number })
  }
  say({ said: 'reset', object })
  return object
}

/** What objects hold, in the same order. */
export async function readStored(runtime: Runtime, objects: readonly string[]): Promise<Stored[]> {
  const query = objects.map((object) => `object=${object}`).join('&')
  const response = await runtime.fetch(`http://test/?${query}`)
  if (response.status === 200) return (await response.json()) as Stored[]
  throw new Violation(`Cannot read the objects: ${response.status} ${await response.text()}`)
}

function pickKind(random: Random, object: string): Kind {
  if (object.startsWith('k') || object.startsWith('b')) return pick(random, withKeys)
  return pick(random, object.startsWith('d') ? withConstraints : usual)
}

// Mixed objects write one surface, or the other, or both.
function onOneSurface(random: Random, operation: Operation): Operation {
  if (operation.kind === 'unconfirmed') return { ...operation, sql: {} }
  if (!'bd'.includes(operation.object.charAt(0)) || operation.kind === 'violate') return operation
  const kind = below(random, 3)
  if (kind === 0) return { ...operation, sql: {} }
  return kind === 1 ? { ...operation, kv: {} } : operation
}

function pickSizes(random: Random): Sizes {
  const chosen: Record<string, number | null> = {}
  for (let count = below(random, 3) + 1; count > 0; count -= 1) {
    chosen[pick(random, keys)] = random() < 0.2 ? null : pick(random, sizes)
  }
  return chosen
}
