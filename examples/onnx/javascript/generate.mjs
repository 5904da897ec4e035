// Writes text with an exported SHA-RNN.
//
//	npm install --ignore-scripts
//	node generate.mjs model.onnx "It was " 300 0.8
//
// The arguments are the model, the text to go on from, the number of symbols to
// write, and the temperature: 0 takes the likeliest symbol each time. ORT names
// another runtime: ORT=onnxruntime-web is the one for browsers, which take
// model.mjs and vocabulary.mjs as they are.
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Model, draw } from "./model.mjs";
import { bytes, tokens, words } from "./vocabulary.mjs";

const piece = 256; // positions in which a prompt is read

const [path, prompt = "It was ", count = "300", temperature = "0.8"] = process.argv.slice(2);
if (!path) {
  console.error("usage: node generate.mjs MODEL [PROMPT [COUNT [TEMPERATURE]]]");
  process.exit(2);
}
const ort = await import(process.env.ORT ?? "onnxruntime-node");
const text = (name) => readFile(name, "utf8");
// The runtime does not show a model's metadata; this file holds them too.
const config = JSON.parse(await text(`${path}.json`));
const beside = (name) => text(join(dirname(path), name));
const vocabulary = config.vocab === "bpe" ? tokens(JSON.parse(await beside("vocab.json")), await beside("merges.txt"))
  : config.vocab === "words" ? words(await beside("words.txt"))
  : bytes(config.vocab);
const provider = process.env.ORT ? "wasm" : "cpu";
const model = new Model(ort, await ort.InferenceSession.create(path, { executionProviders: [provider] }), config);

const ids = vocabulary.encode(prompt);
let logits;
for (let i = 0; i < ids.length; i += piece) logits = await model.read(ids.slice(i, i + piece));
process.stdout.write(prompt);
for (let i = 0; i < Number(count); i++) {
  const symbol = draw(logits, Number(temperature));
  process.stdout.write(vocabulary.decode(symbol));
  logits = await model.read([symbol]);
}
process.stdout.write("\n");
