// What the page asks the server for.

/**
 * @typedef {object} Attribute as the API has it: a bag, a discriminator and its class, or words
 * @property {string} [bag]
 * @property {string} [discriminator]
 * @property {string} [class]
 * @property {string[]} [words]
 * @property {string} [name]
 * @property {number} weight
 *
 * @typedef {object} State all that decides what is written
 * @property {string} text
 * @property {Attribute[]} attributes
 * @property {string} preset
 * @property {Record<string, number>} settings of fields
 * @property {number} length
 * @property {number} seed
 * @property {string} [model] that a link was made with
 */

/** Attributes that steer. @param {State} state */
export function active(state) {
  return state.attributes.filter((a) => a.weight !== 0 && (!a.words || a.words.length > 0));
}

/** What to call an attribute. @param {Attribute} a */
export function title(a) {
  if (a.bag) return a.bag.replaceAll('_', ' ');
  if (a.discriminator) return (a.class ?? a.discriminator).replaceAll('_', ' ');
  return a.name ?? 'words';
}

/**
 * Attributes as they are sent, and what their step is multiplied by. The strongest
 * slider sets the step and the others count in proportion: weights alone would not
 * do, as a gradient is divided by a power of its norm, so that one of a small weight
 * moves as far as one of a large weight, or farther.
 * @param {State} state
 */
export function scaled(state) {
  const attributes = active(state);
  const most = Math.max(...attributes.map((a) => Math.abs(a.weight)), 0);
  return { attributes: attributes.map((a) => ({ ...a, weight: a.weight / most })), most };
}

/**
 * The body of a request for a continuation. Unsteered texts are judged by the same
 * attributes: they take no step.
 * @param {State} state
 * @param {{steered: boolean, length?: number, seed?: number}} how
 */
export function completion(state, { steered, length = state.length, seed = state.seed }) {
  const { temperature, top_k, ...steering } = state.settings;
  const { attributes, most } = scaled(state);
  const steer = { ...steering, attributes, details: true };
  if (most > 0) steer.stepsize *= most;
  if (state.preset) steer.preset = state.preset;
  if (!steered) steer.num_iterations = 0;
  return { prompt: state.text, max_tokens: length, seed, temperature, top_k, steer };
}
