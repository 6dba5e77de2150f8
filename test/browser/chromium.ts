// The browser that @sparticuz/chromium carries, with the libraries and the font it needs, so that
// `npm ci` is all a fresh Linux has to do. Only the package's archives are used: its own code
// unpacks them straight to where other processes look, and so hands them half a browser.

import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { brotliDecompress } from 'node:zlib'

export interface Chromium {
  readonly executablePath: string
  readonly env: Readonly<Record<string, string>>
}

const decompress = promisify(brotliDecompress)

/** Unpacks it beside its archives, if that was not done yet; many processes may ask at once. */
export async function unpackChromium(): Promise<Chromium> {
  const entry = import.meta.resolve('@sparticuz/chromium')
  const source = fileURLToPath(new URL('../bin', entry))
  const target = fileURLToPath(new URL('../unpacked', entry))
  if (!existsSync(target)) await unpack(source, target)
  return {
    executablePath: join(target, 'chromium'),
    env: {
      LD_LIBRARY_PATH: join(target, 'lib'),
      FONTCONFIG_FILE: join(target, 'fonts.conf'),
    },
  }
}

async function unpack(source: string, target: string): Promise<void> {
  const work = mkdtempSync(`${target}-`)
  try {
    const program = await decompress(await readFile(join(source, 'chromium.br')))
    await writeFile(join(work, 'chromium'), program, { mode: 0o755 })
    // NSS and expat, which the program links to and a small system does not have.
    await untar(join(source, 'al2023.tar.br'), work)
    await untar(join(source, 'fonts.tar.br'), work)
    await writeFile(join(work, 'fonts.conf'), renderFontConfig(target))
    publish(work, target)
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

async function untar(archive: string, folder: string): Promise<void> {
  const input = await decompress(await readFile(archive))
  const { status, error, stderr } = spawnSync('tar', ['-x', '-C', folder], { input })
  if (status !== 0) throw new Error(`Cannot unpack '${archive}': ${error?.message ?? stderr}`)
}

/** The folder appears whole or not at all; another process may have been quicker. */
function publish(work: string, target: string): void {
  try {
    renameSync(work, target)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'ENOTEMPTY' && code !== 'EEXIST') throw error
  }
}

/** One font only, so that a page looks the same on every machine. */
function renderFontConfig(folder: string): string {
  return `<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir>${join(folder, 'fonts')}</dir>
  <cachedir>${join(folder, 'font-cache')}</cachedir>
</fontconfig>
`
}
