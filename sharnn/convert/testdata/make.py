"""Makes the files that the tests read, with the reference program's own modules.

    python make.py PATH-OF-SHA-RNN

Made with PyTorch 1.13 and Smerity/sha-rnn at 218d748. apex, whose layer norm the
program imports, is stood in for by PyTorch's own.
"""
import json
import sys
import types

import torch

apex = types.ModuleType("apex.normalization.fused_layer_norm")
apex.FusedLayerNorm = torch.nn.LayerNorm
sys.modules["apex"] = types.ModuleType("apex")
sys.modules["apex.normalization"] = types.ModuleType("apex.normalization")
sys.modules[apex.__name__] = apex
sys.path.insert(0, sys.argv[1])

from model import SHARNN  # noqa: E402
from splitcross import SplitCrossEntropyLoss  # noqa: E402

torch.manual_seed(1)
splits = [3, 5]
model = SHARNN("LSTM", 7, 4, 9, 3, tie_weights=True).eval()
criterion = SplitCrossEntropyLoss(4, splits=splits)
with torch.no_grad():
    for p in list(model.parameters()) + list(criterion.parameters()):
        p.normal_(std=0.5)

torch.save(model.state_dict(), "state.pt")
torch.save([model.state_dict(), criterion.state_dict()], "both_legacy.pt", _use_new_zipfile_serialization=False)
torch.save([model, criterion], "whole.pt")

ids = torch.tensor([[0, 1], [2, 3], [4, 5], [6, 0], [1, 6], [5, 5], [3, 2]])  # (T, B)
hidden = mems = None
answer = {"ids": ids.tolist(), "cut": 4, "splits": splits, "logits": [], "logprob": []}
with torch.no_grad():
    for segment in (ids[:4], ids[4:]):
        h, hidden, mems = model(segment, hidden, mems=mems, return_h=False)
        answer["logits"] += model.decoder(h).flatten().tolist()
        answer["logprob"] += criterion.logprob(model.decoder.weight, model.decoder.bias, h.reshape(-1, 4)).flatten().tolist()
with open("answer.json", "w") as f:
    json.dump(answer, f)
    f.write("\n")
