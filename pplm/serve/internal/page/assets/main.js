// The page: what its parts do together.

import { getAttributes } from './api.js';
import { makeRows } from './attributes.js';
import { rebuild, setUpCharts } from './chart.js';
import { compare, setUpCompare, stop } from './compare.js';
import { byId } from './dom.js';
import { append, setText, setUpEditor, text, textToCaret } from './editor.js';
import { ServerError } from './errors.js';
import { strength } from './format.js';
import { decode, encode } from './link.js';
import { addList, clearLists, ownLists, setUpLists } from './lists.js';
import { complain, object, say, settle } from './notice.js';
import { active, title } from './request.js';
import { fillSettings, readSettings, setUpSettings, takePresets } from './settings.js';
import { askToken, setUpSignIn, signedIn } from './signin.js';
import { suggest } from './suggestions.js';
import { setUpTheme } from './theme.js';

/** @typedef {import('./request.js').State} State */

/** @type {import('./attributes.js').Row[]} */
let rows = [];
let model = '';
/** @type {State|null} what the texts that are shown were written with */
let shown = null;

/**
 * All that decides what is written; null where a number is wrong, which is said.
 * @returns {State|null}
 */
function read() {
  const numbers = readSettings();
  if ('wrong' in numbers) {
    numbers.at.closest('details')?.setAttribute('open', '');
    object(numbers.wrong);
    numbers.at.focus();
    return null;
  }
  return { text: text(), attributes: [...rows.map((r) => r.get()), ...ownLists()], model, ...numbers };
}

/** @param {State} state */
function fill(state) {
  setText(state.text);
  rows.forEach((r) => r.clear());
  clearLists();
  const missing = [];
  for (const a of state.attributes) {
    if (a.words) addList(a, tell);
    else if (!rows.some((r) => r.set(a))) missing.push(title(a));
  }
  fillSettings(state);
  tell();
  let note = 'Filled from the link. Compare writes its texts again.';
  if (state.model && state.model !== model) note = `Filled from a link that was made with the model ${state.model}: this server has ${model}, so its texts differ.`;
  if (missing.length > 0) note += ` Not on this server: ${missing.join(', ')}.`;
  say(note);
}

/** Shows how many attributes steer. */
function tell() {
  const on = active({ attributes: [...rows.map((r) => r.get()), ...ownLists()] });
  byId('active').textContent = on.length === 0 ? 'nothing steers' : on.map((a) => `${title(a)} ${strength(a.weight)}`).join(', ');
}

/**
 * Does something that asks the server, and shows what goes wrong.
 * @param {() => Promise<void>} work
 */
async function attempt(work) {
  settle();
  try {
    await work();
  } catch (error) {
    if (error instanceof ServerError && error.status === 401) askToken();
    complain(error, () => attempt(work));
  }
}

function runCompare() {
  const state = read();
  if (!state) return;
  shown = state;
  attempt(() => compare(state));
}

function runSuggest() {
  const state = read();
  if (!state) return;
  const before = { ...state, text: textToCaret() };
  if (before.text === '') {
    say('Write something first: suggestions continue it.');
    return;
  }
  attempt(() => suggest(before));
}

async function copyLink() {
  if (!shown) return;
  history.replaceState(null, '', `#${encode(shown)}`);
  try {
    await navigator.clipboard.writeText(location.href);
    say('The link is copied. It holds the text and all settings; nothing of it is sent to a server.');
  } catch { // not allowed, or not over https
    say('The link is in the address bar: copy it from there.');
  }
}

function fillFromAddress() {
  if (location.hash.length < 2) return;
  const state = decode(location.hash);
  if (state) fill(state);
  else object('The link is damaged: ask for it again.');
}

async function load() {
  const catalogue = await getAttributes();
  signedIn();
  model = catalogue.model;
  byId('model').textContent = model;
  rows = makeRows(catalogue, tell);
  takePresets(catalogue);
  rows.some((r) => r.set({ bag: 'space', weight: 1 }));
  tell();
  fillFromAddress();
  document.body.dataset.ready = 'true';
}

function setUp() {
  setUpTheme(byId('theme'), rebuild);
  setUpSettings();
  setUpLists(tell);
  setUpCharts();
  setUpCompare((more) => append(more));
  setUpEditor({ suggest: runSuggest, compare: runCompare });
  setUpSignIn(() => attempt(load));
  byId('compare').addEventListener('click', runCompare);
  byId('suggest').addEventListener('click', (event) => {
    // A finger that taps the button wants no keyboard over half of the page.
    if (!(event instanceof PointerEvent && event.pointerType === 'touch')) byId('prompt').focus();
    runSuggest();
  });
  byId('all-off').addEventListener('click', () => {
    rows.forEach((r) => r.clear());
    tell();
  });
  byId('copy-link').addEventListener('click', copyLink);
  addEventListener('hashchange', fillFromAddress);
  addEventListener('pagehide', stop);
  if (matchMedia('(max-width: 52rem)').matches) {
    for (const group of document.querySelectorAll('#steer details:not(#bags-group)')) group.removeAttribute('open');
  }
  attempt(load);
}

setUp();
