import { existsSync, readFileSync } from 'node:fs'
import { DurableError } from '../base/index.ts'

// The reference's word at the start of an index of facets.
const magic = '57efb0c55bcecdc4'

/**
 * The facets of one object as the reference lists them, by number: `<number of the parent>/<name>`.
 *
 * @param path the file `<id>.facets`
 * @throws DurableError when it is damaged
 */
export function readFacetIndex(path: string): Map<number, string> {
  const facets = new Map<number, string>()
  if (!existsSync(path)) return facets
  const bytes = readFileSync(path)
  if (bytes.subarray(0, magic.length / 2).toString('hex') !== magic) {
    throw new DurableError('it does not begin like an index of facets')
  }
  // Each entry: the parent's number, the length of the name, the name.
  for (let at = magic.length / 2; at < bytes.length; ) {
    const end = at + 4 <= bytes.length ? at + 4 + bytes.readUInt16LE(at + 2) : bytes.length + 1
    // The reference was interrupted while it wrote the last one.
    if (end > bytes.length) return facets
    const name = bytes.subarray(at + 4, end).toString()
    facets.set(facets.size + 1, `${bytes.readUInt16LE(at)}/${name}`)
    at = end
  }
  return facets
}
