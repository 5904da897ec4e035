// What can go wrong between the page and its server, in words.

/** An answer of the server that is an error. */
export class ServerError extends Error {
  /**
   * @param {string} message
   * @param {{status: number, param?: string|null, after?: number}} about after: seconds until it may be tried again
   */
  constructor(message, { status, param = null, after = 0 }) {
    super(message);
    this.status = status;
    this.param = param;
    this.after = after;
  }
}

/** A connection that ended before the answer did. */
export class BrokenError extends Error {}

/**
 * @typedef {object} Trouble
 * @property {string} what happened
 * @property {string} advice what to do
 * @property {boolean} again whether the same request may succeed later
 */

/**
 * @param {unknown} error
 * @returns {Trouble}
 */
export function explain(error) {
  if (error instanceof ServerError) return explainAnswer(error);
  if (error instanceof BrokenError) {
    return { what: 'The connection broke off before the text was finished.', advice: 'See whether the server still runs, then try again.', again: true };
  }
  if (error instanceof TypeError) { // what fetch throws where there is no answer
    return { what: 'The server does not answer.', advice: 'See whether it still runs, then try again.', again: true };
  }
  return { what: `Something failed in this page: ${String(error)}`, advice: 'Load it again; the address keeps a copied link.', again: false };
}

/** @param {ServerError} error */
function explainAnswer(error) {
  if (error.status === 429) {
    const wait = error.after === 1 ? '1 second' : `${error.after} seconds`;
    return { what: 'The server is busy with other texts.', advice: error.after > 0 ? `Try again in ${wait}.` : 'Try again soon.', again: true };
  }
  if (error.status === 401) return { what: 'The server wants its token.', advice: 'Enter it above.', again: false };
  const what = sentence(error.message);
  if (error.status >= 500) return { what, advice: 'Try again; if it happens again, read what the server has logged.', again: true };
  return { what, advice: 'Change that, and try again.', again: false };
}

/** @param {string} text */
function sentence(text) {
  const whole = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(whole) ? whole : `${whole}.`;
}
