import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DurableError } from '../base/index.ts'
import { lockFile } from '../storage/index.ts'

/**
 * Takes `folder` for this process; see docs/design/data-folder.md. [DF1]
 *
 * @returns gives it back
 * @throws DurableError naming the process that has it
 */
export function lockFolder(folder: string): () => void {
  const lockPath = join(folder, 'lock')
  const guardPath = join(folder, 'lock.guard')
  writeFileSync(guardPath, '', { flag: 'a', mode: 0o600 })
  // The system's own lock: of two that come at once one gets it, and it ends with the process.
  const unlock = lockFile(guardPath)
  try {
    const found = readHolder(lockPath)
    // One that is dead is about to be replaced by whoever has the system's lock.
    const holder = found !== undefined && isAlive(found) ? found : undefined
    if (unlock === undefined || holder !== undefined) {
      const who = holder === undefined ? 'another process' : `process ${holder.pid}`
      throw inUse(folder, who)
    }
    // Whole, or not at all: whoever is refused reads it at any time.
    writeFileSync(`${lockPath}.new`, `${process.pid} ${startOf(process.pid) ?? ''}\n`, {
      mode: 0o600,
    })
    renameSync(`${lockPath}.new`, lockPath)
  } catch (error) {
    unlock?.()
    throw error
  }
  return () => {
    rmSync(lockPath, { force: true })
    unlock()
  }
}

/** @throws DurableError naming the process that has `folder` */
export function requireUnlocked(folder: string): void {
  const holder = readHolder(join(folder, 'lock'))
  if (holder !== undefined && isAlive(holder)) throw inUse(folder, `process ${holder.pid}`)
}

function inUse(folder: string, who: string): DurableError {
  return new DurableError(
    `Cannot open the data folder '${folder}': ${who} has it open, and one process at a time may`,
  )
}

interface Holder {
  readonly pid: number
  /** As {@link startOf}; empty where the system does not tell. */
  readonly start: string
}

/** @returns undefined when there is none, or a crash has left less than a whole line */
function readHolder(lockPath: string): Holder | undefined {
  let text: string
  try {
    text = readFileSync(lockPath, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
  const [, pid, start] = /^([1-9]\d*) (\d*)\n$/.exec(text) ?? []
  return pid === undefined || start === undefined ? undefined : { pid: Number(pid), start }
}

// A process id is used again, by and by; its start time tells whether it is still the same process.
function isAlive({ pid, start }: Holder): boolean {
  const startNow = startOf(pid)
  if (startNow !== undefined) return startNow === start
  try {
    process.kill(pid, 0)
    return start === ''
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** Clock ticks after boot at which the process started; undefined where /proc does not tell. */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The name in parentheses may hold spaces; field 22 is the 20th behind it.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined
    throw error
  }
}
