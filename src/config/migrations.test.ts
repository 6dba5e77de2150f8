import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { loadProject } from './index.ts'

test('[ST29] classes without SQL are those of new_classes, under the names that they have now', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-migrations-'))
  try {
    writeFileSync(join(folder, 'main.js'), 'export default {}')
    const classesAfter = (migrations: unknown): readonly string[] => {
      const bindings = ['A', 'B', 'C', 'D'].map((name) => ({ name, class_name: name }))
      const config = { name: 'p', main: 'main.js', migrations, durable_objects: { bindings } }
      writeFileSync(join(folder, 'wrangler.json'), JSON.stringify(config))
      const { durableObjects } = loadProject(folder)
      assert.ok(durableObjects !== 'all-exported')
      return durableObjects.filter(({ hasSql }) => !hasSql).map(({ className }) => className)
    }
    assert.deepEqual(classesAfter(undefined), [])
    assert.deepEqual(classesAfter([{ new_sqlite_classes: ['A'], new_classes: ['B', 'C'] }]), [
      'B',
      'C',
    ])
    const renamed = { renamed_classes: [{ from: 'B', to: 'D' }], deleted_classes: ['C'] }
    assert.deepEqual(classesAfter([{ new_classes: ['B', 'C'] }, renamed]), ['D'])
    assert.deepEqual(
      classesAfter([
        { new_classes: ['B'] },
        { deleted_classes: ['B'] },
        { new_sqlite_classes: ['B'] },
      ]),
      [],
    )
    assert.throws(() => classesAfter([{ new_classes: 'B' }]), /'new_classes' is a string, a list/)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
