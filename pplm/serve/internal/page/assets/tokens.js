// A text as its tokens: one stop of the Tab key, arrow keys within.

import { make } from './dom.js';
import { splitSpace, wordStart } from './marks.js';
import { hideSoon, hideTooltip, showTooltip } from './tooltip.js';

/** @typedef {import('./stream.js').Token} Token */

export class TokenText {
  /**
   * @param {HTMLElement} home
   * @param {boolean} steered
   */
  constructor(home, steered) {
    this.home = home;
    this.steered = steered;
    /** @type {Token[]} */
    this.tokens = [];
    /** @type {HTMLElement[]} */
    this.spans = [];
    this.current = 0;
    home.addEventListener('keydown', (event) => this.#key(event));
    home.addEventListener('pointerover', (event) => this.#enter(event));
    home.addEventListener('pointerout', hideSoon);
    home.addEventListener('focusin', (event) => this.#enter(event));
    home.addEventListener('focusout', hideTooltip);
  }

  /** Begins anew after a prompt. @param {string} prompt */
  clear(prompt) {
    hideTooltip();
    this.tokens = [];
    this.spans = [];
    this.current = 0;
    const end = prompt.length > 240 ? `… ${prompt.slice(-220)}` : prompt;
    this.home.replaceChildren(make('span', { className: 'given' }, end));
  }

  /** @param {Token[]} tokens */
  add(tokens) {
    for (const token of tokens) {
      const i = this.tokens.push(token) - 1;
      const span = make('span', { className: 'token', tabIndex: i === 0 ? 0 : -1 }, token.text);
      this.spans.push(span);
      this.home.append(span);
      if (token.bag?.length) {
        for (let k = wordStart(this.tokens, i); k <= i; k++) this.#mark(k);
      }
    }
  }

  /** @param {number} i */
  #mark(i) {
    const [space, word] = splitSpace(this.tokens[i].text);
    this.spans[i].replaceChildren(space, make('mark', {}, word));
  }

  /** @param {Event} event */
  #enter(event) {
    const span = event.target instanceof Element ? event.target.closest('.token') : null;
    const i = this.spans.indexOf(/** @type {HTMLElement} */ (span));
    if (i < 0) return;
    showTooltip(this.spans[i], this.tokens[i], this.steered);
    if (event.type === 'focusin') this.#moveTo(i);
  }

  /** @param {number} i */
  #moveTo(i) {
    this.spans[this.current].tabIndex = -1;
    this.current = i;
    this.spans[i].tabIndex = 0;
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const to = { ArrowRight: this.current + 1, ArrowLeft: this.current - 1, Home: 0, End: this.spans.length - 1 }[event.key];
    if (to === undefined || event.ctrlKey || event.metaKey || event.altKey || !this.spans[to]) return;
    event.preventDefault();
    this.spans[to].focus();
  }
}
