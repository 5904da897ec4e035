// Lists of words that people bring. The bounds are the server's.

export const mostWords = 1000;
const mostBytes = 80;
const mostNameBytes = 80;

const utf8 = new TextEncoder();

/**
 * The words of a text, one on each line or with commas between them, each once.
 * @param {string} text
 * @returns {{words: string[], left: number}} left: how many were too long, had
 *   control characters, or came after the last that there is room for
 */
export function parseWords(text) {
  const words = new Set();
  let left = 0;
  for (const part of text.replace(/^\ufeff/, '').split(/[\r\n,]+/)) {
    const word = part.trim();
    if (word === '' || words.has(word)) continue;
    if (words.size === mostWords || !fits(word)) left++;
    else words.add(word);
  }
  return { words: [...words], left };
}

/** @param {string} word */
function fits(word) {
  return utf8.encode(word).length <= mostBytes && !/[\p{Cc}\ufffd]/u.test(word);
}

/**
 * A name for a list that is not among those taken.
 * @param {string} wanted
 * @param {string[]} taken
 */
export function freeName(wanted, taken) {
  let base = wanted.replace(/\p{Cc}/gu, ' ').trim();
  while (utf8.encode(base).length > mostNameBytes - 4) base = [...base].slice(0, -1).join('');
  if (base === '') base = 'my words';
  let name = base;
  for (let n = 2; taken.includes(name); n++) name = `${base} ${n}`;
  return name;
}
