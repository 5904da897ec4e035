// One of the texts that stand side by side.

import { byId } from './dom.js';
import { count, mean, nats, percent } from './format.js';
import { countMarked } from './marks.js';
import { TokenText } from './tokens.js';

/** @typedef {import('./stream.js').Token} Token */

export class Column {
  /**
   * @param {'plain'|'steered'} id
   * @param {(text: string) => void} use
   */
  constructor(id, use) {
    this.steered = id === 'steered';
    this.prose = byId(`${id}-text`);
    this.summary = byId(`${id}-summary`);
    this.button = byId(`use-${id}`);
    this.body = new TokenText(this.prose, this.steered);
    this.text = '';
    this.button.addEventListener('click', () => use(this.text));
  }

  get tokens() {
    return this.body.tokens;
  }

  /** @param {string} prompt */
  begin(prompt) {
    this.text = '';
    this.body.clear(prompt);
    this.summary.textContent = '';
    this.button.hidden = true;
    this.prose.setAttribute('aria-busy', 'true');
  }

  /** @param {import('./stream.js').Piece} piece */
  add(piece) {
    this.text += piece.text;
    this.body.add(piece.tokens);
  }

  /** @param {string[]} names of the attributes */
  end(names) {
    this.prose.setAttribute('aria-busy', 'false');
    this.button.hidden = this.text === '';
    this.summary.textContent = this.tokens.length > 0 ? summarize(this.tokens, names, this.steered) : '';
  }

  /** Says that there is nothing to write. @param {string} why */
  explain(why) {
    this.end([]);
    this.summary.textContent = why;
  }
}

/**
 * What became of a text, in a line.
 * @param {Token[]} tokens
 * @param {string[]} names
 * @param {boolean} steered
 */
export function summarize(tokens, names, steered) {
  const parts = names.map((name, i) => `p(${name}) ${percent(mean(tokens.map((t) => t.attributes[i] ?? 0)))}`);
  const marked = countMarked(tokens);
  if (marked > 0) parts.push(`${count(marked, 'word')} of the bags`);
  if (steered && names.length > 0) parts.push(`KL ${nats(mean(tokens.map((t) => t.kl)))}`);
  const means = names.length > 0 ? 'On average: ' : '';
  return `${count(tokens.length, 'token')}. ${means}${parts.join(' · ')}`.trim();
}
