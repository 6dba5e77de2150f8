// names: ids of objects, bit-exact with the reference. Knows nothing of where objects live or what
// they are. Rules: docs/spec/names.md.

export { IdFactory, jurisdictions, ObjectId, storedNameOf } from './object-id.ts'
