// The thread that writes one log. It alone touches the segment files; the shard's event loop never
// waits for the disk, and user code that fills libuv's pool does not slow a commit down.

import { dirname } from 'node:path'
import { parentPort, workerData } from 'node:worker_threads'
import { type LogFiles, realFiles } from './log-files.ts'
import { encodeSegmentHeader, type PreviousSegment, segmentHeaderBytes } from './record.ts'

/** What the log asks of its writer, in order. */
export type WriterRequest =
  | { readonly kind: 'batch'; readonly bytes: Uint8Array }
  | {
      readonly kind: 'segment'
      readonly number: number
      readonly path: string
      readonly previous: PreviousSegment
    }
  | { readonly kind: 'sync'; readonly id: number; readonly paths: readonly string[] }
  | { readonly kind: 'drop'; readonly id: number; readonly paths: readonly string[] }
  | { readonly kind: 'close' }

/** Answers to `batch` and `segment` come in order; `id` tells those to the others. */
export type WriterReply =
  | { readonly kind: 'written'; readonly error?: string }
  | {
      readonly kind: 'done'
      readonly id: number
      readonly error?: string
      /** It was a sync that failed, so that what was to be synced may be lost. */
      readonly isLost?: boolean
    }

const { directory, filesModule, zerosAheadBytes } = workerData as {
  directory: string
  filesModule?: string
  zerosAheadBytes: number
}
const zeros = new Uint8Array(zerosAheadBytes)
const files: LogFiles =
  filesModule === undefined ? realFiles : ((await import(filesModule)) as { files: LogFiles }).files

let segment: { fd: number; bytes: number; zeroedTo: number } | undefined

parentPort?.on('message', (request: WriterRequest) => {
  switch (request.kind) {
    case 'batch':
      reply({ kind: 'written', ...attempt(() => writeBatch(request.bytes)) })
      return
    case 'segment':
      reply({ kind: 'written', ...attempt(() => openSegment(request)) })
      return
    case 'sync':
      reply({ kind: 'done', id: request.id, ...attempt(() => syncFiles(request.paths)) })
      return
    case 'drop':
      reply({ kind: 'done', id: request.id, ...attempt(() => dropFiles(request.paths)) })
      return
    case 'close':
      if (segment !== undefined) files.close(segment.fd)
      parentPort?.close()
  }
})

// [CL1] One write and one fdatasync make a whole batch durable. Zeros stand ahead of what is written:
// where the file need not grow, fdatasync need not make its new size durable as well. [CL17]
function writeBatch(bytes: Uint8Array): void {
  if (segment === undefined) throw new Error('no segment is open')
  const end = segment.bytes + bytes.byteLength
  writeAll(segment.fd, bytes, segment.bytes)
  if (end > segment.zeroedTo) {
    writeAll(segment.fd, zeros, end)
    segment.zeroedTo = end + zeros.byteLength
  }
  files.fdatasync(segment.fd)
  segment.bytes = end
}

function openSegment(request: WriterRequest & { kind: 'segment' }): void {
  if (segment !== undefined) {
    // The old file is never written again, whatever became of it.
    files.close(segment.fd)
    segment = undefined
  }
  const fd = files.create(request.path)
  try {
    writeAll(fd, encodeSegmentHeader(request.number, request.previous), 0)
    files.fdatasync(fd)
    files.syncDirectory(directory)
  } catch (error) {
    files.close(fd)
    throw error
  }
  segment = { fd, bytes: segmentHeaderBytes, zeroedTo: segmentHeaderBytes }
}

function writeAll(fd: number, bytes: Uint8Array, position: number): void {
  for (let at = 0; at < bytes.byteLength; ) {
    at += files.write(fd, bytes.subarray(at), position + at)
  }
}

function syncFiles(paths: readonly string[]): void {
  for (const path of paths) files.syncFile(path)
  // A new file is durable only with its directory entry, and a new folder with its own.
  const folders = new Set(paths.map((path) => dirname(path)))
  for (const folder of folders) files.syncDirectory(folder)
  for (const parent of new Set([...folders].map((path) => dirname(path)))) {
    files.syncDirectory(parent)
  }
}

// Oldest first, and each for good before the next: what is left after a crash has no gap. [CL6]
function dropFiles(paths: readonly string[]): void {
  for (const path of paths) {
    files.unlink(path)
    files.syncDirectory(directory)
  }
}

function attempt(act: () => void): { error?: string; isLost?: boolean } {
  try {
    act()
    return {}
  } catch (error) {
    const { message, syscall } = error as NodeJS.ErrnoException
    return { error: message, isLost: syscall === 'fdatasync' || syscall === 'fsync' }
  }
}

function reply(message: WriterReply): void {
  parentPort?.postMessage(message)
}
