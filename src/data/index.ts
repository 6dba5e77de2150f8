// data: data folders while no program runs on them. Verifies, lists and dumps without changing anything
// on disk; imports what the reference has stored. Sees what a restart would see, through the same
// recovery and the same catalogue. Knows nothing of arguments and terminals. Rules:
// docs/spec/data-tools.md.

export { type DumpedObject, dumpObject, type DumpedTable } from './dump.ts'
export { isOfTheWorld } from './faults.ts'
export { FolderReader, type ListedObject } from './folder-reader.ts'
export { importFolder, type ImportOptions, type ImportReport } from './import.ts'
export { toJson } from './json-value.ts'
export { type VerifyListener, type VerifyReport, verifyFolder } from './verify.ts'
