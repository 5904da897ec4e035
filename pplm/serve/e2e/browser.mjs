// A headless Chromium, and what every test wants of a page in it.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { load } from './modules.mjs';

const { chromium } = load('playwright-core');
const axeSource = fs.readFileSync(load.resolve('axe-core/axe.min.js'), 'utf8');
const screenshots = path.join(import.meta.dirname, 'screenshots');

/** Generous, as machines may be slow and busy. */
export const patience = 120_000;

/** Starts the program that TILLER_CHROMIUM names. */
export async function startBrowser() {
  const executablePath = process.env.TILLER_CHROMIUM;
  assert.ok(executablePath, 'TILLER_CHROMIUM names no program');
  // Chromium's own sandbox needs rights that a container may not have; all that is
  // shown here is the project's own page.
  return chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-dev-shm-usage'], timeout: patience });
}

/**
 * Runs a test in a new tab, and fails where the console has had an error or the
 * policy has stopped something.
 * @param {import('playwright-core').Browser} browser
 * @param {string} url
 * @param {(page: import('playwright-core').Page) => Promise<void>} work
 * @param {{expect?: RegExp, wait?: boolean} & import('playwright-core').BrowserContextOptions} [how]
 *   expect: errors that the test brings about; wait: for the server's lists
 */
export async function onPage(browser, url, work, { expect, wait = true, ...options } = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, reducedMotion: 'reduce', ...options });
  context.setDefaultTimeout(patience);
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  /** @type {string[]} */
  const wrong = [];
  context.on('weberror', (e) => wrong.push(`error: ${e.error().stack}`));
  context.on('console', (m) => {
    const at = `${m.type()}: ${m.text()} ${m.location().url}`;
    if (['error', 'warning'].includes(m.type()) && !expect?.test(at)) wrong.push(at);
  });
  await context.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (e) => console.error(`policy: ${e.violatedDirective} ${e.blockedURI}`));
  });
  try {
    const page = await context.newPage();
    await page.goto(url);
    if (wait) await ready(page);
    await work(page);
    assert.deepEqual(wrong, []);
  } finally {
    await context.close();
  }
}

/** Waits until the page has the server's lists. @param {import('playwright-core').Page} page */
export async function ready(page) {
  await page.waitForSelector('body[data-ready]');
}

/** Waits until the texts are written. @param {import('playwright-core').Page} page */
export async function written(page) {
  await page.waitForSelector('#stop[aria-disabled="true"]');
}

/** Sets a slider as a hand would. @param {import('playwright-core').Page} page @param {string} label @param {number} weight */
export async function slide(page, label, weight) {
  await page.getByRole('slider', { name: label, exact: true }).fill(String(weight));
}

/** Sets the length of texts. @param {import('playwright-core').Page} page @param {number} tokens */
export async function setLength(page, tokens) {
  await page.getByLabel('Length').fill(String(tokens));
}

/** The suggestions, when they are written. @param {import('playwright-core').Page} page */
export async function suggestions(page) {
  await page.waitForSelector('#choices[aria-busy="false"]');
  return page.locator('#choices .words').allTextContents();
}

/** The tokens of a text. @param {import('playwright-core').Page} page @param {'plain'|'steered'} which */
export async function tokens(page, which) {
  return page.locator(`#${which}-text .token`).allTextContents();
}

/** Keeps a picture for people. @param {import('playwright-core').Page} page @param {string} name */
export async function picture(page, name) {
  fs.mkdirSync(screenshots, { recursive: true });
  await page.screenshot({ path: path.join(screenshots, `${name}.png`), fullPage: true });
}

/** What axe-core finds wrong with the page as it is. @param {import('playwright-core').Page} page */
export async function assertAccessible(page) {
  await page.evaluate(axeSource);
  const found = await page.evaluate(async () => {
    const { violations } = await globalThis.axe.run(document, {
      runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
    });
    return violations.map((v) => `${v.id}: ${v.help}: ${v.nodes.map((n) => n.html).join('\n  ')}`);
  });
  assert.deepEqual(found, []);
}
