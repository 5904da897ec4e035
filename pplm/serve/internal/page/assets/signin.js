// Asks for the server's token.

import { keepToken } from './api.js';
import { byId } from './dom.js';

const form = /** @type {HTMLFormElement} */ (byId('signin'));
const input = /** @type {HTMLInputElement} */ (byId('token'));
const wrong = byId('token-wrong');

/** Shows the form; after a token that the server refused it says so. */
export function askToken() {
  const again = !form.hidden && input.value !== '';
  form.hidden = false;
  wrong.textContent = again ? 'The server refused that token. Look at how it was started, and enter it again.' : '';
  input.setAttribute('aria-invalid', String(again));
  input.focus();
  input.select();
}

/** The token was right. */
export function signedIn() {
  form.hidden = true;
  input.value = '';
}

/** @param {() => void} entered */
export function setUpSignIn(entered) {
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    keepToken(input.value.trim());
    entered();
  });
}
