// Completions as they are streamed.

import { BrokenError, ServerError } from './errors.js';
import { EventParser } from './sse.js';

/**
 * @typedef {object} Token
 * @property {string} text
 * @property {number} p with which it was drawn
 * @property {number} steered its probability in the steered model
 * @property {number} plain its probability in the unsteered one
 * @property {number} kl divergence of the two, in nats
 * @property {string[]|null} bag the bags of which a word ends here
 * @property {number[]} attributes probability of each attribute
 *
 * @typedef {object} Piece
 * @property {string} text
 * @property {Token[]} tokens
 * @property {string|null} finish
 */

/**
 * The pieces of one text, from the body of an answer. Its end before [DONE] is a
 * BrokenError, an error that the server tells of on the way a ServerError.
 * @param {AsyncIterable<Uint8Array>} body
 * @returns {AsyncGenerator<Piece>}
 */
export async function* pieces(body) {
  const parser = new EventParser();
  for await (const bytes of body) {
    for (const data of parser.push(bytes)) {
      if (data === '[DONE]') return;
      const piece = readPiece(data);
      if (piece) yield piece;
    }
  }
  throw new BrokenError('the stream ended early');
}

/**
 * @param {string} data
 * @returns {Piece|null}
 */
export function readPiece(data) {
  let event;
  try {
    event = JSON.parse(data);
  } catch {
    throw new BrokenError('an event is not JSON');
  }
  if (event.error) throw new ServerError(event.error.message, { status: 500, param: event.error.param });
  const choice = event.choices?.[0];
  if (!choice) return null; // it counts tokens
  return { text: choice.text, tokens: choice.tiller?.tokens ?? [], finish: choice.finish_reason };
}

/**
 * Chunks of a stream; leaving the loop early cancels it. Not all browsers can
 * iterate over a ReadableStream themselves.
 * @param {ReadableStream<Uint8Array>} stream
 */
export async function* chunks(stream) {
  const reader = stream.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    reader.cancel().catch(() => {}); // it has ended or failed already
  }
}
