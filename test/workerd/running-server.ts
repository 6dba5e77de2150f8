// A server under test in a process of its own, whichever of the two runtimes it is.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Readable } from 'node:stream'

export interface RunningServer {
  readonly url: string
  /** The process itself, not a wrapper: reading /proc/<pid> and killing it mean the server. */
  readonly pid: number
  /** What the server wrote to stderr so far; for messages of failed tests. */
  stderr(): string
  /** SIGTERM, then SIGKILL after five seconds. Resolves when the process is gone. */
  stop(): Promise<void>
  /** SIGKILL to the whole process group. Resolves when the process is gone. */
  kill(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

export interface SpawnOptions {
  readonly command: string
  readonly args: readonly string[]
  readonly cwd?: string
  /** CPU list for `taskset -c`; the server and all its threads stay on it. */
  readonly pin?: string | undefined
  /** Every fsync and fdatasync of the server takes this much longer; needs `strace`. Not stopped by SIGTERM. */
  readonly syncDelayUs?: number | undefined
  /** Kills the server when it fires, also before it is ready; the start then rejects. */
  readonly signal?: AbortSignal | undefined
  /** Opens file descriptor 3 for the child; `announce` then gets its lines as well. */
  readonly hasControlPipe?: boolean
  /** Looks at each line of stdout and of descriptor 3; returns the URL once the server accepts. */
  readonly announce: (line: string) => string | undefined
}

const readyMsMax = 30_000
const stopMsMax = 5_000
const running = new Set<ChildProcess>()

process.on('exit', () => {
  for (const child of running) killGroup(child)
})

function commandLine(options: SpawnOptions): [string, ...string[]] {
  const { pin, syncDelayUs } = options
  const inject = [
    '-e',
    'trace=fsync,fdatasync',
    '-e',
    `inject=fsync,fdatasync:delay_exit=${syncDelayUs}`,
  ]
  const words = [
    ...(pin === undefined ? [] : ['taskset', '-c', pin]),
    ...(syncDelayUs === undefined
      ? []
      : ['strace', '-f', '--seccomp-bpf', '-qq', '-o', '/dev/null', ...inject]),
    options.command,
    ...options.args,
  ]
  return words as [string, ...string[]]
}

/** Starts a server and resolves when it accepts connections; rejects with its stderr otherwise. */
export async function spawnServer(options: SpawnOptions): Promise<RunningServer> {
  const [command, ...args] = commandLine(options)
  const child = spawn(command, args, {
    cwd: options.cwd,
    // A group of its own, so that a kill reaches threads' helpers and child processes too.
    detached: true,
    stdio: [
      'ignore',
      'pipe',
      'pipe',
      ...(options.hasControlPipe === true ? ['pipe' as const] : []),
    ],
  })
  running.add(child)
  options.signal?.addEventListener('abort', () => killGroup(child), { once: true })
  const exited = once(child, 'exit').then(() => {
    running.delete(child)
  })
  let stderr = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  const url = await waitReady(child, options, () => stderr)
  const kill = async (): Promise<void> => {
    killGroup(child)
    await exited
  }
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM')
    const timer = setTimeout(() => killGroup(child), stopMsMax)
    await exited
    clearTimeout(timer)
  }
  const pid = child.pid
  if (pid === undefined) throw new Error(`Cannot start '${command}': it has no process id`)
  return { url, pid, stderr: () => stderr, stop, kill, [Symbol.asyncDispose]: stop }
}

async function waitReady(
  child: ChildProcess,
  options: SpawnOptions,
  stderr: () => string,
): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  let stdout = ''
  const fail = (what: string): void => {
    const line = [options.command, ...options.args].join(' ')
    reject(new Error(`Cannot start '${line}': ${what}\n${stdout}${stderr()}`))
  }
  const timer = setTimeout(() => fail(`not ready after ${readyMsMax} ms`), readyMsMax)
  child.once('error', (error) => fail(error.message))
  child.once('exit', (code, signal) => fail(`it ended with ${signal ?? `code ${code}`}`))
  const read = (stream: Readable): void => {
    let rest = ''
    stream.setEncoding('utf8').on('data', (text: string) => {
      stdout += text
      const lines = (rest + text).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) {
        const url = options.announce(line)
        if (url !== undefined) resolve(url)
      }
    })
  }
  if (child.stdout !== null) read(child.stdout)
  if (options.hasControlPipe === true) read(child.stdio[3] as Readable)
  try {
    return await promise
  } catch (error) {
    killGroup(child)
    throw error
  } finally {
    clearTimeout(timer)
  }
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
  try {
    process.kill(-child.pid, 'SIGKILL')
  } catch (error) {
    // The group may have ended between the check and the kill.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}
