// How a token was chosen, beside it, while it is pointed at or has the focus.

import { byId, make } from './dom.js';
import { nats, percent } from './format.js';

/** @typedef {import('./stream.js').Token} Token */

const box = byId('tooltip');
let hiding = 0;
/** @type {HTMLElement|null} */
let owner = null;

/**
 * The lines about a token.
 * @param {Token} token
 * @param {boolean} steered whether its text is
 * @returns {[string, string][]} names and values
 */
export function lines(token, steered) {
  /** @type {[string, string][]} */
  const out = steered
    ? [['probability', `${percent(token.plain)} → ${percent(token.steered)}`], ['drawn with', percent(token.p)], ['KL', nats(token.kl)]]
    : [['probability', percent(token.plain)], ['drawn with', percent(token.p)]];
  if (token.bag?.length) out.push(['in the bag', token.bag.join(', ').replaceAll('_', ' ')]);
  return out;
}

/**
 * @param {HTMLElement} at
 * @param {Token} token
 * @param {boolean} steered
 */
export function showTooltip(at, token, steered) {
  hideTooltip();
  owner = at;
  const visible = token.text.replaceAll('\n', '↵').trim();
  box.replaceChildren(
    make('strong', {}, visible === '' ? 'space' : visible), make('span', { className: 'unseen' }, ': '),
    ...lines(token, steered).map(([name, value], i, all) => make('span', { className: 'line' },
      make('span', { className: 'name' }, `${name} `), make('span', {}, value),
      make('span', { className: 'unseen' }, i < all.length - 1 ? '; ' : '.'))));
  box.hidden = false;
  at.setAttribute('aria-describedby', box.id);
  place(at.getClientRects()[0] ?? at.getBoundingClientRect());
}

/** Above the token where there is room, else below. @param {DOMRect} at */
function place(at) {
  const { width, height } = box.getBoundingClientRect();
  const left = Math.max(8, Math.min(at.left + at.width / 2 - width / 2, document.documentElement.clientWidth - width - 8));
  const above = at.top - height - 6;
  box.style.left = `${left + scrollX}px`;
  box.style.top = `${(above > 8 ? above : at.bottom + 6) + scrollY}px`;
}

/** Takes it away. */
export function hideTooltip() {
  clearTimeout(hiding);
  owner?.removeAttribute('aria-describedby');
  owner = null;
  box.hidden = true;
}

/** Takes it away soon, unless the pointer moves onto it. */
export function hideSoon() {
  clearTimeout(hiding);
  hiding = window.setTimeout(hideTooltip, 150);
}

box.addEventListener('pointerenter', () => clearTimeout(hiding));
box.addEventListener('pointerleave', hideSoon);
document.addEventListener('keydown', (event) => {
  if (event.key === 'Escape') hideTooltip();
});
