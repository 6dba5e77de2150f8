import assert from 'node:assert/strict'
import {
  copyFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { startSluice } from '../workerd/sluice.ts'
import { ask, data, project, stateOf } from './asking.ts'

const root = mkdtempSync(join(tmpdir(), 'sluice-data-test-'))
after(() => rmSync(root, { recursive: true, force: true }))

/** Killed with everything in the log; and the same, stopped after it was checkpointed. */
const killed = join(root, 'killed')
const stopped = join(root, 'stopped')
const ids = { kv: '', sql: '', unnamed: '' }
let read: unknown

before(async () => {
  await using first = await startSluice({ project, data: killed })
  // In the databases at the kill, so that they are neither empty nor up to date.
  await ask(first.url, 'sql', 'rows', 3)
  await ask(first.url, 'kv', 'keys', 2)
  await first.stop()
  await using second = await startSluice({ project, data: killed })
  ids.kv = (await ask(second.url, 'kv', 'keys', 5)) as string
  ids.sql = (await ask(second.url, 'sql', 'rows', 2)) as string
  ids.unnamed = (await ask(second.url, 'new', 'keys', 1)) as string
  await ask(second.url, 'sql', 'values')
  await ask(second.url, 'kv', 'alarmIn', 3_600_000)
  read = await ask(second.url, 'sql', 'read')
  await second.kill()
  cpSync(killed, stopped, { recursive: true })
  await (await startSluice({ project, data: stopped })).stop()
})

/** A copy that a test may damage. */
let copies = 0
function copyOf(folder: string): string {
  copies += 1
  const copy = join(root, `copy ${copies}`)
  cpSync(folder, copy, { recursive: true })
  return copy
}

function databaseIn(folder: string, id: string): string {
  return join(folder, 'objects', 'attic-Room', `${id}.sqlite`)
}

function change(path: string, ...statements: string[]): void {
  const db = new DatabaseSync(path)
  for (const sql of statements) db.exec(sql)
  db.exec('PRAGMA wal_checkpoint(TRUNCATE)')
  db.close()
}

test('[DT1] a folder of a killed process is shown as the next start finds it, and stays as it is', () => {
  const before = stateOf(killed)
  assert.ok(readdirSync(join(killed, 'log')).length > 0)
  for (const command of [
    ['verify', killed],
    ['list', killed],
    ['dump', killed, 'Room/kv'],
    ['dump', killed, 'Room/sql', '--json'],
    ['dump', killed, 'Room/sql', '--sql'],
  ]) {
    const { code, err } = data(...command)
    assert.equal(code, 0, `${command.join(' ')}: ${err}`)
  }
  assert.deepEqual(stateOf(killed), before)
  for (const values of [['list'], ['list', '--json']]) {
    const [command = '', ...options] = values
    const shown = data(command, killed, ...options).out
    // Sizes tell what is in a database and what in the log.
    const withoutSizes = (text: string): string => text.replaceAll(/\d+ bytes|"bytes":\d+/g, '')
    assert.equal(
      withoutSizes(shown).replaceAll(/ +/g, ' '),
      withoutSizes(data(command, stopped, ...options).out).replaceAll(/ +/g, ' '),
    )
  }
  for (const object of ['Room/kv', 'Room/sql']) {
    assert.equal(data('dump', killed, object).out, data('dump', stopped, object).out)
    assert.equal(
      data('dump', killed, object, '--sql').out,
      data('dump', stopped, object, '--sql').out,
    )
  }
})

test('[DT2] verify counts what it has checked', () => {
  const clean = data('verify', stopped)
  assert.equal(clean.code, 0)
  assert.match(clean.out, /^objects 3, databases 4 with the catalogue’s, bytes \d{5,}\n/)
  assert.match(
    clean.out,
    /log: segments 0, records 0, torn tail 0 bytes, keys in no database yet 0/,
  )
  assert.match(clean.out, /no faults\n$/)
  assert.equal(clean.err.split('\n').at(-2), '3 of 3 objects', 'no terminal: plain lines')

  const torn = copyOf(killed)
  const [segment = ''] = readdirSync(join(torn, 'log'))
  const path = join(torn, 'log', segment)
  // Behind what was written, where zeros stand.
  const bytes = readFileSync(path)
  const end = bytes.findLastIndex((byte) => byte !== 0) + 1
  writeFileSync(path, bytes.fill(7, end, end + 100))
  const { code, out } = data('verify', torn)
  assert.equal(code, 0)
  assert.match(
    out,
    /log: segments 1, records [1-9]\d*, torn tail 100 bytes, keys in no database yet [1-9]/,
  )
})

test('[DT3] each fault is a line with object, file and reason, and the others are found as well', () => {
  const folder = copyOf(stopped)
  const kv = databaseIn(folder, ids.kv)
  const sql = databaseIn(folder, ids.sql)
  change(kv, 'UPDATE _cf_METADATA SET value = 1000000000000000000')
  change(databaseIn(folder, ids.unnamed), 'DROP TABLE _cf_METADATA')
  const bytes = readFileSync(sql)
  // The b-tree of a table, which is not at the beginning.
  bytes.fill(0x55, 4096 * 3, 4096 * 4)
  writeFileSync(sql, bytes)
  const stray = databaseIn(folder, 'a'.repeat(64))
  copyFileSync(kv, stray)
  const { code, out, err } = data('verify', folder)
  assert.equal(code, 1)
  const faults = err.split('\n').filter((line) => line.startsWith('fault: '))
  const wanted = [
    `attic-Room/${ids.kv}: the alarm is 2001-09-09T01:46:40.000Z in '${kv}' and 20`,
    `attic-Room/${ids.unnamed}: '${databaseIn(folder, ids.unnamed)}' is damaged: it has no table _cf_METADATA`,
    `attic-Room/${ids.sql}: '${sql}' is damaged: `,
    `attic-Room/${'a'.repeat(64)}: '${stray}' is of no object that the catalogue or the log knows`,
  ]
  for (const line of wanted) {
    assert.equal(
      faults.filter((fault) => fault.startsWith(`fault: ${line}`)).length,
      1,
      `${line}\n${err}`,
    )
  }
  assert.equal(faults.length, wanted.length)
  assert.match(out, /faults 4\n$/)
})

test('[DT3] a database that is missing, cut or no database is a fault', () => {
  const folder = copyOf(stopped)
  unlinkSync(databaseIn(folder, ids.kv))
  truncateSync(databaseIn(folder, ids.sql), 4096 * 2)
  writeFileSync(databaseIn(folder, ids.unnamed), 'not a database'.repeat(2000))
  const { code, err } = data('verify', folder)
  assert.equal(code, 1)
  assert.match(err, new RegExp(`fault: attic-Room/${ids.kv}: its database '.*' is missing`))
  assert.match(err, new RegExp(`fault: attic-Room/${ids.sql}: '.*' is damaged: `))
  assert.match(
    err,
    new RegExp(`fault: attic-Room/${ids.unnamed}: '.*' is damaged: file is not a database`),
  )
  assert.equal(err.match(/^fault: /gm)?.length, 3)

  // What the log changes must be there to be changed.
  const cut = copyOf(killed)
  truncateSync(databaseIn(cut, ids.sql), 0)
  assert.match(
    data('verify', cut).err,
    new RegExp(
      `fault: attic-Room/${ids.sql}: Cannot restore the database '${databaseIn(cut, ids.sql)}'`,
    ),
  )
})

test('[DT3] a damaged log or catalogue is a fault, and the databases are checked all the same', () => {
  const folder = copyOf(killed)
  const [segment = ''] = readdirSync(join(folder, 'log'))
  const path = join(folder, 'log', segment)
  const bytes = readFileSync(path)
  bytes[100] = (bytes[100] ?? 0) ^ 1
  writeFileSync(path, bytes)
  unlinkSync(databaseIn(folder, ids.kv))
  const { code, out, err } = data('verify', folder)
  assert.equal(code, 1)
  assert.match(err, new RegExp(`fault: Cannot recover from '${path}': it is damaged at byte 32`))
  assert.match(err, new RegExp(`fault: attic-Room/${ids.kv}: its database '.*' is missing`))
  assert.match(out, /log: damaged\nfaults 2\n$/)
  const { code: listed, out: none, err: why } = data('list', folder)
  assert.deepEqual([listed, none], [1, ''])
  assert.match(why, /^sluice: Cannot recover from .*: it is damaged at byte 32.*\n$/)

  const other = copyOf(stopped)
  writeFileSync(join(other, 'objects', 'catalogue.sqlite'), 'no database'.repeat(4000))
  const second = data('verify', other)
  assert.equal(second.code, 1)
  assert.match(
    second.err,
    /fault: Cannot read the catalogue '.*catalogue.sqlite': file is not a database/,
  )
  assert.match(second.out, /objects 3, databases 4/)
})

test('[DT4] list names class, alarm, size, and name or id', () => {
  const lines = data('list', killed, '--json')
    .out.trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
  assert.deepEqual(
    lines.map(({ id }) => id),
    Object.values(ids).toSorted(),
  )
  const kv = lines.find(({ id }) => id === ids.kv)
  assert.deepEqual(
    { ...kv, alarm: undefined, bytes: undefined },
    {
      class: 'Room',
      namespace: 'attic-Room',
      id: ids.kv,
      name: 'kv',
      alarm: undefined,
      bytes: undefined,
    },
  )
  assert.ok(Date.parse(String(kv?.['alarm'])) > Date.now())
  assert.ok(lines.every(({ bytes }) => Number(bytes) > 0))
  assert.equal(lines.find(({ id }) => id === ids.unnamed)?.['name'], null)
  const text = data('list', killed).out
  assert.match(text, /^Room {2}20\S+Z {2} *\d+ bytes {2}"kv"$/m)
  assert.match(text, new RegExp(`^Room {2}no alarm {16} {2} *\\d+ bytes {2}${ids.unnamed}$`, 'm'))
  assert.equal(data('list', killed, '--limit', '2').out.trimEnd().split('\n').length, 2)
  assert.equal(data('list', killed, '--class', 'Hall').out, '')
  assert.equal(data('list', killed, '--class', 'Room').out, text)
})

test('[DT5] dump shows alarm, keys and rows of the object that is named in any way', () => {
  const { out } = data('dump', killed, 'Room/kv')
  assert.match(
    out,
    /^Room "kv"\nkey: +attic-Room\/[0-9a-f]{64}\nalarm: 20\S+Z\n"key 0" => \{ i: 0 \}\n"key 1" => /,
  )
  for (const name of [`Room/${ids.kv}`, 'attic-Room/kv', `attic-Room/${ids.kv.toUpperCase()}`]) {
    assert.equal(data('dump', killed, name).out, out)
  }
  const sql = data('dump', killed, 'Room/sql').out
  assert.match(sql, /"values" => <ref \*1> \{\n/)
  assert.match(sql, /\nCREATE INDEX item_text ON item \(text\);\n/)
  assert.match(
    sql,
    /\nitem \(id, text, part, bytes\)\n {2}1, "it's 0\\x00end", 0, Uint8Array\(1\) \[ 0 \]\n/,
  )
  assert.match(sql, /\nloose \(text\)\n {2}'seven'\n {2}9007199254740993n\n/)
  const odd = copyOf(stopped)
  change(databaseIn(odd, ids.kv), "INSERT INTO _cf_KV VALUES ('odd', X'00')")
  const undecoded = data('dump', odd, 'Room/kv')
  assert.equal(undecoded.code, 1)
  assert.match(
    undecoded.err,
    /^sluice: Cannot dump .*: the value of 'odd' cannot be decoded: .*\n$/,
  )
  assert.match(data('dump', odd, 'Room/kv', '--sql').out, /VALUES\('odd',X'00'\)/)
  for (const [name, message] of [
    ['Room', /Class\/name or Class\/id was wanted/],
    ['Hall/kv', /no class 'Hall' has objects here; there are Room$/m],
    ['Room/nobody', /there is no such object/],
  ] as const) {
    const { code, err } = data('dump', killed, name)
    assert.equal(code, 1)
    assert.match(err, message)
  }
})

test('[DT6] dump --json tags what JSON has no word for', () => {
  const dumped = JSON.parse(data('dump', killed, 'Room/sql', '--json').out) as {
    keys: { key: string; value: unknown }[]
    tables: { name: string; rows: unknown[][] }[]
  }
  assert.deepEqual(dumped.keys, [
    {
      key: 'values',
      value: {
        map: { $type: 'Map', entries: [[1, { $type: 'Set', values: ['x'] }]] },
        date: { $type: 'Date', value: '1970-01-01T00:00:00.005Z' },
        big: { $type: 'BigInt', value: '12345678901234567890' },
        bytes: { $type: 'Uint8Array', base64: 'AQID' },
        not: [
          { $type: 'undefined' },
          { $type: 'Number', value: 'NaN' },
          { $type: 'Number', value: '-0' },
        ],
        text: 'ä\u{1f600}',
        self: { $type: 'Cycle', up: 1 },
      },
    },
  ])
  const loose = dumped.tables.find(({ name }) => name === 'loose')
  assert.deepEqual(loose?.rows.slice(0, 2), [
    ['seven'],
    [{ $type: 'BigInt', value: '9007199254740993' }],
  ])
  const item = dumped.tables.find(({ name }) => name === 'item')
  assert.deepEqual(item?.rows[1], [2, "it's 1\0end", 0.5, { $type: 'Uint8Array', base64: 'AQ==' }])
})

test('[DT7] dump --sql makes an equal database again', () => {
  const path = join(root, 'again.sqlite')
  const again = new DatabaseSync(path, { defensive: false })
  again.exec(data('dump', killed, 'Room/sql', '--sql').out)
  again.close()
  const queries = [
    'SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name',
    'SELECT * FROM _cf_KV',
    'SELECT * FROM _cf_METADATA',
    'SELECT * FROM item',
    'SELECT rowid, text, typeof(text) FROM loose',
    'SELECT * FROM sqlite_sequence',
    'SELECT * FROM items',
    "SELECT rowid FROM found WHERE found MATCH 'common'",
  ]
  const answers = (file: string): unknown[] => {
    const db = new DatabaseSync(file)
    assert.equal(db.prepare('PRAGMA integrity_check').get()?.['integrity_check'], 'ok')
    const all = queries.map((query) => {
      const statement = db.prepare(query)
      statement.setReadBigInts(true)
      return statement.all()
    })
    db.close()
    return all
  }
  const own = join(root, 'own.sqlite')
  copyFileSync(databaseIn(stopped, ids.sql), own)
  assert.deepEqual(answers(path), answers(own))
  assert.equal((read as { found: number }).found, 5)
})

test('[DT11] a folder in use, of a newer format, or that is none is refused with one line', async () => {
  const used = copyOf(stopped)
  await using server = await startSluice({ project, data: used })
  const newer = copyOf(stopped)
  writeFileSync(join(newer, 'format'), '9\n')
  const none = join(root, 'none')
  mkdirSync(none)
  const cases: [folder: string, message: RegExp][] = [
    [used, new RegExp(`process ${server.pid} has it open`)],
    [newer, /it has format 9, this Sluice understands formats up to 2/],
    [none, /it is none, a folder that Sluice has made was wanted/],
    [join(root, 'nowhere'), /it is none/],
  ]
  for (const [folder, message] of cases) {
    for (const command of [
      ['verify', folder],
      ['list', folder],
      ['dump', folder, 'Room/kv'],
    ]) {
      const { code, out, err } = data(...command)
      assert.match(err, message)
      assert.match(err, /^sluice: Cannot open the data folder .*\n$/)
      assert.deepEqual([code, out], [1, ''])
    }
  }
  await server.stop()
  assert.deepEqual(readdirSync(none), [])
})

test('wrong arguments are refused with one line, and each command has its help', () => {
  const cases: [values: string[], message: RegExp][] = [
    [['verfy'], /unknown command 'data verfy'/],
    [['verify'], /verify needs DIR; see 'sluice data verify --help'/],
    [['verify', 'a', 'b'], /verify takes DIR, not also 'b'/],
    [['dump', 'a'], /dump needs OBJECT/],
    [['dump', 'a', 'b', '--json', '--sql'], /--json or --sql, not both/],
    [['list', 'a', '--limit', 'x'], /--limit is 'x', a whole number/],
    [['list', 'a', '--jsn'], /Unknown option '--jsn'; see 'sluice data list --help'/],
    [['list', 'a', '--json=1'], /--json takes no value/],
    [['import', 'a'], /import needs --data DIR/],
  ]
  for (const [values, message] of cases) {
    const { code, out, err } = data(...values)
    assert.match(err, message)
    assert.equal(err.trimEnd().split('\n').length, 1)
    assert.deepEqual([code, out], [1, ''])
  }
  assert.match(data('--help').out, /import FROM --data DIR/)
  for (const command of ['verify', 'list', 'dump', 'import']) {
    assert.match(data(command, '--help').out, new RegExp(`^Usage: sluice data ${command} `))
  }
})
