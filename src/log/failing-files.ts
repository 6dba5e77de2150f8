// For tests: a module for `FileLogOptions.filesModule` whose file operations fail as the file
// `failures.json` beside the log's folder says. Read before each operation, so a test can change it;
// a failure that begins with `once` happens once.

import { readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { workerData } from 'node:worker_threads'
import { type LogFiles, realFiles } from './log-files.ts'

type Operation = keyof LogFiles

function failIfAsked(operation: Operation): void {
  const { directory } = workerData as { directory: string }
  const path = join(dirname(directory), 'failures.json')
  const failures = JSON.parse(readFileSync(path, 'utf8')) as Partial<Record<Operation, string>>
  const failure = failures[operation]
  if (failure === undefined) return
  if (failure.startsWith('once')) {
    writeFileSync(path, JSON.stringify({ ...failures, [operation]: undefined }))
  }
  throw new Error(failure)
}

export const files: LogFiles = {
  create: (path) => {
    failIfAsked('create')
    return realFiles.create(path)
  },
  write: (fd, bytes, position) => {
    // A full disk takes a part, then nothing.
    const half = bytes.subarray(0, Math.ceil(bytes.byteLength / 2))
    const written = realFiles.write(fd, half, position)
    failIfAsked('write')
    return written
  },
  fdatasync: (fd) => {
    failIfAsked('fdatasync')
    realFiles.fdatasync(fd)
  },
  close: (fd) => realFiles.close(fd),
  syncFile: (path) => {
    failIfAsked('syncFile')
    realFiles.syncFile(path)
  },
  syncDirectory: (path) => {
    failIfAsked('syncDirectory')
    realFiles.syncDirectory(path)
  },
  unlink: (path) => realFiles.unlink(path),
}
