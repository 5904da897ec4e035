// The numbers that can be set, as the API names them.

/**
 * @typedef {object} Field
 * @property {string} name
 * @property {string} label
 * @property {string} help
 * @property {number} least
 * @property {number} most
 * @property {number|'any'} step
 * @property {boolean} whole
 */

/** @type {Field[]} steering and drawing: a preset has a value for each */
export const fields = [
  { name: 'stepsize', label: 'Step size', help: 'of a slider at 1; larger: less fluent', least: 0, most: 50, step: 0.01, whole: false },
  { name: 'num_iterations', label: 'Iterations', help: 'moves for each token; time grows with them', least: 0, most: 100, step: 1, whole: true },
  { name: 'kl_scale', label: 'KL scale', help: 'larger: nearer to the unsteered model', least: 0, most: 100, step: 0.01, whole: false },
  { name: 'gm_scale', label: 'Mixture', help: 'share of the steered model, 0 to 1', least: 0, most: 1, step: 0.05, whole: false },
  { name: 'temperature', label: 'Temperature', help: 'below 1: more predictable', least: 0, most: 100, step: 0.1, whole: false },
  { name: 'top_k', label: 'Top k', help: 'draws from the k likeliest tokens; 0: from all', least: 0, most: 1e6, step: 1, whole: true },
];

export const mostSeed = 2 ** 31 - 1;

/** @type {Field} */
export const lengthField = { name: 'length', label: 'Length', help: 'tokens of each text', least: 1, most: 1024, step: 1, whole: true };

/** @type {Field} */
export const seedField = { name: 'seed', label: 'Seed', help: 'the same seed gives the same text', least: 0, most: mostSeed, step: 1, whole: true };

/**
 * Whether a value is one that a field can have.
 * @param {Field} field
 * @param {unknown} value
 */
export function allows(field, value) {
  return typeof value === 'number' && value >= field.least && value <= field.most && (!field.whole || Number.isInteger(value));
}

/** The least and the most of a field, in words. @param {Field} field */
export function range(field) {
  return `${field.label}: want ${field.whole ? 'a whole number' : 'a number'} from ${field.least} to ${field.most.toLocaleString('en')}.`;
}
