// What the page says: one line of status, and errors with what to do.

import { byId, make } from './dom.js';
import { explain } from './errors.js';

const status = byId('status');
const alert = byId('alert');

/** Says something politely; the same words twice are said once. @param {string} text */
export function say(text) {
  if (status.textContent !== text) status.textContent = text;
}

/**
 * Shows an error, with a button that tries again where that may help.
 * @param {unknown} error
 * @param {() => void} [retry]
 */
export function complain(error, retry) {
  const { what, advice, again } = explain(error);
  show([make('strong', {}, what), ` ${advice}`], again ? retry : undefined);
}

/** Shows what is wrong with something that was entered. @param {string} text */
export function object(text) {
  show([text]);
}

/**
 * @param {(Node|string)[]} words
 * @param {() => void} [retry]
 */
function show(words, retry) {
  say('');
  alert.replaceChildren(make('p', {}, ...words));
  if (!retry) return;
  const button = make('button', { type: 'button', className: 'quiet' }, 'Try again');
  button.addEventListener('click', () => {
    byId('prompt').focus();
    retry();
  });
  alert.append(button);
}

/** Takes the error away. */
export function settle() {
  alert.replaceChildren();
}
