// The state of the page in the fragment of its address, which browsers do not send.

import { allows, fields, lengthField, seedField } from './fields.js';

/** @typedef {import('./request.js').State} State */
/** @typedef {import('./request.js').Attribute} Attribute */

/**
 * @param {State} state
 * @returns {string} without the #
 */
export function encode(state) {
  const out = new URLSearchParams();
  out.set('text', state.text);
  for (const a of state.attributes) {
    if (a.weight !== 0 || a.words) out.append('steer', JSON.stringify(a));
  }
  if (state.preset) out.set('preset', state.preset);
  for (const f of fields) out.set(f.name, String(state.settings[f.name]));
  out.set('length', String(state.length));
  out.set('seed', String(state.seed));
  if (state.model) out.set('model', state.model);
  return out.toString();
}

/**
 * The state in a fragment; null where it is none, or where any of it is wrong.
 * @param {string} fragment with or without the #
 * @returns {State|null}
 */
export function decode(fragment) {
  const from = new URLSearchParams(fragment.replace(/^#/, ''));
  const text = from.get('text');
  const length = number(from, lengthField);
  const seed = number(from, seedField);
  const settings = Object.fromEntries(fields.map((f) => [f.name, number(from, f)]));
  const attributes = from.getAll('steer').map(readAttribute);
  const numbers = [length, seed, ...Object.values(settings)];
  if (text === null || numbers.includes(null) || attributes.includes(null)) return null;
  return { text, attributes, preset: from.get('preset') ?? '', settings, length, seed, model: from.get('model') ?? '' };
}

/**
 * @param {URLSearchParams} from
 * @param {import('./fields.js').Field} field
 */
function number(from, field) {
  const raw = from.get(field.name);
  const value = raw === null || raw.trim() === '' ? NaN : Number(raw);
  return allows(field, value) ? value : null;
}

/**
 * @param {string} json
 * @returns {Attribute|null}
 */
function readAttribute(json) {
  let raw;
  try {
    raw = JSON.parse(json);
  } catch {
    return null;
  }
  const text = (v) => typeof v === 'string' && v !== '';
  if (typeof raw?.weight !== 'number' || !(Math.abs(raw.weight) <= 2)) return null;
  const { weight } = raw;
  if (text(raw.bag)) return { bag: raw.bag, weight };
  if (text(raw.discriminator) && text(raw.class)) return { discriminator: raw.discriminator, class: raw.class, weight };
  if (Array.isArray(raw.words) && raw.words.every(text) && text(raw.name)) return { words: raw.words, name: raw.name, weight };
  return null;
}
