// Which tokens make a bag's words. The server names the bags at a word's last token.

/** @typedef {import('./stream.js').Token} Token */

/**
 * The first token of the word that ends with token i.
 * @param {Token[]} tokens
 * @param {number} i
 */
export function wordStart(tokens, i) {
  while (i > 0 && /^[\p{L}\p{M}\p{N}'’-]/u.test(tokens[i].text) && /[\p{L}\p{M}\p{N}'’-]$/u.test(tokens[i - 1].text)) i--;
  return i;
}

/**
 * A token's text as what stands before its word, and the rest.
 * @param {string} text
 * @returns {[string, string]}
 */
export function splitSpace(text) {
  const space = text.match(/^\s*/)?.[0] ?? '';
  return [space, text.slice(space.length)];
}

/** How many words of bags the tokens have. @param {Token[]} tokens */
export function countMarked(tokens) {
  return tokens.filter((t) => t.bag?.length).length;
}
