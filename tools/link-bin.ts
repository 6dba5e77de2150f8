// Makes `npx sluice` work in a clone: npm links the commands of dependencies, not the package's own.

import { existsSync, symlinkSync } from 'node:fs'

const folder = new URL('../node_modules/.bin/', import.meta.url)
const link = new URL('sluice', folder)
if (existsSync(folder) && !existsSync(link)) symlinkSync('../../bin/sluice.js', link)
