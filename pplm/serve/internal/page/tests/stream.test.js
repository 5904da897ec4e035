import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readError } from '../assets/api.js';
import { BrokenError, ServerError, explain } from '../assets/errors.js';
import { chunks, pieces } from '../assets/stream.js';

/** All pieces of a text, cut after each of some bytes. */
async function read(text, size = 7) {
  const all = new TextEncoder().encode(text);
  const body = new ReadableStream({
    start(c) {
      for (let i = 0; i < all.length; i += size) c.enqueue(all.slice(i, i + size));
      c.close();
    },
  });
  const out = [];
  for await (const p of pieces(chunks(body))) out.push(p);
  return out;
}

const event = (choice) => `data: ${JSON.stringify({ choices: choice ? [choice] : [] })}\n\n`;

test('pieces of a text', async () => {
  const token = { id: 1, text: ' sea', p: 0.5, steered: 0.4, plain: 0.1, kl: 0.2, bag: ['space'], attributes: [0.3] };
  const out = await read(event({ index: 0, text: ' sea', finish_reason: null, tiller: { tokens: [token] } })
    + ': waiting\n\n' + event({ index: 0, text: '', finish_reason: 'length' }) + event(null) + 'data: [DONE]\n\n');
  assert.deepEqual(out, [{ text: ' sea', tokens: [token], finish: null }, { text: '', tokens: [], finish: 'length' }]);
});

test('an end before [DONE]', async () => {
  await assert.rejects(read(event({ text: 'a' })), BrokenError);
});

test('an event that is not JSON', async () => {
  await assert.rejects(read('data: {"a\n\n'), BrokenError);
});

test('an error on the way', async () => {
  const wrong = read(event({ text: 'a' }) + 'data: {"error": {"message": "the device is gone", "type": "server_error", "param": null}}\n\n');
  await assert.rejects(wrong, (e) => e instanceof ServerError && e.message === 'the device is gone');
});

test('leaving a stream cancels it', async () => {
  let cancelled = false;
  const body = new ReadableStream({
    pull(c) { c.enqueue(new TextEncoder().encode(event({ text: 'a' }))); },
    cancel() { cancelled = true; },
  });
  for await (const p of pieces(chunks(body))) {
    assert.equal(p.text, 'a');
    break;
  }
  assert.ok(cancelled);
});

test('answers that are errors', async () => {
  const body = JSON.stringify({ error: { message: 'the queue is full', type: 'rate_limit_error', param: null } });
  const full = await readError(new Response(body, { status: 429, headers: { 'Retry-After': '3' } }));
  assert.deepEqual([full.status, full.after, full.message], [429, 3, 'the queue is full']);
  const other = await readError(new Response('<html>', { status: 502 }));
  assert.equal(other.message, 'the server answered 502');
});

test('errors in words', () => {
  const server = (status, more = {}) => new ServerError('top_k is -1: want 0 or more', { status, ...more });
  const cases = [
    [server(429, { after: 3 }), /busy/, /in 3 seconds/, true],
    [server(429, { after: 1 }), /busy/, /in 1 second\./, true],
    [server(429), /busy/, /soon/, true],
    [server(400), /^Top_k is -1: want 0 or more\.$/, /Change/, false],
    [server(401), /token/, /Enter/, false],
    [server(503), /Top_k/, /Try again/, true],
    [new TypeError('Failed to fetch'), /does not answer/, /still runs/, true],
    [new BrokenError(), /broke off/, /still runs/, true],
    [new Error('x'), /Error: x/, /Load it again/, false],
  ];
  for (const [error, what, advice, again] of cases) {
    const got = explain(error);
    assert.match(got.what, what);
    assert.match(got.advice, advice);
    assert.equal(got.again, again);
  }
});
