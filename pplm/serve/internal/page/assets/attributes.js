// The server's bags and discriminators, each with a slider.

import { byId, make } from './dom.js';
import { count } from './format.js';
import { makeSlider } from './slider.js';

/** @typedef {import('./request.js').Attribute} Attribute */

/**
 * @typedef {object} Row
 * @property {() => Attribute} get
 * @property {(a: Attribute) => boolean} set false where a is another's
 * @property {() => void} clear
 */

const hint = byId('bag-hint');
const silence = hint.textContent;

/**
 * @param {{bags: {name: string, words: number, sample: string[]}[], discriminators: {name: string, classes: string[]}[]}} catalogue
 * @param {() => void} changed
 * @returns {Row[]}
 */
export function makeRows(catalogue, changed) {
  const bags = catalogue.bags.map((bag, i) => bagRow(bag, `bag-${i}`, changed));
  const heads = catalogue.discriminators.map((head, i) => headRow(head, `head-${i}`, changed));
  byId('bags').replaceChildren(...bags.map((r) => r.element));
  byId('heads').replaceChildren(...heads.map((r) => r.element));
  byId('heads-group').hidden = heads.length === 0;
  return [...bags, ...heads];
}

function bagRow(bag, id, changed) {
  const about = `${bag.sample.join(', ')} … ${count(bag.words, 'word')}`;
  const slider = makeSlider({ id, describedBy: `${id}-about`, changed });
  const element = make('div', { className: 'row' },
    make('label', { htmlFor: id }, bag.name.replaceAll('_', ' ')), slider.input, slider.value,
    make('span', { id: `${id}-about`, hidden: true }, about));
  const tell = () => { hint.textContent = about; };
  const hush = () => { hint.textContent = silence; };
  element.addEventListener('pointerenter', tell);
  element.addEventListener('pointerleave', hush);
  element.addEventListener('focusin', tell);
  element.addEventListener('focusout', hush);
  return {
    element,
    get: () => ({ bag: bag.name, weight: slider.get() }),
    set: (a) => {
      if (a.bag !== bag.name) return false;
      slider.set(a.weight);
      return true;
    },
    clear: () => slider.set(0),
  };
}

function headRow(head, id, changed) {
  const slider = makeSlider({ id, changed });
  const classes = make('select', { id: `${id}-class` }, ...head.classes.map((c) => make('option', { value: c }, c.replaceAll('_', ' '))));
  classes.addEventListener('change', changed);
  slider.input.setAttribute('aria-label', `${head.name}: strength`);
  const element = make('div', { className: 'row head' },
    make('label', { htmlFor: classes.id }, head.name.replaceAll('_', ' ')), classes, slider.input, slider.value);
  return {
    element,
    get: () => ({ discriminator: head.name, class: classes.value, weight: slider.get() }),
    set: (a) => {
      if (a.discriminator !== head.name || !head.classes.includes(a.class)) return false;
      classes.value = a.class;
      slider.set(a.weight);
      return true;
    },
    clear: () => slider.set(0),
  };
}
