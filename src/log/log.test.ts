import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { promisify } from 'node:util'
import { crc32 } from 'node:zlib'
import fc from 'fast-check'
import type { CommitRecord, CommitSource, PendingCommit, Timers } from '../base/index.ts'
import {
  delayConfirmations,
  FileLog,
  type FileLogOptions,
  recoverLog,
  ScriptedLog,
} from './index.ts'
import { batchHeaderBytes, decodeRecords, encodeBatch } from './record.ts'

const root = mkdtempSync(join(tmpdir(), 'sluice-log-'))
after(() => rmSync(root, { recursive: true, force: true }))
let folders = 0

function makeFolder(failures: Record<string, string> = {}): string {
  const folder = join(root, String((folders += 1)))
  mkdirSync(join(folder, 'log'), { recursive: true })
  writeFileSync(join(folder, 'failures.json'), JSON.stringify(failures))
  return folder
}

function openLog(folder: string, options: Partial<FileLogOptions> = {}): FileLog {
  const filesModule = new URL('./failing-files.ts', import.meta.url).href
  return new FileLog({
    directory: join(folder, 'log'),
    firstSegment: 1,
    segmentBytesMax: 20_000,
    filesModule,
    ...options,
  })
}

function fail(folder: string, failures: Record<string, string>): void {
  writeFileSync(join(folder, 'failures.json'), JSON.stringify(failures))
}

/** An object that commits one page per write, filled with the number of the write. */
class Source implements CommitSource {
  readonly answers: string[] = []
  readonly #object: string
  readonly #log: { enlist(source: CommitSource): void }
  #ready: PendingCommit[] = []
  #sequence = 0

  constructor(log: { enlist(source: CommitSource): void }, object: string) {
    this.#log = log
    this.#object = object
  }

  write(): Promise<string> {
    this.#sequence += 1
    const sequence = this.#sequence
    return new Promise((resolve) => {
      const answer = (text: string): void => {
        this.answers.push(text)
        resolve(text)
      }
      this.#ready.push({
        record: recordOf(this.#object, sequence),
        confirmed: () => answer(`${sequence}`),
        failed: (error) => answer(`${sequence}!${error.message}`),
      })
      this.#log.enlist(this)
    })
  }

  takeCommits(): PendingCommit[] {
    return this.#ready.splice(0)
  }
}

function recordOf(object: string, sequence: number): CommitRecord {
  const bytes = new Uint8Array(64).fill(sequence)
  const pages = [{ pageNumber: 1 + (sequence % 3), bytes }]
  return {
    object,
    fence: 0,
    sequence,
    pageSize: 64,
    databasePages: 3,
    pages,
    kv: [],
    kvApplied: false,
    alarmAt: sequence,
  }
}

/** A segment without the zeros that stand ahead. */
function readWritten(path: string): Buffer {
  const bytes = readFileSync(path)
  return bytes.subarray(0, bytes.findLastIndex((byte) => byte !== 0) + 1)
}

function recover(folder: string): {
  last: Map<string, number>
  pages: Map<string, number[]>
  torn: number
} {
  const last = new Map<string, number>()
  const pages = new Map<string, number[]>()
  const { tornBytes } = recoverLog(join(folder, 'log'), (object) => {
    last.set(object.object, object.sequence)
    assert.equal(object.alarmAt, object.sequence)
    const sorted = [...object.pages].toSorted(([a], [b]) => a - b)
    pages.set(
      object.object,
      sorted.map(([, bytes]) => bytes[0] ?? -1),
    )
  })
  return { last, pages, torn: tornBytes }
}

