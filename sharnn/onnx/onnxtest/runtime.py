"""Runs a model's segments, carrying its state. What came out goes to a file of
float32, and where it lies there to the standard output as JSON."""
import json
import sys

import numpy as np
import onnx
import onnxruntime

with open(sys.argv[1]) as f:
    plan = json.load(f)
onnx.checker.check_model(plan["model"], full_check=True)
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1  # the models are small
session = onnxruntime.InferenceSession(plan["model"], options, providers=["CPUExecutionProvider"])
names = [o.name for o in session.get_outputs()]


def kept(x):
    at = numbers.tell() // 4
    numbers.write(x.tobytes())
    return {"shape": x.shape, "at": at}


def run(batch, segments):
    state = {}
    for i in session.get_inputs():
        if i.name != "tokens":
            shape = [batch if d == "batch" else 0 if d == "memory" else d for d in i.shape]
            state[i.name] = np.zeros(shape, np.float32)
    logits = []
    for ids in segments:
        tokens = np.array(ids, np.int64).reshape(-1, batch)
        out = dict(zip(names, session.run(names, {"tokens": tokens, **state})))
        logits.append(kept(out["logits"]))
        state = {name: out["next." + name] for name in state}
    return {"logits": logits, "state": {name: kept(x) for name, x in state.items()}}


with open(sys.argv[2], "wb") as numbers:
    json.dump([run(r["batch"], r["segments"]) for r in plan["runs"]], sys.stdout)
