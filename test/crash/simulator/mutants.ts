// Sluice broken on purpose, one promise at a time, so that the simulator shows that it would notice.

import { readFileSync } from 'node:fs'
import { registerHooks } from 'node:module'

export interface Mutant {
  readonly name: string
  /** Below `src/`. */
  readonly file: string
  /** Texts that the file has exactly once, and what stands there instead. */
  readonly edits: readonly (readonly [from: string, to: string])[]
}

export const mutants: readonly Mutant[] = [
  {
    name: 'no fdatasync',
    file: 'log/log-writer.ts',
    edits: [['  files.fdatasync(segment.fd)\n', '']],
  },
  {
    name: 'confirm before sync',
    file: 'log/log-writer.ts',
    edits: [
      [
        '  files.fdatasync(segment.fd)\n',
        '  const { fd } = segment\n  setTimeout(() => attempt(() => files.fdatasync(fd)), 5)\n',
      ],
    ],
  },
  {
    name: 'segment dropped before checkpoint',
    file: 'runtime/shard-log.ts',
    edits: [['      await this.#checkpointObjects(keys)\n', '']],
  },
  {
    name: 'segment dropped before the files are synced',
    file: 'runtime/shard-log.ts',
    edits: [['      await this.#syncFiles(keys)\n', '']],
  },
  {
    name: 'what is carried forward is not written again',
    file: 'storage/object-store.ts',
    edits: [['    this.#overlay.carry()\n', '']],
  },
  {
    name: 'checkpoint of unconfirmed pages',
    file: 'storage/object-store.ts',
    edits: [
      ['else if (this.#unconfirmedPages === 0 && this.#emptyWal())', 'else if (this.#emptyWal())'],
    ],
  },
  {
    name: 'reset without truncating the -wal',
    file: 'storage/object-store.ts',
    edits: [['      this.#database.wal.truncate(this.#confirmedState.walEnd)\n', '']],
  },
  {
    name: 'a refused commit stays after constraints failed on top of it',
    file: 'storage/object-store.ts',
    edits: [
      [
        '    if (before !== undefined && !failure.isLasting) return\n',
        '    if (before !== undefined) return\n',
      ],
    ],
  },
  {
    name: '-wal read to the end of the file',
    file: 'storage/wal.ts',
    edits: [
      [
        '      if (count === 0) return undefined\n',
        `      if (count === 0) {
        if (pages.size === 0) return undefined
        this.#end = at
        return { pages: [...pages.values()], databasePages: globalThis.lastSize, end: at }
      }
`,
      ],
      [
        `        if (databasePages === 0) continue
        this.#end = at
        return { pages: [...pages.values()], databasePages, end: at }
`,
        '        if (databasePages > 0) globalThis.lastSize = databasePages\n',
      ],
    ],
  },
  {
    name: 'RESTART instead of TRUNCATE',
    file: 'storage/object-database.ts',
    edits: [
      [
        "this.db.prepare('PRAGMA wal_checkpoint(TRUNCATE)')",
        "this.db.prepare('PRAGMA wal_checkpoint(RESTART)')",
      ],
    ],
  },
  {
    name: 'PASSIVE instead of TRUNCATE',
    file: 'storage/object-database.ts',
    edits: [
      [
        "this.db.prepare('PRAGMA wal_checkpoint(TRUNCATE)')",
        "this.db.prepare('PRAGMA wal_checkpoint(PASSIVE)')",
      ],
    ],
  },
  {
    name: 'keys applied twice',
    file: 'log/recovery.ts',
    edits: [['  if (record.kvApplied) {\n', '  if (record.kvApplied && record.kv.length > 0) {\n']],
  },
  {
    name: 'keys applied to the file and not to the log',
    file: 'storage/object-store.ts',
    edits: [
      [
        '      databasePages: written?.databasePages ?? 0,\n',
        '      databasePages: applies ? 0 : (written?.databasePages ?? 0),\n',
      ],
      [
        '      pages: this.#pagesOf(written),\n',
        '      pages: applies ? [] : this.#pagesOf(written),\n',
      ],
      [
        '      kv: applies ? [] : kv,\n      kvApplied: applies,\n',
        '      kv,\n      kvApplied: false,\n',
      ],
    ],
  },
  {
    name: 'older pages win in recovery',
    file: 'log/recovery.ts',
    edits: [
      [
        '      index.pages.set(pageNumber, {',
        '      if (!index.pages.has(pageNumber)) index.pages.set(pageNumber, {',
      ],
    ],
  },
  {
    name: 'older keys win in recovery',
    file: 'log/recovery.ts',
    edits: [['    index.kv.set(key, value', '    if (!index.kv.has(key)) index.kv.set(key, value']],
  },
  {
    name: 'the records of a batch recovered backwards',
    file: 'log/recovery.ts',
    edits: [['of decodeRecords(batch)) {', 'of decodeRecords(batch).reverse()) {']],
  },
  {
    name: "a new segment's folder not synced",
    file: 'log/log-writer.ts',
    edits: [['    files.syncDirectory(directory)\n  } catch', '  } catch']],
  },
  {
    name: "a new database's folder not synced",
    file: 'log/log-writer.ts',
    edits: [['  for (const folder of folders) files.syncDirectory(folder)\n', '']],
  },
  {
    name: 'folder not synced between two deleted segments',
    file: 'log/log-writer.ts',
    edits: [
      ['    files.unlink(path)\n    files.syncDirectory(directory)\n', '    files.unlink(path)\n'],
    ],
  },
  {
    name: "a new data folder's entry not synced",
    file: 'runtime/data-folder.ts',
    edits: [['    syncFolder(dirname(folder))\n', '']],
  },
  {
    name: 'segment dropped after a failed sync',
    file: 'runtime/shard-log.ts',
    edits: [['if (error instanceof LostSyncError) {', 'if (false) {']],
  },
  {
    name: 'what only the log has is forgotten with the store',
    file: 'runtime/object-table.ts',
    edits: [['    if (pending !== undefined) this.#pending.set(key, pending)\n', '']],
  },
  {
    name: 'a database closed with unconfirmed pages in its -wal',
    file: 'storage/object-store.ts',
    edits: [
      [
        'const isBusy = this.#unconfirmedPages > 0 || this.#sqlPart.isOpen',
        'const isBusy = this.#sqlPart.isOpen',
      ],
    ],
  },
  {
    name: 'the alarm of an aborted turn stays',
    file: 'storage/overlay.ts',
    edits: [
      [
        '      if (key === alarm) this.#alarmAt = before as number | null | undefined\n',
        '      if (key === alarm) continue\n',
      ],
    ],
  },
  {
    name: 'recovered alarms not told to the catalogue',
    file: 'runtime/shard-log.ts',
    edits: [['name, alarmAt: lastAlarmAt, hasFile }', 'name, alarmAt: undefined, hasFile }']],
  },
  {
    name: 'the catalogue not written before a segment goes',
    file: 'runtime/shard-log.ts',
    edits: [
      [
        '      await this.catalogue.update(keys.filter((key) => this.catalogue.hasFile(key)))\n',
        '',
      ],
    ],
  },
  {
    name: 'a refused segment stays',
    file: 'log/file-log.ts',
    edits: [['    this.#refusedPaths.push(batch.opened.path)\n', '']],
  },
  {
    name: 'a refused batch is not cut off',
    file: 'log/file-log.ts',
    edits: [
      [
        '    const previous = { number: last?.number ?? 0, bytes: last?.bytes ?? 0 }\n',
        '    const previous = { number: last?.number ?? 0, bytes: (last?.bytes ?? 0) + (globalThis.refusedBytes ?? 0) }\n    globalThis.refusedBytes = 0\n',
      ],
      [
        '    this.#needsSegment = true\n    if (batch.opened',
        '    globalThis.refusedBytes = batch.bytes\n    this.#needsSegment = true\n    if (batch.opened',
      ],
    ],
  },
]

/** @returns the file of the mutant, as it is to be loaded */
function mutate({ name, file, edits }: Mutant, before: string): string {
  let source = before
  for (const [from, to] of edits) {
    if (source.split(from).length !== 2) {
      throw new Error(`Cannot make the mutant '${name}': '${file}' has no single '${from}'`)
    }
    source = source.replace(from, () => to)
  }
  return source
}

/** @throws Error when the source has changed, so that the mutant would be none */
export function requireMutant(name: string): Mutant {
  const mutant = mutants.find((each) => each.name === name)
  if (mutant === undefined) throw new Error(`Cannot find the mutant '${name}'`)
  const url = new URL(`../../../src/${mutant.file}`, import.meta.url)
  mutate(mutant, readFileSync(url, 'utf8'))
  return mutant
}

/** Every module that is loaded from now on is as the mutant wants it. */
export function installMutant(name: string): void {
  const mutant = requireMutant(name)
  registerHooks({
    load(url, context, nextLoad) {
      const loaded = nextLoad(url, context)
      if (!new URL(url).pathname.endsWith(`/src/${mutant.file}`)) return loaded
      const source = Buffer.from(loaded.source as Uint8Array).toString()
      return { ...loaded, source: mutate(mutant, source) }
    },
  })
}