test('[CL1] many commits are confirmed in order, by few batches, and recovered', async () => {
  const folder = makeFolder()
  const log = openLog(folder)
  const sources = ['a', 'b', 'c'].map((name) => new Source(log, `n/${name}`))
  const writes: Promise<string>[] = []
  for (let i = 0; i < 20; i += 1) {
    for (const source of sources) writes.push(source.write())
    log.flush()
  }
  await Promise.all(writes)
  for (const source of sources) {
    assert.deepEqual(
      source.answers,
      Array.from({ length: 20 }, (_, i) => String(i + 1)),
    )
  }
  const { last, pages } = recover(folder)
  assert.deepEqual(
    [...last],
    [
      ['n/a', 20],
      ['n/b', 20],
      ['n/c', 20],
    ],
  )
  assert.deepEqual(pages.get('n/b'), [18, 19, 20])
  const bytes = readFileSync(join(folder, 'log', '00000001.log'))
  const batches = bytes.toString('latin1').split('1BLS').length - 1
  assert.ok(batches <= 4, `${batches} batches: while one is under way, the next gathers`)
  await log.close()
})

test('[CL2] [CL3] [CL7] a log cut at any byte gives a prefix of whole batches, and again the same', async () => {
  const folder = makeFolder()
  const log = openLog(folder)
  const a = new Source(log, 'n/a')
  const b = new Source(log, 'n/b')
  for (let i = 0; i < 3; i += 1) {
    const both = [a.write(), b.write()]
    log.flush()
    await Promise.all(both)
  }
  await log.close()
  const path = join(folder, 'log', '00000001.log')
  const whole = readWritten(path)
  let lastSeen = 0
  for (let length = 0; length <= whole.length; length += 1) {
    writeFileSync(path, whole.subarray(0, length))
    const { last } = recover(folder)
    assert.deepEqual(recover(folder).last, last)
    assert.equal(last.get('n/a'), last.get('n/b'), 'a batch came back in part')
    const now = last.get('n/a') ?? 0
    assert.ok(now === lastSeen || now === lastSeen + 1)
    lastSeen = now
  }
  assert.equal(lastSeen, 3)
})

