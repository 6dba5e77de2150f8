// A headless browser for tests of web pages.

import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core'
import { unpackChromium } from './chromium.ts'

/**
 * Starts Chromium from the dev dependencies; where they have none, the Chrome that is installed; or
 * the program that SLUICE_BROWSER names. Close it after use.
 */
export async function startBrowser(): Promise<Browser> {
  const own = process.env['SLUICE_BROWSER']
  if (own !== undefined) return chromium.launch({ executablePath: own })
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    return chromium.launch({ channel: 'chrome' })
  }
  const { executablePath, env } = await unpackChromium()
  return chromium.launch({
    executablePath,
    env: { ...process.env, ...env },
    // The pages are our own, and containers seldom allow the sandbox.
    chromiumSandbox: false,
  })
}

export interface Visitor {
  readonly page: Page
  /** What the page's scripts threw or logged as an error, and what its policy forbade. */
  readonly errors: readonly string[]
}

/** A page of a person of its own, who shares neither cookies nor storage with any other. */
export async function openVisitor(
  browser: Browser,
  options: BrowserContextOptions = {},
): Promise<Visitor> {
  const context = await browser.newContext(options)
  const page = await context.newPage()
  const errors: string[] = []
  page.on('pageerror', (error) => errors.push(error.message))
  page.on('console', (message) => {
    // The browser also complains of a server that is away, which is no fault of the page.
    const isNetwork = /net::ERR_|WebSocket connection to/.test(message.text())
    if (message.type() === 'error' && !isNetwork) errors.push(message.text())
  })
  return { page, errors }
}

/** Writes a picture of the page into the folder that SLUICE_SCREENSHOTS names, if it is set. */
export async function takeScreenshot(page: Page, name: string): Promise<void> {
  const folder = process.env['SLUICE_SCREENSHOTS']
  if (folder !== undefined) await page.screenshot({ path: `${folder}/${name}.png` })
}
