// names: ids of objects, bit-exact with the reference. Knows nothing of where objects live or what
// they are. Rules: docs/spec/names.md.

export { IdFactory, ObjectId } from './object-id.ts'
