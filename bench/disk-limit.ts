import { closeSync, fdatasyncSync, openSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'

/** How many 4 KiB appends per second this disk makes durable, one after another. */
export function measureDiskLimit(folder: string, durationMs: number): number {
  const path = join(folder, 'disk-limit')
  const file = openSync(path, 'w')
  const block = Buffer.alloc(4096, 1)
  const startedAt = performance.now()
  let count = 0
  while (performance.now() - startedAt < durationMs) {
    writeSync(file, block)
    fdatasyncSync(file)
    count += 1
  }
  const seconds = (performance.now() - startedAt) / 1000
  closeSync(file)
  rmSync(path)
  return count / seconds
}
