// The unsteered and the steered text, written at once.

import { complete } from './api.js';
import { chartTexts, drawSoon } from './chart.js';
import { Column } from './column.js';
import { byId } from './dom.js';
import { count } from './format.js';
import { countMarked } from './marks.js';
import { say } from './notice.js';
import { active, completion, title } from './request.js';
import { fillTable } from './table.js';

/** @typedef {import('./request.js').State} State */

const results = byId('results');
const stopButton = byId('stop');

/** @type {AbortController|null} */
let work = null;
/** @type {Record<'plain'|'steered', Column>} */
let columns;

/** @param {(text: string) => void} use */
export function setUpCompare(use) {
  columns = { plain: new Column('plain', use), steered: new Column('steered', use) };
  stopButton.addEventListener('click', stop);
}

/** Stops what is being written; what there is stays. */
export function stop() {
  work?.abort();
}

/**
 * Writes both texts. It fails as the first of them does.
 * @param {State} state
 */
export async function compare(state) {
  stop();
  const run = (work = new AbortController());
  const names = active(state).map(title);
  begin(state, names);
  try {
    const both = [write(columns.plain, state, run.signal, names)];
    if (names.length > 0) both.push(write(columns.steered, state, run.signal, names));
    else columns.steered.explain('Nothing steers yet: move a slider, and compare again.');
    await Promise.all(both);
    say(told(names));
  } catch (error) {
    if (!run.signal.aborted) throw error;
    if (work === run) say(`Stopped. ${told(names)}`);
  } finally {
    if (work === run) {
      run.abort(); // one has failed: the other is not to go on
      work = null;
      end(names);
    }
  }
}

/** @param {State} state @param {string[]} names */
function begin(state, names) {
  results.hidden = false;
  stopButton.setAttribute('aria-disabled', 'false');
  for (const c of Object.values(columns)) c.begin(state.text);
  byId('charts').hidden = names.length === 0;
  chartTexts(columns.plain.tokens, columns.steered.tokens, names);
  byId('numbers').replaceChildren();
  say('Writing.');
  const still = matchMedia('(prefers-reduced-motion: reduce)').matches;
  results.scrollIntoView({ block: 'nearest', behavior: still ? 'auto' : 'smooth' });
}

/**
 * @param {Column} column
 * @param {State} state
 * @param {AbortSignal} signal
 * @param {string[]} names
 */
async function write(column, state, signal, names) {
  for await (const piece of complete(completion(state, { steered: column.steered }), signal)) {
    if (signal.aborted) return;
    column.add(piece);
    if (names.length > 0) drawSoon();
  }
  column.end(names);
}

/** @param {string[]} names */
function end(names) {
  stopButton.setAttribute('aria-disabled', 'true');
  for (const c of Object.values(columns)) {
    if (c.steered && names.length === 0) continue;
    c.end(names);
  }
  fillTable(columns.plain.tokens, columns.steered.tokens, names);
}

/** What was written, in a sentence. @param {string[]} names */
function told(names) {
  const { plain, steered } = columns;
  if (names.length === 0) return `The unsteered text has ${count(plain.tokens.length, 'token')}.`;
  const marked = `${count(countMarked(steered.tokens), 'word')} of the bags in the steered text, ${countMarked(plain.tokens)} in the unsteered one`;
  return `${count(steered.tokens.length, 'token')} steered, ${plain.tokens.length} unsteered; ${marked}.`;
}
