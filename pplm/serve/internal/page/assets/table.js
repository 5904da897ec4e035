// The chart's numbers as a table.

import { byId, make } from './dom.js';
import { nats, percent } from './format.js';

/** @typedef {import('./stream.js').Token} Token */

const home = byId('numbers');

/**
 * @param {Token[]} plain
 * @param {Token[]} steered
 * @param {string[]} names
 */
export function fillTable(plain, steered, names) {
  const columns = ['Token', 'Steered text', 'Shift', ...names.map((n) => `p(${n})`), 'KL', 'Bags', 'Unsteered text', ...names.map((n) => `p(${n}), unsteered`)];
  const head = make('tr', {}, ...columns.map((c) => make('th', { scope: 'col' }, c)));
  const rows = Array.from({ length: Math.max(plain.length, steered.length) }, (_, i) => row(i, plain[i], steered[i], names));
  home.replaceChildren(make('table', {}, make('caption', {}, 'Each token of both texts'), make('thead', {}, head), make('tbody', {}, ...rows)));
}

/**
 * @param {number} i
 * @param {Token|undefined} plain
 * @param {Token|undefined} steered
 * @param {string[]} names
 */
function row(i, plain, steered, names) {
  const cells = [
    shown(steered), steered ? `${percent(steered.plain)} → ${percent(steered.steered)}` : '',
    ...names.map((_, k) => (steered ? percent(steered.attributes[k] ?? 0) : '')),
    steered ? nats(steered.kl) : '', steered?.bag?.join(', ') ?? '',
    shown(plain), ...names.map((_, k) => (plain ? percent(plain.attributes[k] ?? 0) : '')),
  ];
  return make('tr', {}, make('th', { scope: 'row' }, String(i + 1)), ...cells.map((c) => make('td', {}, c)));
}

/** @param {Token|undefined} token */
function shown(token) {
  return token?.text.replaceAll('\n', '↵').trim() ?? '';
}
