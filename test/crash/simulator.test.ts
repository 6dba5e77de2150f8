import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SimulatedDisk } from './simulator/simulated-disk.ts'
import { makeRandom } from './random.ts'
import { simulate } from './simulator/simulate.ts'

const seed = Number(process.env['SLUICE_SEED'] ?? 20_261_124)
const cuts = Number(process.env['SLUICE_RUNS'] ?? 2000)

test(`[CL5] [CL6] [CL7] [CL16] [ST4] [CT1] [CT2] power cuts at ${cuts} instants leave all that was acknowledged, and nothing by halves (seed ${seed})`, async () => {
  // Two runs side by side, each on a processor of its own.
  const runs = [seed, seed + 1].map((each) =>
    simulate({ seed: each, operations: 400, cuts: Math.ceil(cuts / 2), processes: 1 }),
  )
  for (const report of await Promise.all(runs)) {
    console.log(report)
    for (const [what, count] of Object.entries(report)) assert.ok(count > 0, `${what} is ${count}`)
  }
})

test('a simulated disk keeps what was synced, and all the rest in some crash but not in each', () => {
  const disk = new SimulatedDisk()
  let number = 1
  const apply = (event: Parameters<SimulatedDisk['apply']>[1]): void =>
    disk.apply((number += 1), event)
  const sync = (path: string, failed = false): void =>
    apply({ kind: 'sync', path, began: number + 1, failed })
  const sector = (fill: number): Uint8Array => new Uint8Array(512).fill(fill)
  apply({ kind: 'create', path: 'a' })
  apply({ kind: 'write', path: 'a', at: 0, bytes: sector(1) })
  sync('a')
  sync('.')
  apply({ kind: 'write', path: 'a', at: 512, bytes: sector(2) })
  apply({ kind: 'write', path: 'a', at: 512, bytes: sector(3) })
  apply({ kind: 'create', path: 'b' })
  const random = makeRandom(1)
  const seen = new Set<string>()
  for (let i = 0; i < 200; i += 1) {
    const image = disk.crash(random)
    const content = image.get('a')
    assert.ok(content !== undefined && content.subarray(0, 512).equals(sector(1)))
    seen.add(`${content.length} ${content[512]} ${image.has('b')}`)
  }
  // The second sector, if the size survived: nothing, the first version, or the second.
  for (const length of ['512 undefined', '1024 0', '1024 2', '1024 3']) {
    for (const hasB of [true, false]) assert.ok(seen.has(`${length} ${hasB}`), `${length} ${hasB}`)
  }
  // What a failed sync covered stays doubtful, whatever later syncs say; written again, it is not.
  sync('a', true)
  sync('a')
  const lost = Array.from({ length: 100 }, () => disk.crash(random).get('a')?.length)
  assert.ok(lost.includes(512) && lost.includes(1024))
  apply({ kind: 'write', path: 'a', at: 0, bytes: new Uint8Array([...sector(1), ...sector(3)]) })
  apply({ kind: 'truncate', path: 'a', size: 1024 })
  sync('a')
  for (let i = 0; i < 100; i += 1) {
    assert.ok(disk.crash(random).get('a')?.subarray(512).equals(sector(3)))
  }
})
