#!/usr/bin/env node
// Plain, old JavaScript: it must run on the Node.js that it complains about.

var version = process.versions.node
if (Number(version.split('.')[0]) < 24) {
  console.error('sluice needs Node.js 24 or newer; this is ' + version)
  process.exit(1)
}

import('../dist/cli/main.js').catch(function (error) {
  if (error.code === 'ERR_MODULE_NOT_FOUND' && /dist.cli.main/.test(error.message)) {
    console.error('sluice is not built; run: npm run build')
  } else console.error(error)
  process.exit(1)
})
