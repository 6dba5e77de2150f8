import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { ScriptedLog } from '../log/index.ts'
import { ObjectStore } from './index.ts'

const folder = mkdtempSync(join(tmpdir(), 'sluice-closed-'))
after(() => rmSync(folder, { recursive: true, force: true }))
setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

// In a function of its own: nothing on the stack leads to the store.
function useAndClose(number: number): WeakRef<ObjectStore> {
  const log = new ScriptedLog()
  const path = join(folder, `${number}.sqlite`)
  const store = ObjectStore.open({ path, object: 'test/closed', fence: 0, log })
  store.sql.exec('CREATE TABLE t (x)', [])
  store.sql.exec('INSERT INTO t VALUES (1)', [])
  store.turnEnded()
  log.flush()
  while (log.confirmNext());
  store.close()
  return new WeakRef(store)
}

test('[ST24] a database that was closed leaves memory, and its store with it', async () => {
  const stores = Array.from({ length: 20 }, (_, i) => useAndClose(i))
  const left = (): number => stores.filter((store) => store.deref() !== undefined).length
  for (let tries = 0; left() > 0 && tries < 50; tries += 1) {
    await setImmediate()
    collect()
  }
  assert.equal(left(), 0)
})
