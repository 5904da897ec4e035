// Three continuations of a text, in a list below the caret.

import { complete } from './api.js';
import { caretPlace } from './caret.js';
import { byId, make } from './dom.js';
import { mostSeed } from './fields.js';
import { count } from './format.js';
import { say } from './notice.js';
import { active, completion } from './request.js';

/** @typedef {import('./request.js').State} State */

const popup = byId('suggestions');
const list = byId('choices');
const area = /** @type {HTMLTextAreaElement} */ (byId('prompt'));

const choices = 3;
const tokens = 12; // of each
const tries = 4; // beyond the first, for one that is like another

/** @type {{text: string, done: boolean}[]} */
let found = [];
let at = 0;
/** @type {AbortController|null} */
let work = null;
let asked = { text: '', rounds: 0 };

/** Whether the list is shown. */
export function isOpen() {
  return !popup.hidden;
}

/** How many suggestions there are. */
export function howMany() {
  return found.length;
}

/**
 * Shows the list and fills it. Asking again for the same text gives others.
 * @param {State} state whose text ends at the caret
 */
export async function suggest(state) {
  close();
  asked = { text: state.text, rounds: asked.text === state.text ? asked.rounds + 1 : 0 };
  const { signal } = (work = new AbortController());
  found = Array.from({ length: choices }, () => ({ text: '', done: false }));
  open();
  say('Writing three suggestions.');
  let next = state.seed + asked.rounds * (choices + tries);
  const seed = () => next++ % (mostSeed + 1);
  const ends = await Promise.allSettled(found.map((_, i) => write(i, state, seed(), signal)));
  const failed = ends.find((e) => e.status === 'rejected');
  if (!signal.aborted && failed && ends.every((e) => e.status === 'rejected')) {
    close();
    throw failed.reason;
  }
  for (let n = 0; n < tries && !signal.aborted && repeated() >= 0; n++) await write(repeated(), state, seed(), signal).catch(() => {});
  if (signal.aborted) return;
  keepDone();
  list.setAttribute('aria-busy', 'false');
  say(`${count(found.length, 'suggestion')}. Arrow keys or 1 to 3 choose, Enter takes, Escape closes.`);
}

/** Leaves out what failed, and what is like another after all tries. */
function keepDone() {
  const kept = found.filter((f, i) => f.done && found.findIndex((other) => other.done && other.text === f.text) === i);
  if (kept.length === found.length) return;
  found = kept;
  fill();
  move(-Math.min(at, found.length - 1));
}

/** The index of a suggestion that failed or is like an earlier one, or -1. */
function repeated() {
  return found.findIndex((f, i) => !f.done || found.findIndex((other) => other.text === f.text) < i);
}

/**
 * @param {number} i
 * @param {State} state
 * @param {number} seed
 * @param {AbortSignal} signal
 */
async function write(i, state, seed, signal) {
  const body = completion(state, { steered: active(state).length > 0, length: tokens, seed });
  found[i] = { text: '', done: false };
  for await (const piece of complete(body, signal)) {
    if (signal.aborted) return;
    found[i].text += piece.text;
    show(i);
  }
  found[i].done = true;
  show(i);
}

/** Makes an option of each suggestion. */
function fill() {
  list.replaceChildren(...found.map((_, i) => make('li', { id: `choice-${i}`, role: 'option' },
    make('kbd', { 'aria-hidden': 'true' }, String(i + 1)), make('span', { className: 'words' }))));
  found.forEach((_, i) => show(i));
}

function open() {
  at = 0;
  fill();
  list.setAttribute('aria-busy', 'true');
  popup.hidden = false;
  const { left, top } = caretPlace(area);
  popup.style.left = `${Math.max(0, Math.min(left, area.offsetWidth - popup.offsetWidth))}px`;
  popup.style.top = `${Math.min(top, area.offsetHeight) + 4}px`;
  area.setAttribute('aria-controls', list.id);
  move(0);
  popup.scrollIntoView({ block: 'nearest' });
}

/** @param {number} i */
function show(i) {
  const words = list.children[i]?.querySelector('.words');
  const text = found[i].text.replaceAll('\n', '↵').trimStart();
  if (words) words.textContent = text + (found[i].done ? '' : ' …');
}

/** Moves to another of the list. @param {number} by */
export function move(by) {
  at = (at + by + found.length) % found.length;
  [...list.children].forEach((option, i) => option.setAttribute('aria-selected', String(i === at)));
  area.setAttribute('aria-activedescendant', `choice-${at}`);
}

/**
 * The text of a suggestion, if there is any of it yet.
 * @param {number} [index] without it, that moved to
 */
export function chosen(index = at) {
  return found[index].text;
}

/** Closes the list and stops what is being written. */
export function close() {
  work?.abort();
  work = null;
  popup.hidden = true;
  area.removeAttribute('aria-activedescendant');
  area.removeAttribute('aria-controls');
}

/**
 * @param {(index: number) => void} take
 */
export function setUpSuggestions(take) {
  popup.addEventListener('pointerdown', (event) => event.preventDefault()); // the editor keeps the focus
  popup.addEventListener('mousedown', (event) => event.preventDefault());
  list.addEventListener('click', (event) => {
    const option = event.target instanceof Element ? event.target.closest('[role=option]') : null;
    if (option) take([...list.children].indexOf(option));
  });
  document.addEventListener('pointerdown', (event) => {
    if (isOpen() && event.target instanceof Node && !popup.contains(event.target)) close();
  });
}
