import {
  closeSync,
  constants,
  fdatasyncSync,
  fsyncSync,
  openSync,
  rmSync,
  writeSync,
} from 'node:fs'

/** The file operations of the log writer. Tests give a module that fails some of them. */
export interface LogFiles {
  /** Creates a file that must not exist. @returns its descriptor */
  create(path: string): number
  /** @returns how many bytes were written; may be fewer than asked for */
  write(fd: number, bytes: Uint8Array, position: number): number
  fdatasync(fd: number): void
  close(fd: number): void
  syncFile(path: string): void
  syncDirectory(path: string): void
  /** Deletes a file, if there is one. */
  unlink(path: string): void
}

export const realFiles: LogFiles = {
  create: (path) =>
    openSync(path, constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY, 0o600),
  write: (fd, bytes, position) => writeSync(fd, bytes, 0, bytes.byteLength, position),
  fdatasync: fdatasyncSync,
  close: closeSync,
  syncFile: (path) => withFile(path, constants.O_RDWR, fdatasyncSync),
  syncDirectory: (path) => withFile(path, constants.O_RDONLY, fsyncSync),
  unlink: (path) => rmSync(path, { force: true }),
}

function withFile(path: string, flags: number, act: (fd: number) => void): void {
  const fd = openSync(path, flags)
  try {
    act(fd)
  } finally {
    closeSync(fd)
  }
}
