"""Prints what TensorBoard finds in a folder of event files, as JSON."""

import json
import sys

from tensorboard.backend.event_processing import event_accumulator

everything = {"scalars": 0, "tensors": 0}
log = event_accumulator.EventAccumulator(sys.argv[1], size_guidance=everything)
log.Reload()
tags = log.Tags()
result = {
    "scalars": {
        tag: [{"step": e.step, "value": e.value, "wall": e.wall_time} for e in log.Scalars(tag)]
        for tag in tags["scalars"]
    },
    "texts": {
        tag: [{"step": e.step, "text": e.tensor_proto.string_val[0].decode()} for e in log.Tensors(tag)]
        for tag in tags["tensors"]
        if log.SummaryMetadata(tag).plugin_data.plugin_name == "text"
    },
}
json.dump(result, sys.stdout)
