// The vocabularies of exported models: ids of text, and bytes of an id.

// bytes are symbols that stand for one byte each, values[id].
export function bytes(values) {
  const ids = new Map(values.map((value, id) => [value, id]));
  return {
    encode(text) {
      return Array.from(new TextEncoder().encode(text), (byte) => {
        if (!ids.has(byte)) throw new Error(`the model has no symbol for byte ${byte}`);
        return ids.get(byte);
      });
    },
    decode: (id) => Uint8Array.of(values[id]),
  };
}

// words are symbols that stand for the words of words.txt, a line each; the end of
// a line is one.
export function words(list) {
  const all = list.split("\n").slice(0, -1);
  const ids = new Map(all.map((word, id) => [word, id]));
  return {
    encode: (text) => text.replaceAll("\n", " <eos> ").split(/\s+/).filter(Boolean).map((word) => {
      const id = ids.get(word) ?? ids.get("<unk>");
      if (id === undefined) throw new Error(`the model has no symbol for the word ${word}`);
      return id;
    }),
    decode: (id) => new TextEncoder().encode(all[id] === "<eos>" ? "\n" : ` ${all[id]}`),
  };
}

// pieces is how GPT-2 cuts a text before its bytes are merged.
const pieces = /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+/gu;

// tokens are symbols of GPT-2's byte-level BPE: vocab maps a token to its id,
// merges are the lines of merges.txt.
export function tokens(vocab, merges) {
  const alphabet = letters();
  const byte = new Map(alphabet.map((letter, b) => [letter, b]));
  const ranks = new Map(merges.split("\n").filter((l) => l && !l.startsWith("#version")).map((l, rank) => [l, rank]));
  const token = [];
  for (const [text, id] of Object.entries(vocab)) token[id] = text;
  return {
    encode: (text) => Array.from(text.matchAll(pieces)).flatMap(([word]) => {
      const parts = Array.from(new TextEncoder().encode(word), (b) => alphabet[b]);
      return merge(parts, ranks).map((part) => vocab[part]);
    }),
    decode: (id) => Uint8Array.from(token[id], (letter) => byte.get(letter)),
  };
}

// merge joins neighbours, the pair learnt first before all others.
function merge(parts, ranks) {
  for (;;) {
    let best = -1, least = Infinity;
    for (let i = 0; i + 1 < parts.length; i++) {
      const rank = ranks.get(`${parts[i]} ${parts[i + 1]}`) ?? Infinity;
      if (rank < least) [best, least] = [i, rank];
    }
    if (best < 0) return parts;
    parts.splice(best, 2, parts[best] + parts[best + 1]);
  }
}

// letters are the characters that stand for the bytes: their own where it is
// printable, else those from 256 on.
function letters() {
  let next = 256;
  return Array.from({ length: 256 }, (_, b) => {
    const printable = (b > 32 && b < 127) || (b > 160 && b !== 173);
    return String.fromCodePoint(printable ? b : next++);
  });
}
