// A model with the state of one text. ort is onnxruntime-node or onnxruntime-web.
export class Model {
  constructor(ort, session, config) {
    this.ort = ort;
    this.session = session;
    this.symbols = config.ntoken;
    this.state = {};
    for (const name of session.inputNames) {
      if (name === "tokens") continue;
      // h and c are (B, H), a memory is (M, B, H) and has no rows yet
      const shape = name.endsWith(".memory") ? [0, 1, config.emsize] : [1, config.emsize];
      const size = shape.reduce((a, b) => a * b);
      this.state[name] = new ort.Tensor("float32", new Float32Array(size), shape);
    }
  }

  // read moves the state past ids and returns the logits (V) after the last.
  async read(ids) {
    const tokens = new this.ort.Tensor("int64", BigInt64Array.from(ids, BigInt), [ids.length, 1]); // (T, B)
    const out = await this.session.run({ tokens, ...this.state });
    for (const name in this.state) this.state[name] = out[`next.${name}`];
    return out.logits.data.subarray((ids.length - 1) * this.symbols);
  }
}

// draw takes a symbol by the model's distribution, the likeliest at temperature 0.
export function draw(logits, temperature) {
  const best = logits.reduce((a, l, id) => (l > logits[a] ? id : a), 0);
  if (temperature === 0) return best;
  const weights = Array.from(logits, (l) => Math.exp((l - logits[best]) / temperature));
  let left = Math.random() * weights.reduce((a, b) => a + b);
  return Math.max(0, weights.findIndex((w) => (left -= w) < 0));
}
