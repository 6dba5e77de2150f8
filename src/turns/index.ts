// turns: one turn at a time on one thread. Delivers events, drains the microtasks of each before
// the next, and answers two questions: who holds the turn (`currentTurn`), and whose code is this
// (`codeOwner`). When the two disagree, the code is a stray: native I/O that nobody wrapped.
//
// Knows nothing of gates, objects or storage: an `Owner` brings those.

export { type Entry, type Outgoing, Owner, codeOwner, rootContext } from './owner.ts'
export { currentTurn, Pump, pump, runAsHost, type Turn, type TurnLock } from './pump.ts'
