// Completes package-lock.json with the platform packages that a partial registry mirror does not
// hold (it drops them silently, and `npm ci` then refuses the lock everywhere). Run it after
// `npm install` has changed the lock: node tools/lock-platforms.ts

import { readFileSync, writeFileSync } from 'node:fs'

interface LockEntry {
  version?: string
  optionalDependencies?: Record<string, string>
  dev?: boolean
  optional?: boolean
  os?: string[]
  cpu?: string[]
  libc?: string[]
}

const path = new URL('../package-lock.json', import.meta.url)
const lock = JSON.parse(readFileSync(path, 'utf8')) as { packages: Record<string, LockEntry> }
const systems = [
  'linux',
  'darwin',
  'win32',
  'windows',
  'android',
  'freebsd',
  'netbsd',
  'openbsd',
  'openharmony',
]
const processors = ['x64', 'arm64', 'arm', 'ia32', 'ppc64', 'riscv64', 's390x', 'loong64', '64']

let added = 0
for (const entry of Object.values(lock.packages)) {
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    const key = `node_modules/${name}`
    if (lock.packages[key] !== undefined) continue
    const parts = name.slice(name.indexOf('/') + 1).split('-')
    const system = parts.find((part) => systems.includes(part))
    const processor = parts.find((part) => processors.includes(part))
    if (system === undefined || processor === undefined) {
      throw new Error(`Cannot tell the platform of '${name}', an optional dependency`)
    }
    lock.packages[key] = {
      version,
      cpu: [processor === '64' ? 'x64' : processor],
      ...(entry.dev === true ? { dev: true } : {}),
      ...(parts.at(-1)?.startsWith('musl') === true ? { libc: ['musl'] } : {}),
      optional: true,
      os: [system === 'windows' ? 'win32' : system],
    }
    added += 1
  }
}
const root = lock.packages['']
lock.packages = Object.fromEntries(
  Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)),
)
if (root === undefined) throw new Error('Cannot complete package-lock.json: it has no root entry')
writeFileSync(path, `${JSON.stringify(lock, undefined, 2)}\n`)
console.log(`package-lock.json: ${added} platform packages added`)
