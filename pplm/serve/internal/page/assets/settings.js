// The numbers that say how far a text is steered and how it is drawn.

import { byId, make } from './dom.js';
import { allows, fields, lengthField, mostSeed, range, seedField } from './fields.js';

/** @typedef {import('./fields.js').Field} Field */

const preset = /** @type {HTMLSelectElement} */ (byId('preset'));
const reset = byId('reset');

/** @type {Map<string, HTMLInputElement>} */
const inputs = new Map();
/** @type {{name: string, settings: Record<string, number>}[]} */
let presets = [];

const shown = [...fields, lengthField];

/** Makes the inputs. */
export function setUpSettings() {
  byId('fields').append(...shown.map(makeField));
  inputs.set(seedField.name, /** @type {HTMLInputElement} */ (byId('seed')));
  byId('dice').addEventListener('click', () => setNumber(seedField, Math.floor(Math.random() * (mostSeed + 1))));
  preset.addEventListener('change', fillPreset);
  reset.addEventListener('click', () => {
    fillPreset();
    preset.focus();
  });
  byId('fields').addEventListener('input', showReset);
}

/** @param {Field} field */
function makeField(field) {
  const id = `field-${field.name}`;
  const input = make('input', {
    id, type: 'number', min: String(field.least), max: String(field.most), step: field.whole ? '1' : 'any',
    inputMode: field.whole ? 'numeric' : 'decimal',
  });
  input.setAttribute('aria-describedby', `${id}-help`);
  inputs.set(field.name, input);
  return make('div', { className: 'field' }, make('label', { htmlFor: id }, field.label), input,
    make('span', { id: `${id}-help`, className: 'muted' }, field.help));
}

/**
 * Takes the server's presets.
 * @param {{presets: {name: string, settings: Record<string, number>}[], default_preset: string, max_tokens: number}} catalogue
 */
export function takePresets(catalogue) {
  presets = catalogue.presets;
  preset.replaceChildren(...presets.map((p) => make('option', { value: p.name }, p.name)));
  preset.value = catalogue.default_preset;
  lengthField.most = catalogue.max_tokens;
  input(lengthField).max = String(catalogue.max_tokens);
  setNumber(lengthField, Math.min(40, catalogue.max_tokens));
  fillPreset();
}

function fillPreset() {
  const chosen = presets.find((p) => p.name === preset.value);
  for (const f of fields) {
    if (chosen) setNumber(f, chosen.settings[f.name]);
  }
  showReset();
}

function showReset() {
  const chosen = presets.find((p) => p.name === preset.value);
  reset.hidden = !chosen || fields.every((f) => Number(input(f).value) === chosen.settings[f.name]);
}

/** @param {Field} field */
function input(field) {
  return /** @type {HTMLInputElement} */ (inputs.get(field.name));
}

/** @param {Field} field @param {number} value */
function setNumber(field, value) {
  input(field).value = String(value);
}

/**
 * The settings as they are; or what is wrong with them, and where.
 * @returns {{preset: string, settings: Record<string, number>, length: number, seed: number} | {wrong: string, at: HTMLInputElement}}
 */
export function readSettings() {
  /** @type {Record<string, number>} */
  const values = {};
  for (const f of [...shown, seedField]) {
    const raw = input(f).value;
    values[f.name] = raw.trim() === '' ? NaN : Number(raw);
    const right = allows(f, values[f.name]);
    input(f).setAttribute('aria-invalid', String(!right));
    if (!right) return { wrong: range(f), at: input(f) };
  }
  const { length, seed, ...settings } = values;
  return { preset: preset.value, settings, length, seed };
}

/** @param {import('./request.js').State} state */
export function fillSettings(state) {
  if (presets.some((p) => p.name === state.preset)) preset.value = state.preset;
  for (const f of fields) setNumber(f, state.settings[f.name]);
  setNumber(lengthField, state.length);
  setNumber(seedField, state.seed);
  showReset();
}