test('[CL3] damage before the end of what was confirmed ends recovery with file and byte', async () => {
  const folder = makeFolder()
  const log = openLog(folder)
  const a = new Source(log, 'n/a')
  for (let i = 0; i < 3; i += 1) {
    const write = a.write()
    log.flush()
    await write
  }
  await log.close()
  const path = join(folder, 'log', '00000001.log')
  const whole = readWritten(path)
  const batchBytes = (whole.length - 32) / 3
  fc.assert(
    fc.property(fc.nat(whole.length - 33), fc.integer({ min: 1, max: 255 }), (offset, flip) => {
      const at = 32 + offset
      const damaged = Buffer.from(whole)
      damaged[at] = (damaged[at] ?? 0) ^ flip
      writeFileSync(path, damaged)
      // In the last batch nobody can tell damage from a torn write.
      if (at >= 32 + 2 * batchBytes) assert.equal(recover(folder).last.get('n/a'), 2)
      else assert.throws(() => recover(folder), /00000001\.log': it is damaged at byte \d+/)
    }),
    { seed: 7, numRuns: 300 },
  )
})

test('[CL17] batches do not make the file grow, and the zeros ahead of them count for nothing', async () => {
  const folder = makeFolder()
  const log = openLog(folder)
  const a = new Source(log, 'n/a')
  const sizes: number[] = []
  for (let i = 0; i < 30; i += 1) {
    const write = a.write()
    log.flush()
    await write
    sizes.push(statSync(join(folder, 'log', '00000001.log')).size)
  }
  await log.close()
  assert.ok(new Set(sizes).size <= 6, `the file grew to ${[...new Set(sizes)].join(', ')} bytes`)
  assert.deepEqual([recover(folder).last.get('n/a'), recover(folder).torn], [30, 0])
  const again = openLog(folder, {
    firstSegment: 2,
    recovered: recoverLog(join(folder, 'log'), () => {}).segments,
  })
  const b = new Source(again, 'n/b')
  const write = b.write()
  again.flush()
  await write
  await again.close()
  assert.deepEqual([...recover(folder).last.values()], [30, 1])
})

test('[CL4] a newer format is refused with both versions', () => {
  const folder = makeFolder()
  const header = Buffer.alloc(64)
  header.write('1LLS')
  header.writeUInt32LE(3, 4)
  writeFileSync(join(folder, 'log', '00000001.log'), header)
  assert.throws(() => recover(folder), /it has log format 3, this Sluice understands up to 2/)
  writeFileSync(join(folder, 'log', '00000001.log'), 'something else, and long enough to be one')
  assert.throws(() => recover(folder), /it is not a log segment/)
})

for (const operation of ['write', 'fdatasync', 'create']) {
  test(`[CL5] a failed ${operation} fails its batch, is never replayed, and others go on`, async () => {
    const folder = makeFolder()
    const log = openLog(folder)
    const a = new Source(log, 'n/a')
    const b = new Source(log, 'n/b')
    const write = (source: Source): Promise<string> => {
      const written = source.write()
      log.flush()
      return written
    }
    assert.equal(await write(a), '1')
    if (operation === 'create') {
      fail(folder, { write: 'no space' })
      assert.equal(await write(a), '2!Cannot make a commit durable: no space')
    }
    fail(folder, { [operation]: 'no space' })
    assert.match(await write(a), /!Cannot make a commit durable: no space$/)
    assert.match(await write(a), /!Cannot make a commit durable: no space$/)
    fail(folder, {})
    assert.equal(await write(b), '1')
    assert.equal(await write(b), '2')
    // The log is not closed: this is what a crash would leave.
    assert.deepEqual(
      [...recover(folder).last],
      [
        ['n/a', 1],
        ['n/b', 2],
      ],
    )
    await log.close()
  })
}

test('[CL5] what was refused is cut off before anybody hears of it, though all of it is on disk', async () => {
  const folder = makeFolder()
  const log = openLog(folder)
  const a = new Source(log, 'n/a')
  const write = (): Promise<string> => {
    const written = a.write()
    log.flush()
    return written
  }
  assert.equal(await write(), '1')
  fail(folder, { fdatasync: 'once, after everything was written' })
  // As a crash at the moment of the failure would leave it.
  assert.match(await write(), /^2!Cannot make a commit durable: once/)
  assert.deepEqual([...recover(folder).last], [['n/a', 1]])
  const written = readFileSync(join(folder, 'log', '00000001.log')).toString('latin1')
  assert.equal(written.split('1BLS').length - 1, 2)
  const b = new Source(log, 'n/b')
  const other = b.write()
  log.flush()
  assert.equal(await other, '1')
  assert.deepEqual(readdirSync(join(folder, 'log')), ['00000001.log', '00000002.log'])
  await log.close()
})

test('[CL1] whoever watches the log hears of records that are durable, in order, before others', async () => {
  const folder = makeFolder()
  const heard: string[] = []
  const log = openLog(folder, {
    onConfirmed: ({ object, sequence }) => heard.push(`${object} ${sequence}`),
  })
  const a = new Source(log, 'n/a')
  const write = a.write().then((answer) => heard.push(`answer ${answer}`))
  log.flush()
  await write
  fail(folder, { fdatasync: 'no space' })
  const refused = a.write()
  log.flush()
  await refused
  assert.deepEqual(heard, ['n/a 1', 'answer 1'])
  await log.close()
})

test('[CL4] a segment of version 1 is read; its records have neither names nor flags', async () => {
  const folder = makeFolder()
  const log = openLog(folder)
  const a = new Source(log, 'n/a')
  const write = a.write()
  log.flush()
  await write
  await log.close()
  // A record without a name and flags has the same bytes in both versions.
  const path = join(folder, 'log', '00000001.log')
  const bytes = readFileSync(path)
  bytes.writeUInt32LE(1, 4)
  bytes.writeUInt32LE(crc32(bytes.subarray(0, 28)), 28)
  writeFileSync(path, bytes)
  assert.deepEqual([...recover(folder).last], [['n/a', 1]])
})

test('[CT1] recovery tells the last name and the last alarm that the log holds', async () => {
  const folder = makeFolder()
  const log = openLog(folder)
  const steps = [
    { name: 'first', alarmAt: undefined, kvApplied: false },
    { alarmAt: 7, kvApplied: false },
    { alarmAt: undefined, kvApplied: true },
  ]
  const source: CommitSource = {
    takeCommits: () =>
      steps.map((step, i) => ({
        record: { ...recordOf('n/a', i + 1), ...step },
        confirmed: () => {},
        failed: () => {},
      })),
  }
  log.enlist(source)
  log.flush()
  await log.close()
  const found: unknown[] = []
  recoverLog(join(folder, 'log'), ({ name, alarmAt, lastAlarmAt }) =>
    found.push([name, alarmAt, lastAlarmAt]),
  )
  assert.deepEqual(found, [['first', undefined, 7]])
})

test('[CL6] a full segment is announced with its objects, and dropped when told to', async () => {
  const folder = makeFolder()
  const full: string[] = []
  const log: FileLog = openLog(folder, {
    segmentBytesMax: 300,
    onSegmentFull: () => {
      const segment = log.fullSegments().at(-1)
      full.push(`${segment?.number}: ${[...(segment?.objects ?? [])].join(' ')}`)
    },
  })
  const a = new Source(log, 'n/a')
  const b = new Source(log, 'n/b')
  for (const source of [a, a, b, b, a]) {
    const write = source.write()
    log.flush()
    await write
  }
  assert.deepEqual(full, ['1: n/a', '2: n/b'])
  assert.deepEqual(
    [...recover(folder).last],
    [
      ['n/a', 3],
      ['n/b', 2],
    ],
  )
  writeFileSync(join(folder, 'a.db'), 'x')
  await log.syncFiles([join(folder, 'a.db')])
  await log.dropSegments(1)
  assert.deepEqual(readdirSync(join(folder, 'log')), ['00000002.log', '00000003.log'])
  await assert.rejects(log.syncFiles([join(folder, 'nothing.db')]), /ENOENT/)
  await log.close()
})

test('[CL6] what the disk refused leaves no gap when segments are dropped around it', async () => {
  const folder = makeFolder()
  const log = openLog(folder, { segmentBytesMax: 300 })
  const a = new Source(log, 'n/a')
  const write = (): Promise<string> => {
    const written = a.write()
    log.flush()
    return written
  }
  const files = (): string[] => readdirSync(join(folder, 'log'))
  await write()
  await write()
  // The batch, and the segment that was to cut it off.
  fail(folder, { write: 'no space' })
  assert.match(await write(), /!/)
  fail(folder, {})
  // A new life of the object: it begins to count anew.
  const b = new Source(log, 'n/b')
  for (let i = 0; i < 5; i += 1) {
    const written = b.write()
    log.flush()
    await written
  }
  assert.deepEqual(
    log.segments().map(({ number }) => number),
    [1, 4, 5, 6],
  )
  assert.deepEqual(
    files(),
    [1, 2, 3, 4, 5, 6].map((number) => `0000000${number}.log`),
  )
  fail(folder, { syncDirectory: 'no luck' })
  await assert.rejects(log.dropSegments(5), /no luck/)
  recover(folder)
  fail(folder, {})
  await log.dropSegments(4)
  assert.deepEqual(files(), ['00000005.log', '00000006.log'])
  await log.close()
  assert.deepEqual([...recover(folder).last], [['n/b', 5]])
})

test('[CL14] closing ends also when files are synced meanwhile', async () => {
  const folder = makeFolder()
  const path = join(folder, 'log', 'database')
  writeFileSync(path, '')
  // In a process that nothing else keeps alive.
  const source = `
    import { FileLog } from ${JSON.stringify(new URL('./index.ts', import.meta.url).href)}
    const log = new FileLog({
      directory: ${JSON.stringify(join(folder, 'log'))}, firstSegment: 1, segmentBytesMax: 20_000
    })
    const synced = log.syncFiles([${JSON.stringify(path)}])
    await log.close()
    await synced
    console.log('closed')`
  const program = join(folder, 'close.mjs')
  writeFileSync(program, source)
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [program])
  assert.equal(stdout, 'closed\n', stderr)
})

