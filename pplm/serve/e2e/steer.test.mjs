// Steering: sliders, own words, texts side by side, links.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { onPage, patience, picture, ready, setLength, slide, startBrowser, tokens, written } from './browser.mjs';
import { startServer } from './server.mjs';

let server;
let browser;
before(async () => { [server, browser] = await Promise.all([startServer(), startBrowser()]); });
after(() => Promise.all([server?.kill(), browser?.close()]));

const run = (name, work, how) => test(name, { timeout: 3 * patience }, () => onPage(browser, server.url, work, how));

/** Writes both texts and waits for them. */
async function compare(page) {
  await page.locator('#compare').click();
  await written(page);
}

/** The requests for texts that the page makes from now on. */
function watch(page) {
  const bodies = [];
  page.on('request', (r) => {
    if (r.url().endsWith('/v1/completions')) bodies.push(r.postDataJSON());
  });
  return bodies;
}

run('texts stream side by side', async (page) => {
  await setLength(page, 12);
  const counts = page.evaluate(() => new Promise((resolve) => {
    const seen = new Set();
    const text = document.getElementById('steered-text');
    new MutationObserver(() => {
      const n = text.querySelectorAll('.token').length;
      seen.add(n);
      if (n === 12) resolve([...seen]);
    }).observe(text, { childList: true });
  }));
  await compare(page);
  assert.ok((await counts).length > 4, `tokens came all at once: ${await counts}`);
  assert.equal((await tokens(page, 'plain')).length, 12);
  assert.equal((await tokens(page, 'steered')).length, 12);
  assert.match(await page.locator('#status').textContent(), /^12 tokens steered, 12 unsteered; \d+ words? of the bags/);
  assert.match(await page.locator('#steered-summary').textContent(), /p\(space\) .+ %.*KL .* nats/);
  assert.equal(await page.locator('#charts canvas').count(), 2);
  await page.locator('#table-group summary').click();
  assert.equal(await page.locator('#numbers tbody tr').count(), 12);
  await picture(page, 'results');
});

run('a slider steers, towards and away', async (page) => {
  const bodies = watch(page);
  await setLength(page, 4);
  await slide(page, 'space', 0);
  await slide(page, 'kitchen', -1.5);
  await page.getByLabel('topics', { exact: true }).selectOption('sea');
  await slide(page, 'topics: strength', 0.6);
  assert.equal(await page.getByRole('slider', { name: 'kitchen' }).getAttribute('aria-valuetext'), '1.5 away');
  assert.equal(await page.locator('#active').textContent(), 'kitchen \u22121.5, sea +0.6');
  await compare(page);
  assert.equal(bodies.length, 2);
  const want = [{ bag: 'kitchen', weight: -1 }, { discriminator: 'topics', class: 'sea', weight: 0.6 / 1.5 }];
  for (const b of bodies) {
    assert.deepEqual(b.steer.attributes, want);
    assert.equal(b.steer.stepsize, 0.06 * 1.5);
  }
  assert.deepEqual(bodies.map((b) => b.steer.num_iterations).sort(), [0, 3]);
  assert.ok(await page.locator('#chart-choice').isVisible());
  await page.locator('#chart-attribute').selectOption('sea');
  assert.match(await page.locator('#chart-p').getAttribute('aria-label'), /probability of sea/);
});

run('with all sliders off only the unsteered text is written', async (page) => {
  const bodies = watch(page);
  await setLength(page, 4);
  await page.locator('#all-off').click();
  await compare(page);
  assert.equal(bodies.length, 1);
  assert.match(await page.locator('#steered-summary').textContent(), /move a slider/);
  assert.ok(await page.locator('#charts').isHidden());
});

run('an own list is pasted and steers, its words are marked', async (page) => {
  const bodies = watch(page);
  await setLength(page, 24);
  await slide(page, 'space', 0);
  await page.locator('#add-list').click();
  await page.getByLabel('Name').fill('small words');
  const words = page.getByLabel('Words, one on each line');
  await words.focus();
  await page.evaluate(() => navigator.clipboard.writeText('the\r\nand\nof\na\n\nthe'));
  await words.press('Control+v');
  await page.getByText('4 words', { exact: true }).waitFor();
  await slide(page, 'small words', 2);
  await compare(page);
  assert.deepEqual(bodies[0].steer.attributes, [{ words: ['the', 'and', 'of', 'a'], name: 'small words', weight: 1 }]);
  const marked = await page.locator('#steered-text mark').allTextContents();
  assert.ok(marked.length > 0, (await tokens(page, 'steered')).join(''));
  for (const m of marked) assert.match(m, /^(the|and|of|a)$/i);
  await picture(page, 'own-words');
  await page.getByRole('button', { name: 'Remove' }).click();
  assert.equal(await page.locator('.list').count(), 0);
});

