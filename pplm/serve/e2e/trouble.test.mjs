// What goes wrong is told, with what to do.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { assertAccessible, onPage, patience, picture, ready, setLength, startBrowser, tokens, written } from './browser.mjs';
import { startServer } from './server.mjs';

let browser;
before(async () => { browser = await startBrowser(); });
after(() => browser?.close());

const long = { timeout: 3 * patience };

test('a server with a token asks for it', long, async () => {
  const server = await startServer('-token', 'correct-horse');
  try {
    await onPage(browser, server.url, async (page) => {
      const field = page.getByLabel('This server wants its token');
      await field.waitFor();
      await assertAccessible(page);
      await field.fill('wrong');
      await field.press('Enter');
      await page.getByText('refused that token').waitFor();
      await assertAccessible(page);
      await picture(page, 'token');
      await field.fill('correct-horse');
      await field.press('Enter');
      await ready(page);
      assert.ok(await field.isHidden());
      assert.equal(await page.getByRole('alert').textContent(), '');
      await page.reload(); // the tab keeps it
      await ready(page);
      await setLength(page, 3);
      await page.locator('#compare').click();
      await page.locator('#results').waitFor();
      await written(page);
      assert.equal((await tokens(page, 'steered')).length, 3);
      assert.equal(await page.evaluate(() => JSON.stringify(localStorage).includes('horse') || document.cookie), '');
    }, { wait: false, expect: /status of 401/ });
  } finally {
    await server.kill();
  }
});

test('a full server says when to come again', long, async () => {
  const server = await startServer('-max_concurrent', '1', '-queue', '2');
  const stop = new AbortController();
  const busy = () => fetch(`${server.url}v1/completions`, {
    method: 'POST', signal: stop.signal, headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ prompt: 'The captain', max_tokens: 1024, stream: true }),
  });
  try {
    await onPage(browser, server.url, async (page) => {
      const first = await busy(); // it streams: it is at work, the others wait
      assert.equal(first.status, 200);
      const others = [busy(), busy()].map((b) => b.catch(() => null));
      await setLength(page, 3);
      const alert = page.getByRole('alert');
      for (let tries = 0; !(await alert.textContent()) && tries < 20; tries++) {
        await page.locator('#compare').click();
        await written(page);
      }
      assert.match(await alert.textContent(), /The server is busy.*Try again in \d+ seconds?\./);
      await assertAccessible(page);
      await picture(page, 'busy');
      stop.abort();
      await Promise.all(others);
      for (let tries = 0; (await alert.textContent()) && tries < 20; tries++) {
        await page.waitForTimeout(500); // until it has seen that they left
        await alert.getByRole('button', { name: 'Try again' }).click();
        await written(page);
      }
      assert.equal((await tokens(page, 'steered')).length, 3);
    }, { expect: /status of 429/ });
  } finally {
    stop.abort();
    await server.kill();
  }
});

test('a server that dies midway, and comes back', long, async () => {
  let server = await startServer();
  const { url } = server;
  try {
    await onPage(browser, url, async (page) => {
      await setLength(page, 1000);
      await page.locator('#compare').click();
      await page.locator('#steered-text .token').nth(1).waitFor();
      await server.kill();
      const alert = page.getByRole('alert');
      await alert.getByText('The connection broke off').waitFor();
      await written(page);
      assert.ok((await tokens(page, 'steered')).length > 1, 'what there was is gone');
      await assertAccessible(page);
      await alert.getByRole('button', { name: 'Try again' }).click();
      await alert.getByText('The server does not answer.').waitFor();
      await picture(page, 'dead');
      server = await startServer('-addr', new URL(url).host);
      await setLength(page, 3);
      await page.locator('#compare').click();
      await page.locator('#steered-text .token').nth(2).waitFor();
      await written(page);
      assert.equal(await alert.textContent(), '');
    }, { expect: /ERR_(INCOMPLETE_CHUNKED_ENCODING|CONNECTION_\w+|EMPTY_RESPONSE)/ });
  } finally {
    await server.kill();
  }
});

test('a request that the server refuses is told in its words', long, async () => {
  const server = await startServer();
  try {
    await onPage(browser, server.url, async (page) => {
      await page.locator('#prompt').fill('');
      await page.locator('#compare').click();
      await page.getByRole('alert').getByText(/empty/).waitFor();
      assert.equal(await page.getByRole('button', { name: 'Try again' }).count(), 0);
      await page.goto(`${server.url}#text=broken`);
      await page.getByText('The link is damaged').waitFor();
    }, { expect: /status of 400/ });
  } finally {
    await server.kill();
  }
});
