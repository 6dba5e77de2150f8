import { codeOwner, currentTurn, type Owner, rootContext } from '../turns/index.ts'

/** The owner whose code runs now, without judging whether it may; undefined for host code. */
export function ownerHere(): Owner | undefined {
  return codeOwner.getStore() ?? currentTurn()?.owner
}

/**
 * The owner of the code that calls a patched global; undefined for host code. A call from outside
 * of the owner's own turn is a stray: counted, and answered through the owner's gate all the same.
 */
export function callingOwner(operation: string): Owner | undefined {
  const turnOwner = currentTurn()?.owner
  const owner = codeOwner.getStore() ?? turnOwner
  if (owner !== undefined && owner !== turnOwner) owner.countStray(operation)
  return owner
}

/**
 * Runs host code that settles at any time, and settles the user's promise by a delivered event.
 *
 * `start` runs in the root async context, so that host code neither meets patched globals as the
 * user's nor keeps the user's context alive. [GL1]
 *
 * @param convert makes the value that user code gets; runs inside the turn
 */
export function gated<Host, User = Host>(
  owner: Owner,
  start: () => Promise<Host>,
  convert: (value: Host) => User = (value) => value as unknown as User,
): Promise<User> {
  const entry = owner.entry()
  owner.waitStarted()
  return new Promise<User>((resolve, reject) => {
    const settle = (run: () => void): void => {
      entry.deliver(() => {
        owner.waitEnded()
        run()
      })
    }
    rootContext(() => {
      start().then(
        (value) => settle(() => resolveWith(() => convert(value), resolve, reject)),
        (error: unknown) => settle(() => reject(error)),
      )
    })
  })
}

function resolveWith<T>(
  make: () => T,
  resolve: (value: T) => void,
  reject: (error: unknown) => void,
): void {
  try {
    resolve(make())
  } catch (error) {
    reject(error)
  }
}