run('a list is dropped as a file, or opened', async (page) => {
  const dropped = await page.evaluateHandle(() => {
    const data = new DataTransfer();
    data.items.add(new File(['ship\nsea\nsail\n'], 'ships.txt', { type: 'text/plain' }));
    return data;
  });
  await page.dispatchEvent('#own', 'dragover', { dataTransfer: dropped });
  await page.dispatchEvent('#own', 'drop', { dataTransfer: dropped });
  await page.getByRole('slider', { name: 'ships' }).waitFor();
  assert.equal(await page.getByLabel('Words, one on each line').inputValue(), 'ship\nsea\nsail');
  await page.locator('#list-file').setInputFiles({ name: 'ships.txt', mimeType: 'text/plain', buffer: Buffer.from('\ufeffGröße\n') });
  await page.getByRole('slider', { name: 'ships 2' }).waitFor();
  assert.match(await page.locator('#status').textContent(), /1 word/);
});

run('Stop keeps what there is', async (page) => {
  await setLength(page, 900);
  await page.locator('#compare').click();
  await page.locator('#steered-text .token').nth(2).waitFor();
  await page.locator('#stop').click();
  await written(page);
  const n = (await tokens(page, 'steered')).length;
  assert.ok(n >= 3 && n < 900, `${n} tokens`);
  assert.match(await page.locator('#status').textContent(), /^Stopped\./);
  await page.waitForTimeout(500);
  assert.equal((await tokens(page, 'steered')).length, n);
  await page.locator('#use-steered').click();
  const text = (await tokens(page, 'steered')).join('');
  assert.equal(await page.locator('#prompt').inputValue(), `The captain${text}`);
});

run('each token tells its shift, pointed at and focused', async (page) => {
  await setLength(page, 6);
  await compare(page);
  const tooltip = page.getByRole('tooltip');
  const at = page.locator('#steered-text .token');
  await at.nth(1).hover();
  await tooltip.waitFor();
  assert.match(await tooltip.textContent(), /probability .+ % → .+ %; ?drawn with .+ %; ?KL .+ nats/);
  assert.equal(await at.nth(1).getAttribute('aria-describedby'), 'tooltip');
  await tooltip.hover(); // it can be pointed at, and stays
  await page.waitForTimeout(400);
  assert.ok(await tooltip.isVisible());
  await page.keyboard.press('Escape');
  assert.ok(await tooltip.isHidden());
  await page.mouse.move(1, 1);
  await at.first().focus();
  await tooltip.waitFor();
  const first = await tooltip.textContent();
  await page.keyboard.press('ArrowRight');
  assert.notEqual(await tooltip.textContent(), first);
  await page.keyboard.press('End');
  assert.ok(await at.nth(5).evaluate((e) => e === document.activeElement));
  await picture(page, 'tooltip');
});

run('a link brings the same texts', async (page) => {
  await page.locator('#prompt').fill('The captain & "his" #1 mate');
  await setLength(page, 10);
  await slide(page, 'space', -0.4);
  await slide(page, 'military', 1.2);
  await page.getByRole('button', { name: 'Add a list' }).click();
  await page.getByLabel('Words, one on each line').fill('ship\nouter space');
  await page.locator('#dice').click();
  await page.getByLabel('Temperature').fill('0.8');
  const seed = await page.getByLabel('Seed', { exact: true }).inputValue();
  await compare(page);
  const texts = [await tokens(page, 'plain'), await tokens(page, 'steered')];
  await page.locator('#copy-link').click();
  await page.getByText(/^The link is copied/).waitFor();
  const link = await page.evaluate(() => navigator.clipboard.readText());
  assert.ok(link.startsWith(`${server.url}#`));

  const other = await page.context().newPage();
  const asked = [];
  other.on('request', (r) => asked.push(r.url()));
  await other.goto(link);
  await ready(other);
  assert.ok(asked.every((u) => !u.includes('captain')), 'the fragment is sent to no one');
  assert.equal(await other.locator('#prompt').inputValue(), 'The captain & "his" #1 mate');
  assert.equal(await other.getByRole('slider', { name: 'space', exact: true }).inputValue(), '-0.4');
  assert.equal(await other.getByRole('slider', { name: 'military' }).inputValue(), '1.2');
  assert.equal(await other.getByLabel('Words, one on each line').inputValue(), 'ship\nouter space');
  assert.equal(await other.getByLabel('Seed', { exact: true }).inputValue(), seed);
  assert.equal(await other.getByLabel('Temperature').inputValue(), '0.8');
  await compare(other);
  assert.deepEqual([await tokens(other, 'plain'), await tokens(other, 'steered')], texts);
});

run('presets fill the numbers, wrong numbers are told', async (page) => {
  await page.getByLabel('Preset').selectOption('paper-discrim');
  assert.equal(await page.getByLabel('Iterations').inputValue(), '10');
  await page.getByLabel('Iterations').fill('2');
  await page.getByRole('button', { name: 'Reset' }).click();
  assert.equal(await page.getByLabel('Iterations').inputValue(), '10');
  assert.ok(await page.getByRole('button', { name: 'Reset' }).isHidden());
  await page.getByLabel('Mixture').fill('2');
  await page.locator('#compare').click();
  assert.match(await page.getByRole('alert').textContent(), /Mixture: want a number from 0 to 1/);
  assert.equal(await page.evaluate(() => document.activeElement?.id), 'field-gm_scale');
});
