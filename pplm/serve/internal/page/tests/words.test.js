import assert from 'node:assert/strict';
import { test } from 'node:test';
import { freeName, mostWords, parseWords } from '../assets/words.js';

const lists = [
  ['one on each line', 'ship\nsea\nsail', ['ship', 'sea', 'sail'], 0],
  ['CRLF, CR and empty lines', 'ship\r\n\r\nsea\rsail\n', ['ship', 'sea', 'sail'], 0],
  ['commas', 'ship, sea,, sail', ['ship', 'sea', 'sail'], 0],
  ['spaces around and within', '  outer space \t\n ship', ['outer space', 'ship'], 0],
  ['a word twice, cases differ', 'Sea\nsea\nSea', ['Sea', 'sea'], 0],
  ['a byte-order mark', '\ufeffship', ['ship'], 0],
  ['other alphabets', 'Größe\n海\nмор', ['Größe', '海', 'мор'], 0],
  ['nothing', ' \n,\n', [], 0],
  ['a word that is too long in bytes', `${'ä'.repeat(41)}\n${'a'.repeat(80)}`, ['a'.repeat(80)], 1],
  ['control characters and what is no text', 'a\u0000b\n\ufffd\nship', ['ship'], 2],
];
for (const [name, text, words, left] of lists) {
  test(`words: ${name}`, () => assert.deepEqual(parseWords(text), { words, left }));
}

test('words: too many', () => {
  const { words, left } = parseWords(Array.from({ length: mostWords + 5 }, (_, i) => `w${i}`).join('\n'));
  assert.deepEqual([words.length, left], [mostWords, 5]);
});

test('names', () => {
  assert.equal(freeName('ships', []), 'ships');
  assert.equal(freeName('ships', ['ships', 'ships 2']), 'ships 3');
  assert.equal(freeName(' \n', []), 'my words');
  assert.ok(new TextEncoder().encode(freeName('ä'.repeat(200), [])).length <= 80);
});
