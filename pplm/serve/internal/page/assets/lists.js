// People's own lists of words, pasted or dropped. They stay in the browser until a
// text is asked for with them.

import { byId, make } from './dom.js';
import { count } from './format.js';
import { say } from './notice.js';
import { makeSlider } from './slider.js';
import { freeName, parseWords } from './words.js';

/** @typedef {import('./request.js').Attribute} Attribute */

const home = byId('lists');
const mostFile = 1 << 20; // bytes

/** @type {{element: HTMLElement, get: () => Attribute}[]} */
let lists = [];
let made = 0;

/** The lists as they are. */
export function ownLists() {
  return lists.map((l) => l.get());
}

/** Takes all lists away. */
export function clearLists() {
  lists = [];
  home.replaceChildren();
}

/** @param {() => void} changed */
export function setUpLists(changed) {
  byId('add-list').addEventListener('click', () => {
    addList({ name: '', words: [], weight: 1 }, changed).querySelector('textarea')?.focus();
    changed();
  });
  const zone = byId('own');
  zone.addEventListener('dragover', (event) => {
    event.preventDefault();
    zone.classList.add('over');
  });
  zone.addEventListener('dragleave', () => zone.classList.remove('over'));
  zone.addEventListener('drop', (event) => {
    zone.classList.remove('over');
    const file = event.dataTransfer?.files[0];
    if (!file) return; // text goes where it is dropped
    event.preventDefault();
    openFile(file, changed);
  });
  const chooser = /** @type {HTMLInputElement} */ (byId('list-file'));
  byId('open-list').addEventListener('click', () => chooser.click());
  chooser.addEventListener('change', () => {
    if (chooser.files?.[0]) openFile(chooser.files[0], changed);
    chooser.value = '';
  });
}

/**
 * @param {File} file
 * @param {() => void} changed
 */
async function openFile(file, changed) {
  if (file.size > mostFile) {
    say(`${file.name} has more than a megabyte: want a list of words.`);
    return;
  }
  const text = await file.text();
  addList({ name: file.name.replace(/\.[^.]*$/, ''), words: parseWords(text).words, weight: 1 }, changed);
  say(`${file.name}: ${count(parseWords(text).words.length, 'word')}.`);
  changed();
}

/**
 * @param {Attribute} list
 * @param {() => void} changed
 */
export function addList(list, changed) {
  const id = `list-${++made}`;
  const name = make('input', { id: `${id}-name`, value: freeName(list.name ?? '', lists.map((l) => l.get().name ?? '')), maxLength: 60, autocomplete: 'off' });
  const words = make('textarea', { id: `${id}-words`, rows: 4, value: (list.words ?? []).join('\n'), placeholder: 'ship\nsea\nsail', spellcheck: false });
  const number = make('span', { className: 'muted', id: `${id}-count` });
  words.setAttribute('aria-describedby', number.id);
  const slider = makeSlider({ id: `${id}-strength`, changed });
  slider.set(list.weight);
  const label = make('label', { htmlFor: slider.input.id });
  const show = () => {
    const { words: all, left } = parseWords(words.value);
    number.textContent = count(all.length, 'word') + (left > 0 ? `; ${count(left, 'line')} left out, too long or too many` : '');
    label.textContent = name.value.trim() || 'my words';
  };
  for (const input of [name, words]) {
    input.addEventListener('input', () => {
      show();
      changed();
    });
  }
  show();
  const remove = make('button', { type: 'button', className: 'quiet' }, 'Remove');
  const element = make('div', { className: 'list', role: 'group' },
    make('label', { htmlFor: name.id }, 'Name'), name,
    make('label', { htmlFor: words.id }, 'Words, one on each line'), words, make('div', { className: 'ends' }, number, remove),
    make('div', { className: 'row' }, label, slider.input, slider.value));
  element.setAttribute('aria-label', 'Own list of words');
  const own = { element, get: () => ({ words: parseWords(words.value).words, name: name.value.trim() || 'my words', weight: slider.get() }) };
  remove.addEventListener('click', () => {
    lists = lists.filter((l) => l !== own);
    element.remove();
    byId('add-list').focus();
    changed();
  });
  lists.push(own);
  home.append(element);
  return element;
}
