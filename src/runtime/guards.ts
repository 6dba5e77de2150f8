import { ownerHere } from '../globals/index.ts'

let isInstalled = false

/**
 * Makes errors that user code throws where nobody can catch them the matter of their owner, as on
 * the reference: they are reported, and the process lives. Errors of anybody else keep Node's own
 * behaviour.
 */
export function guardProcess(): void {
  if (isInstalled) return
  isInstalled = true
  process.on('unhandledRejection', (reason) => {
    const owner = ownerHere()
    if (owner !== undefined) owner.uncaught(reason)
    // The embedding program has not asked to handle these: what Node would have done, happens.
    else if (process.listenerCount('unhandledRejection') === 1) throw reason
  })
  process.on('uncaughtException', (error) => {
    const owner = ownerHere()
    if (owner !== undefined) owner.uncaught(error)
    else if (process.listenerCount('uncaughtException') === 1) {
      console.error(error)
      process.exit(1)
    }
  })
}
