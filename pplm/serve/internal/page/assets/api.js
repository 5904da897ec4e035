// Requests to the page's own server.

import { BrokenError, ServerError } from './errors.js';
import { chunks, pieces } from './stream.js';

const tokenName = 'tiller-token';

/** Keeps the server's token until the tab closes. @param {string} token */
export function keepToken(token) {
  sessionStorage.setItem(tokenName, token);
}

/**
 * @param {string} path
 * @param {RequestInit} [how]
 */
async function ask(path, how = {}) {
  const headers = new Headers(how.headers);
  const token = sessionStorage.getItem(tokenName);
  if (token) headers.set('Authorization', `Bearer ${token}`);
  const answer = await fetch(path, { ...how, headers, credentials: 'omit' });
  if (!answer.ok) throw await readError(answer);
  return answer;
}

/** @param {Response} answer */
export async function readError(answer) {
  const after = Number(answer.headers.get('Retry-After')) || 0;
  const problem = await answer.json().then((body) => body.error, () => null);
  const message = problem?.message ?? `the server answered ${answer.status}`;
  return new ServerError(message, { status: answer.status, param: problem?.param, after });
}

/** What there is to steer by: see the API's Attributes. */
export async function getAttributes() {
  return (await ask('/v1/attributes')).json();
}

/**
 * The pieces of one text.
 * @param {object} body of POST /v1/completions
 * @param {AbortSignal} signal
 */
export async function* complete(body, signal) {
  const answer = await ask('/v1/completions', {
    method: 'POST', signal,
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ ...body, stream: true }),
  });
  if (!answer.body) throw new BrokenError('the answer has no body');
  try {
    yield* pieces(chunks(answer.body));
  } catch (error) {
    // An answer that breaks off is a TypeError here, as one that never came is.
    throw error instanceof TypeError ? new BrokenError(error.message) : error;
  }
}
