import assert from 'node:assert/strict';
import { test } from 'node:test';
import { action } from '../assets/keys.js';

const calm = { open: false, empty: false, leaving: false, count: 3 };
const open = { ...calm, open: true };
const key = (name, more = {}) => ({ key: name, shiftKey: false, ctrlKey: false, metaKey: false, altKey: false, isComposing: false, ...more });

const cases = [
  ['Tab suggests', key('Tab'), calm, { do: 'suggest' }],
  ['Tab moves on from an empty text', key('Tab'), { ...calm, empty: true }, null],
  ['Tab moves on after Escape', key('Tab'), { ...calm, leaving: true }, null],
  ['Shift+Tab moves back', key('Tab', { shiftKey: true }), calm, null],
  ['Shift+Tab moves back from a list', key('Tab', { shiftKey: true }), open, null],
  ['Tab takes', key('Tab'), open, { do: 'take' }],
  ['Ctrl+Tab is the browser\'s', key('Tab', { ctrlKey: true }), calm, null],
  ['Escape closes', key('Escape'), open, { do: 'close' }],
  ['Escape lets Tab move on', key('Escape'), calm, { do: 'leave' }],
  ['down', key('ArrowDown'), open, { do: 'next' }],
  ['up', key('ArrowUp'), open, { do: 'previous' }],
  ['Enter takes', key('Enter'), open, { do: 'take' }],
  ['a number chooses', key('2'), open, { do: 'choose', index: 1 }],
  ['a number that is none', key('4'), open, null],
  ['arrows without a list', key('ArrowDown'), calm, null],
  ['Enter without a list', key('Enter'), calm, null],
  ['numbers without a list', key('1'), calm, null],
  ['letters', key('a'), open, null],
  ['Ctrl+Enter compares', key('Enter', { ctrlKey: true }), open, { do: 'compare' }],
  ['Enter while characters are composed', key('Enter', { isComposing: true }), open, null],
  ['Tab while characters are composed', key('Tab', { isComposing: true }), calm, null],
];
for (const [name, event, now, want] of cases) {
  test(`keys: ${name}`, () => assert.deepEqual(action(event, now), want));
}
