import type { Owner } from './owner.ts'
import { rootContext, setTurnHolder } from './owner.ts'
import { drainTurn, installTurnGuard } from './drain.ts'

/** What keeps an owner's gate shut while the turn runs; released when the turn is over. */
export interface TurnLock {
  release(): void
}

/** One uninterrupted run of user JavaScript: from a delivery until the microtasks are empty. */
export interface Turn {
  readonly owner: Owner
  readonly lock: TurnLock | undefined
  readonly run: () => void
}

// [TN1] At most one turn is running on a thread; this is it.
let current: Turn | undefined

/** Who holds the turn; undefined between turns. */
export function currentTurn(): Turn | undefined {
  return current
}

setTurnHolder(() => current?.owner)

// What host code was asked to do during the turn that runs now, in order.
let hostTasks: (() => void)[] = []

/**
 * Runs host code (sending an answer, starting a fetch) outside of any turn: at once, or as soon as the
 * turn that runs now is over. In a turn, whatever it awaits would go on as if it were the owner's. [TN7]
 */
export function runAsHost(task: () => void): void {
  if (current === undefined) runTask(task)
  else hostTasks.push(task)
}

// A task that throws is a defect of ours. It must not unwind through a gate that is letting messages
// go, nor keep the next task from running.
function runTask(task: () => void): void {
  try {
    rootContext(task)
  } catch (error) {
    setImmediateAtLoad(() => {
      throw error
    })
  }
}

/** Told when a turn begins and ends, on the thread's hottest path. */
export interface TurnListener {
  /** @param label whose turn it is */
  started(label: string): void
  ended(): void
}

const turnsPerLoop = 256
const loopBudgetMs = 2

/**
 * Delivers the events of all owners on one thread, strictly one at a time, first come first
 * served. A turn is posted when its owner's gate has granted the lock, so whatever is in the queue
 * may run.
 *
 * After each delivery the nextTick and microtask queues are drained before the next [TN2]. A loop
 * ends after 256 turns or 2 ms, so that I/O (completions of fdatasync among it) is not starved.
 */
export class Pump {
  // Those before `#head` were delivered and are undefined: kept, they would outlive their request.
  #queue: (Turn | undefined)[] = []
  #head = 0
  #isScheduled = false
  readonly #loopEnded = new Set<() => void>()
  #listener: TurnListener | undefined

  /** Queues a turn. Never runs it before returning. [TN3] */
  post(owner: Owner, lock: TurnLock | undefined, run: () => void): void {
    this.#queue.push({ owner, lock, run })
    this.#schedule()
  }

  /** Calls `hook` after each loop, outside of any turn. @returns how to stop that */
  onLoopEnded(hook: () => void): () => void {
    this.#loopEnded.add(hook)
    return () => this.#loopEnded.delete(hook)
  }

  /** Tells `listener` of each turn, it alone. @returns how to stop that */
  watchTurns(listener: TurnListener): () => void {
    this.#listener = listener
    return () => {
      this.#listener = undefined
    }
  }

  #schedule(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    installTurnGuard(currentTurn)
    rootContext(() => setImmediateAtLoad(this.#loop))
  }

  // While the loop runs, `#isScheduled` stays up: a turn posted by a turn needs no second wake-up.
  readonly #loop = (): void => {
    const deadline = performance.now() + loopBudgetMs
    for (let turns = 1; this.#head < this.#queue.length; turns += 1) {
      this.#deliver(this.#shift())
      if (turns === turnsPerLoop || (turns % 16 === 0 && performance.now() > deadline)) break
    }
    for (const hook of this.#loopEnded) hook()
    this.#isScheduled = false
    if (this.#head < this.#queue.length) this.#schedule()
  }

  #shift(): Turn {
    const turn = this.#queue[this.#head] as Turn
    this.#queue[this.#head] = undefined
    this.#head += 1
    if (this.#head === this.#queue.length || this.#head === 1024) {
      this.#queue = this.#queue.slice(this.#head)
      this.#head = 0
    }
    return turn
  }

  #deliver(turn: Turn): void {
    current = turn
    this.#listener?.started(turn.owner.label)
    try {
      turn.owner.enter(turn.run)
    } catch (error) {
      turn.owner.uncaught(error)
    }
    drainTurn()
    turn.owner.turnEnded()
    current = undefined
    this.#listener?.ended()
    turn.lock?.release()
    if (hostTasks.length > 0) this.#runHostTasks()
  }

  #runHostTasks(): void {
    const tasks = hostTasks
    hostTasks = []
    for (const task of tasks) runTask(task)
    drainTurn()
  }
}

// Captured before `globals` patches it.
const setImmediateAtLoad = setImmediate

/** The pump of this thread. Every shard on the thread shares it, because turns exclude each other. */
export const pump: Pump = new Pump()