test('[CL9] keys that no page has are given back, and those that were applied are not', async () => {
  const folder = makeFolder()
  const log = openLog(folder)
  const write = async (changes: Partial<CommitRecord>): Promise<void> => {
    sequence += 1
    const record = { ...recordOf('n/a', sequence), pages: [], databasePages: 0, ...changes }
    const confirmed = Promise.withResolvers<void>()
    log.enlist({
      takeCommits: () => [{ record, confirmed: confirmed.resolve, failed: confirmed.reject }],
    })
    log.flush()
    await confirmed.promise
  }
  let sequence = 0
  const bytes = Uint8Array.of(1)
  await write({ kv: [{ key: 'a', value: bytes }], alarmAt: 5 })
  await write({ kv: [{ key: 'b', value: bytes }], alarmAt: undefined })
  const seen = (): unknown[] => {
    const found: unknown[] = []
    recoverLog(join(folder, 'log'), ({ kv, alarmAt, databasePages, pages }) =>
      found.push([...kv.keys()], [...kv.values()].map(String), alarmAt, databasePages, pages.size),
    )
    return found
  }
  assert.deepEqual(seen(), [['a', 'b'], ['1', '1'], 5, 0, 0])
  const page = { pageNumber: 1, bytes: new Uint8Array(64) }
  await write({ pages: [page], databasePages: 1, kvApplied: true, alarmAt: undefined })
  assert.deepEqual(seen(), [[], [], undefined, 1, 1])
  await write({ kv: [{ key: 'a', value: undefined }], alarmAt: null })
  assert.deepEqual(seen(), [['a'], ['deleted'], null, 1, 1])
  await log.close()
})

