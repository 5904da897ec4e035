import assert from 'node:assert/strict';
import { test } from 'node:test';
import { count, mean, nats, percent, spokenStrength, strength } from '../assets/format.js';
import { countMarked, splitSpace, wordStart } from '../assets/marks.js';

test('per cent', () => {
  const cases = [[0, '0 %'], [1, '100 %'], [0.9996, '100 %'], [0.999, '99.9 %'], [0.1234, '12.3 %'], [0.01234, '1.2 %'],
    [0.00012, '0.012 %'], [0.0000012, '1.2 × 10⁻⁴ %'], [3.21e-14, '3.2 × 10⁻¹² %']];
  for (const [p, want] of cases) assert.equal(percent(p), want);
});

test('other numbers', () => {
  assert.deepEqual([0.0123, 0.5, 12].map(nats), ['0.012 nats', '0.50 nats', '12.00 nats']);
  assert.deepEqual([0, 1, -0.5].map(strength), ['off', '+1.0', '\u22120.5']);
  assert.deepEqual([0, 1, -0.5].map(spokenStrength), ['off', '1.0 towards', '0.5 away']);
  assert.deepEqual([count(1, 'word'), count(2, 'word'), count(2, 'class', 'classes')], ['1 word', '2 words', '2 classes']);
  assert.deepEqual([mean([]), mean([1, 2])], [0, 1.5]);
});

test('words of several tokens', () => {
  const tokens = [' the', ' aer', 'osp', 'ace', ',', ' X', '-', 'ray', '\n', 'é', 'tude'].map((text) => ({ text, bag: null }));
  assert.deepEqual([0, 1, 3, 4, 7, 10].map((i) => wordStart(tokens, i)), [0, 1, 1, 4, 5, 9]);
});

test('spaces before words', () => {
  assert.deepEqual(splitSpace(' \n sea '), [' \n ', 'sea ']);
  assert.deepEqual(splitSpace('sea'), ['', 'sea']);
  assert.deepEqual(splitSpace(' '), [' ', '']);
});

test('words of bags', () => {
  assert.equal(countMarked([{ bag: null }, { bag: [] }, { bag: ['space'] }, { bag: ['a', 'b'] }]), 2);
});
