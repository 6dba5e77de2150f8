import type { Journal } from './operations.ts'
import type { Mark } from './ledger.ts'

/** Where the program writes what it does; the program finds it as a global. */
export function makeJournal(lastId: number, say: (mark: Mark) => void): Journal {
  let id = lastId
  return {
    nextId: () => {
      id += 1
      return id
    },
    say,
  }
}