test('[CL2] records are decoded as they were encoded, and damage never decodes', () => {
  const bytes = fc.uint8Array({ maxLength: 40 })
  const record = fc.record({
    object: fc.string({ unit: 'binary', minLength: 1 }),
    name: fc.option(fc.string({ unit: 'grapheme' }), { nil: undefined }),
    fence: fc.maxSafeNat(),
    sequence: fc.maxSafeNat(),
    pageSize: fc.constant(16),
    databasePages: fc.nat(),
    pages: fc.array(
      fc.record({
        pageNumber: fc.nat(),
        bytes: fc.uint8Array({ minLength: 16, maxLength: 16 }),
      }),
    ),
    kv: fc.array(
      fc.record({
        key: fc.string({ unit: 'binary' }),
        value: fc.option(bytes, { nil: undefined }),
      }),
    ),
    kvApplied: fc.boolean(),
    alarmAt: fc.oneof(fc.integer(), fc.constantFrom(null, undefined)),
  })
  const plain = (value: CommitRecord): unknown => ({
    ...value,
    name: value.name,
    pages: value.pages.map((page) => [page.pageNumber, [...page.bytes]]),
    kv: value.kv.map(({ key, value: v }) => [key, v === undefined ? undefined : [...v]]),
  })
  fc.assert(
    fc.property(fc.array(record), (records) => {
      const encoded = Buffer.from(encodeBatch(1, records)).subarray(batchHeaderBytes)
      assert.deepEqual(decodeRecords(encoded).map(plain), records.map(plain))
    }),
    { seed: 11, numRuns: 300 },
  )
})

test('[CL8] delayed answers come in order, later, and slow no batch down', () => {
  const due: (() => void)[] = []
  const timers: Timers = {
    after: (delayMs, callback) => {
      assert.equal(delayMs, 400)
      due.push(callback)
      return { cancel: () => {} }
    },
  }
  const inner = new ScriptedLog()
  const log = delayConfirmations(inner, 400, timers)
  const a = new Source(log, 'n/a')
  void a.write()
  log.flush()
  void a.write()
  log.flush()
  assert.equal(inner.batchCount, 2)
  inner.confirmNext()
  inner.failNext(new Error('disk'))
  assert.deepEqual(a.answers, [])
  for (const callback of due) callback()
  assert.deepEqual(a.answers, ['1', '2!disk'])
})
