// Writing: the editor and its suggestions.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { onPage, patience, slide, startBrowser, suggestions } from './browser.mjs';
import { startServer } from './server.mjs';

let server;
let browser;
before(async () => { [server, browser] = await Promise.all([startServer(), startBrowser()]); });
after(() => Promise.all([server?.kill(), browser?.close()]));

const run = (name, work, how) => test(name, { timeout: 3 * patience }, () => onPage(browser, server.url, work, how));

/** Types a text in place of the first one. */
async function type(page, text) {
  await page.locator('#prompt').fill('');
  await page.locator('#prompt').pressSequentially(text);
}

run('Tab suggests three texts that differ, and keys choose', async (page) => {
  const editor = page.locator('#prompt');
  await type(page, 'The captain of the ship');
  await editor.press('Tab');
  const found = await suggestions(page);
  assert.equal(found.length, 3);
  assert.equal(new Set(found).size, 3, found.join(' | '));
  assert.equal(await editor.getAttribute('aria-activedescendant'), 'choice-0');
  assert.equal(await page.locator('#choices [aria-selected="true"]').count(), 1);
  await editor.press('ArrowDown');
  await editor.press('ArrowDown');
  await editor.press('ArrowUp');
  assert.equal(await editor.getAttribute('aria-activedescendant'), 'choice-1');
  await editor.press('Enter');
  assert.match(await editor.inputValue(), /^The captain of the ship.{3}/s);
  assert.ok((await editor.inputValue()).replaceAll('\n', '↵').endsWith(found[1]));
  assert.ok(await page.locator('#suggestions').isHidden());
});

run('a number chooses, and the choice can be undone and done again', async (page) => {
  const editor = page.locator('#prompt');
  await type(page, 'It was');
  await editor.press('Tab');
  const found = await suggestions(page);
  await editor.press('3');
  const whole = await editor.inputValue();
  assert.ok(whole.replaceAll('\n', '↵').endsWith(found[2]));
  await editor.press('Control+z');
  assert.equal(await editor.inputValue(), 'It was');
  await editor.press('Control+Shift+z');
  assert.equal(await editor.inputValue(), whole);
});

run('the mouse chooses', async (page) => {
  await type(page, 'In the morning');
  await page.locator('#suggest').click();
  const found = await suggestions(page);
  await page.locator('#choices li').nth(1).click();
  const value = await page.locator('#prompt').inputValue();
  assert.ok(value.replaceAll('\n', '↵').endsWith(found[1]));
  assert.equal(await page.evaluate(() => document.activeElement?.id), 'prompt');
});

run('suggestions continue the text at the caret', async (page) => {
  const editor = page.locator('#prompt');
  await type(page, 'The sea XYZ');
  for (let i = 0; i < 4; i++) await editor.press('ArrowLeft');
  await editor.press('Tab');
  await suggestions(page);
  await editor.press('1');
  assert.match(await editor.inputValue(), /^The sea.+ XYZ$/s);
});

run('asking again brings others, the same seed the same', async (page) => {
  const editor = page.locator('#prompt');
  await type(page, 'The old man');
  const rounds = [];
  for (let i = 0; i < 2; i++) {
    await page.locator('#suggest').click();
    rounds.push(await suggestions(page));
    await editor.press('Escape');
  }
  assert.notDeepEqual(rounds[0], rounds[1]);
  await page.reload();
  await page.waitForSelector('body[data-ready]');
  await type(page, 'The old man');
  await page.locator('#suggest').click();
  assert.deepEqual(await suggestions(page), rounds[0]);
});

run('Tab moves on from an empty text and after Escape', async (page) => {
  const editor = page.locator('#prompt');
  await editor.fill('');
  await editor.press('Tab');
  assert.equal(await page.evaluate(() => document.activeElement?.id), 'compare');
  await editor.fill('The captain');
  await editor.press('Tab');
  await suggestions(page);
  await editor.press('Escape');
  assert.ok(await page.locator('#suggestions').isHidden());
  assert.equal(await editor.inputValue(), 'The captain');
  await editor.press('Tab');
  assert.equal(await page.evaluate(() => document.activeElement?.id), 'compare');
});

run('typing closes the list', async (page) => {
  const editor = page.locator('#prompt');
  await editor.press('End');
  await editor.press('Tab');
  await suggestions(page);
  await editor.press('x');
  assert.ok(await page.locator('#suggestions').isHidden());
  assert.equal(await editor.inputValue(), 'The captainx');
});

run('what steers changes the suggestions', async (page) => {
  await type(page, 'The captain saw');
  await page.locator('#all-off').click();
  await page.locator('#suggest').click();
  const plain = await suggestions(page);
  await page.locator('#prompt').press('Escape');
  await page.reload();
  await page.waitForSelector('body[data-ready]');
  await type(page, 'The captain saw');
  await slide(page, 'military', 2);
  await page.locator('#suggest').click();
  assert.notDeepEqual(await suggestions(page), plain);
});
