"""Writes text with an exported SHA-RNN.

    pip install -r requirements.txt
    python3 generate.py model.onnx "It was " 300 0.8

The arguments are the model, the text to go on from, the number of symbols to
write, and the temperature: 0 takes the likeliest symbol each time.
"""
import json
import os
import sys

import numpy as np
import onnxruntime

PIECE = 256  # positions in which a prompt is read


class Model:
    """A model with the state of one text."""

    def __init__(self, path):
        self.session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        self.outputs = [o.name for o in self.session.get_outputs()]
        # batch is 1, and a memory has no rows yet
        self.state = {
            i.name: np.zeros([{"batch": 1, "memory": 0}.get(d, d) for d in i.shape], np.float32)
            for i in self.session.get_inputs() if i.name != "tokens"
        }

    def read(self, ids):
        """Moves the state past ids and returns the logits (V) after the last."""
        tokens = np.array(ids, np.int64).reshape(-1, 1)  # (T, B)
        out = dict(zip(self.outputs, self.session.run(self.outputs, {"tokens": tokens, **self.state})))
        self.state = {name: out["next." + name] for name in self.state}
        return out["logits"][-1, 0]

    def vocabulary(self, folder):
        saved = json.loads(self.session.get_modelmeta().custom_metadata_map["vocab"])
        return {"bpe": Tokens, "words": Words}[saved](folder) if isinstance(saved, str) else Bytes(saved)


class Bytes:
    """Symbols are bytes."""

    def __init__(self, values):
        self.values = values

    def encode(self, text):
        return [self.values.index(b) for b in text.encode()]

    def decode(self, symbol):
        return bytes([self.values[symbol]])


class Tokens:
    """Symbols are tokens of GPT-2's byte-level BPE, in vocab.json and merges.txt."""

    def __init__(self, folder):
        from tokenizers import ByteLevelBPETokenizer

        vocab = os.path.join(folder, "vocab.json")
        self.tokenizer = ByteLevelBPETokenizer.from_file(vocab, os.path.join(folder, "merges.txt"))
        # Bytes that have no printable character of their own are written as those from 256 on.
        printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
        rest = [b for b in range(256) if b not in printable]
        self.byte = {chr(b): b for b in printable} | {chr(256 + n): b for n, b in enumerate(rest)}

    def encode(self, text):
        return self.tokenizer.encode(text).ids

    def decode(self, symbol):
        return bytes(self.byte[c] for c in self.tokenizer.id_to_token(symbol))


class Words:
    """Symbols are the words of words.txt, a line each; the end of a line is one."""

    def __init__(self, folder):
        with open(os.path.join(folder, "words.txt"), encoding="utf-8", newline="\n") as f:
            self.words = f.read().split("\n")[:-1]
        self.ids = {word: id for id, word in enumerate(self.words)}

    def encode(self, text):
        words = text.replace("\n", " <eos> ").split()
        return [self.ids[w if w in self.ids else "<unk>"] for w in words]

    def decode(self, symbol):
        word = self.words[symbol]
        return b"\n" if word == "<eos>" else b" " + word.encode()


def draw(logits, temperature, random):
    if temperature == 0:
        return int(np.argmax(logits))
    weights = np.exp((logits - logits.max()).astype(np.float64) / temperature)
    return int(random.choice(len(weights), p=weights / weights.sum()))


def main(path, prompt="It was ", count="300", temperature="0.8"):
    model, random = Model(path), np.random.default_rng(1)
    vocabulary = model.vocabulary(os.path.dirname(path))
    ids = vocabulary.encode(prompt)
    for i in range(0, len(ids), PIECE):
        logits = model.read(ids[i:i + PIECE])
    sys.stdout.buffer.write(prompt.encode())
    for _ in range(int(count)):
        symbol = draw(logits, float(temperature), random)
        sys.stdout.buffer.write(vocabulary.decode(symbol))
        sys.stdout.buffer.flush()
        logits = model.read([symbol])
    print()


if __name__ == "__main__":
    if not 2 <= len(sys.argv) <= 5:
        sys.exit("usage: generate.py MODEL [PROMPT [COUNT [TEMPERATURE]]]")
    main(*sys.argv[1:])
