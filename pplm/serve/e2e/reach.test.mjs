// For everyone: keys alone, phones, light and dark, axe-core's rules.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { assertAccessible, onPage, patience, picture, ready, setLength, startBrowser, suggestions, tokens, written } from './browser.mjs';
import { startServer } from './server.mjs';

let server;
let browser;
before(async () => { [server, browser] = await Promise.all([startServer(), startBrowser()]); });
after(() => Promise.all([server?.kill(), browser?.close()]));

const run = (name, work, how) => test(name, { timeout: 3 * patience }, () => onPage(browser, server.url, work, how));

const phone = { viewport: { width: 360, height: 640 }, deviceScaleFactor: 2, hasTouch: true, isMobile: true };

/** Presses Tab until the focus is on what a selector finds. */
async function tabTo(page, selector, key = 'Tab') {
  const passed = [];
  for (let i = 0; i < 100; i++) {
    await page.keyboard.press(key);
    const { there, name } = await page.evaluate((s) => {
      const e = document.activeElement;
      return { there: e.matches(s), name: e.id || e.className || e.tagName };
    }, selector);
    if (there) return;
    passed.push(name);
    if (name === 'prompt' && key === 'Tab') await page.keyboard.press('Escape'); // as its help says
  }
  assert.fail(`Tab does not come to ${selector}: ${passed.join(' ')}`);
}

run('keys alone are enough', async (page) => {
  await tabTo(page, '.skip');
  await page.keyboard.press('Enter');
  assert.equal(await page.evaluate(() => document.activeElement?.id), 'prompt');
  await page.keyboard.press('Control+a');
  await page.keyboard.type('The captain said');
  await page.keyboard.press('Tab');
  const found = await suggestions(page);
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  assert.ok((await page.locator('#prompt').inputValue()).replaceAll('\n', '↵').endsWith(found[1]));
  await page.keyboard.press('Escape');

  await tabTo(page, '#bag-4');
  for (let i = 0; i < 5; i++) await page.keyboard.press('ArrowRight');
  assert.equal(await page.locator('#bag-4').getAttribute('aria-valuetext'), '0.5 towards');
  assert.match(await page.locator('#bag-hint').textContent(), /words/);
  await tabTo(page, '#add-list');
  await page.keyboard.press('Enter');
  await page.keyboard.type('ship\nsea');
  await tabTo(page, '#field-length');
  await page.keyboard.press('Control+a');
  await page.keyboard.type('8');
  await tabTo(page, '#dice');
  await page.keyboard.press('Space');
  await tabTo(page, '#compare', 'Shift+Tab');
  await page.keyboard.press('Enter');
  await written(page);

  await tabTo(page, '#steered-text .token');
  await page.keyboard.press('ArrowRight');
  assert.ok(await page.getByRole('tooltip').isVisible());
  await page.keyboard.press('Escape');
  assert.ok(await page.getByRole('tooltip').isHidden());
  const text = (await tokens(page, 'steered')).join('');
  await tabTo(page, '#use-steered');
  await page.keyboard.press('Enter');
  assert.ok((await page.locator('#prompt').inputValue()).endsWith(text));
  await page.keyboard.press('Escape');
  await tabTo(page, '#copy-link');
  await page.keyboard.press('Enter');
  await page.getByText(/^The link is copied/).waitFor();
  await tabTo(page, '#theme', 'Shift+Tab');
  await page.keyboard.press('Enter');
  assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), 'dark');
});

run('Ctrl+Enter compares', async (page) => {
  await setLength(page, 3);
  await page.locator('#prompt').press('Control+Enter');
  await page.locator('#results').waitFor();
  await written(page);
  assert.equal((await tokens(page, 'steered')).length, 3);
});

run('the status is told at the beginning and the end, not with each token', async (page) => {
  await setLength(page, 30);
  await page.evaluate(() => {
    globalThis.told = [];
    new MutationObserver(() => globalThis.told.push(document.getElementById('status').textContent))
      .observe(document.getElementById('status'), { childList: true, characterData: true, subtree: true });
  });
  await page.locator('#compare').click();
  await written(page);
  const live = await page.evaluate(() => document.querySelectorAll('[aria-live], [role=status], [role=alert], output').length);
  assert.equal(live, 2);
  const told = await page.evaluate(() => globalThis.told);
  assert.equal(told.length, 2, told.join(' | '));
});

for (const colorScheme of ['light', 'dark']) {
  run(`axe-core finds nothing, ${colorScheme}`, async (page) => {
    await assertAccessible(page);
    await picture(page, `start-${colorScheme}`);
    await page.locator('#prompt').press('End');
    await page.locator('#prompt').press('Tab');
    await suggestions(page);
    await assertAccessible(page);
    await picture(page, `suggestions-${colorScheme}`);
    await page.locator('#prompt').press('Escape');
    await page.locator('#add-list').click();
    await page.getByLabel('Words, one on each line').fill('the\nof');
    await setLength(page, 30);
    await page.locator('#compare').click();
    await written(page);
    await page.locator('#table-group summary').click();
    await assertAccessible(page);
    await page.locator('#steered-text .token').first().focus();
    await page.getByRole('tooltip').waitFor();
    await assertAccessible(page);
    await picture(page, `results-${colorScheme}`);
  }, { colorScheme });
}

run('a phone', async (page) => {
  const narrow = () => page.evaluate(() => document.documentElement.scrollWidth <= 360 && innerWidth === 360);
  assert.ok(await narrow());
  await page.locator('#suggest').tap();
  await suggestions(page);
  assert.ok(await narrow());
  await assertAccessible(page);
  await picture(page, 'phone-suggestions');
  await page.locator('#choices li').nth(2).tap();
  assert.ok((await page.locator('#prompt').inputValue()).length > 'The captain'.length);
  for (const summary of await page.locator('#steer summary').all()) {
    if (!(await summary.evaluate((s) => s.parentElement.open))) await summary.tap();
  }
  await page.locator('#add-list').tap();
  await page.getByLabel('Words, one on each line').fill('ship\nsea');
  await setLength(page, 20);
  await page.locator('#compare').tap();
  await written(page);
  await page.locator('#table-group summary').tap();
  assert.ok(await narrow());
  await assertAccessible(page);
  const small = await page.evaluate(() => [...document.querySelectorAll('button, input, select, textarea, summary, [role=option]')]
    .filter((e) => e.getClientRects().length > 0 && (e.getBoundingClientRect().height < 44 || e.getBoundingClientRect().width < 44))
    .map((e) => `${e.id || e.textContent} ${e.getBoundingClientRect().width} x ${e.getBoundingClientRect().height}`));
  assert.deepEqual(small, []);
  await page.locator('#steered-text .token').nth(3).tap();
  await page.getByRole('tooltip').waitFor();
  assert.ok(await narrow());
  await picture(page, 'phone');
}, phone);

run('colours follow the system until somebody chooses, and stay chosen', async (page) => {
  const paper = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await paper();
  await page.emulateMedia({ colorScheme: 'dark' });
  const dark = await paper();
  assert.notEqual(light, dark);
  await page.getByRole('button', { name: 'Light colours' }).click();
  assert.equal(await paper(), light);
  await page.reload();
  await ready(page);
  assert.equal(await paper(), light);
  await page.getByRole('button', { name: 'Dark colours' }).click();
  assert.equal(await paper(), dark);
});
