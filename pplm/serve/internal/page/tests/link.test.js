import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fields } from '../assets/fields.js';
import { decode, encode } from '../assets/link.js';
import { active, completion, title } from '../assets/request.js';

const settings = { stepsize: 0.06, num_iterations: 3, kl_scale: 0.01, gm_scale: 0.95, temperature: 1, top_k: 10 };
const state = {
  text: 'The captain & the "sea"\n#100 % + ünïcödé 🚢 ',
  attributes: [
    { bag: 'positive_words', weight: -0.5 },
    { discriminator: 'topics', class: 'sea', weight: 2 },
    { words: ['outer space', 'Größe'], name: 'mine: a/b', weight: 0 },
  ],
  preset: 'books', settings, length: 40, seed: 2 ** 31 - 1, model: 'books',
};

test('a link holds everything', () => {
  assert.deepEqual(decode(encode(state)), state);
  assert.deepEqual(decode(`#${encode(state)}`), state);
});

test('a link keeps through an address', () => {
  const address = new URL('http://localhost:8080/');
  address.hash = encode(state);
  assert.deepEqual(decode(new URL(address.href).hash), state);
});

test('attributes that are off are left out, own lists are not', () => {
  const off = { ...state, attributes: [{ bag: 'space', weight: 0 }, { words: [], name: 'x', weight: 0 }] };
  assert.deepEqual(decode(encode(off))?.attributes, [{ words: [], name: 'x', weight: 0 }]);
});

test('links that are wrong', () => {
  const change = (name, value) => {
    const p = new URLSearchParams(encode(state));
    if (value === undefined) p.delete(name);
    else p.set(name, value);
    return p.toString();
  };
  for (const bad of [
    '', 'top', change('text'), change('seed'), change('seed', '-1'), change('seed', '1.5'), change('length', '1e9'), change('length', ' '),
    change('top_k', 'ten'), change('gm_scale', '1.1'), change('temperature', 'Infinity'),
    change('steer', '{'), change('steer', 'null'), change('steer', '{"bag":"space"}'), change('steer', '{"bag":"space","weight":3}'),
    change('steer', '{"bag":7,"weight":1}'), change('steer', '{"words":[1],"name":"x","weight":1}'), change('steer', '{"discriminator":"x","weight":1}'),
  ]) assert.equal(decode(bad), null, bad);
});

test('requests', () => {
  const body = completion(state, { steered: true });
  assert.deepEqual(body, {
    prompt: state.text, max_tokens: 40, seed: state.seed, temperature: 1, top_k: 10,
    steer: { preset: 'books', stepsize: 0.12, num_iterations: 3, kl_scale: 0.01, gm_scale: 0.95, details: true,
      attributes: [{ bag: 'positive_words', weight: -0.25 }, { discriminator: 'topics', class: 'sea', weight: 1 }] },
  });
  assert.equal(state.settings.stepsize, 0.06);
  const none = completion({ ...state, attributes: [] }, { steered: true }).steer;
  assert.deepEqual([none.stepsize, none.attributes], [0.06, []]);

  assert.equal(completion(state, { steered: false }).steer.num_iterations, 0);
  assert.deepEqual([completion(state, { steered: true, length: 5, seed: 9 })].map((b) => [b.max_tokens, b.seed]), [[5, 9]]);
  assert.equal(Object.keys(settings).length, fields.length);
});

test('what steers, and its names', () => {
  assert.deepEqual(active(state).map(title), ['positive words', 'sea']);
  assert.deepEqual(active({ ...state, attributes: [{ words: [], name: 'empty', weight: 1 }] }), []);
  assert.equal(title(state.attributes[2]), 'mine: a/b');
});
