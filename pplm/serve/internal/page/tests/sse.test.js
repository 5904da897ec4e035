import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EventParser } from '../assets/sse.js';

const bytes = new TextEncoder();

/** What a parser makes of pieces. @param {Uint8Array[]} pieces */
function parse(pieces) {
  const parser = new EventParser();
  return pieces.flatMap((p) => parser.push(p));
}

const streams = [
  ['one event', 'data: a\n\n', ['a']],
  ['several', 'data: a\n\ndata: b\n\n', ['a', 'b']],
  ['CRLF', 'data: a\r\n\r\ndata: b\r\n\r\n', ['a', 'b']],
  ['CR', 'data: a\r\rdata: b\r\r', ['a', 'b']],
  ['line ends of all kinds', 'data: a\r\n\ndata: b\n\r\ndata: c\r\n\r', ['a', 'b', 'c']],
  ['comments', ': waiting\n\ndata: a\n: more\n\n', ['a']],
  ['several lines of data', 'data: a\ndata: b\n\n', ['a\nb']],
  ['no space after the colon', 'data:a\n\n', ['a']],
  ['one space alone is taken away', 'data:  a \n\n', [' a ']],
  ['other fields', 'event: x\nid: 1\nretry: 2\ndata: a\nnonsense\n\n', ['a']],
  ['data without a colon', 'data\n\n', ['']],
  ['empty events', '\n\n\ndata: a\n\n\n\n', ['a']],
  ['an end within an event', 'data: a\n\ndata: b', ['a']],
  ['a byte-order mark', '\ufeffdata: a\n\n', ['a']],
  ['characters of several bytes', 'data: ä € 🚢\n\n', ['ä € 🚢']],
];

for (const [name, text, want] of streams) {
  test(`events: ${name}`, () => {
    const all = bytes.encode(text);
    assert.deepEqual(parse([all]), want, 'whole');
    assert.deepEqual(parse([...all].map((b) => Uint8Array.of(b))), want, 'byte by byte');
    for (let i = 0; i <= all.length; i++) assert.deepEqual(parse([all.slice(0, i), all.slice(i)]), want, `cut at ${i}`);
  });
}

test('bytes that are no UTF-8 become U+FFFD', () => {
  assert.deepEqual(parse([Uint8Array.of(...bytes.encode('data: '), 0xff, 10, 10)]), ['\ufffd']);
});
