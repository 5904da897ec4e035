"""Makes the files that the tests read. Made with PyTorch 1.13."""
import collections
import torch

base = torch.arange(12, dtype=torch.float32) - 5.5
numbers = [1.5, -2.25, 0, 65504]
tensors = collections.OrderedDict(
    f64=torch.tensor(numbers, dtype=torch.float64),
    f32=torch.tensor(numbers),
    f16=torch.tensor(numbers).half(),
    bf16=torch.tensor(numbers).bfloat16(),
    i64=torch.tensor([1, -2, 3]),
    i32=torch.tensor([1, -2, 3], dtype=torch.int32),
    i16=torch.tensor([1, -2, 3], dtype=torch.int16),
    i8=torch.tensor([1, -2, 3], dtype=torch.int8),
    u8=torch.tensor([1, 254, 3], dtype=torch.uint8),
    bool=torch.tensor([True, False]),
    scalar=torch.tensor(3.0),
    empty=torch.zeros(0, 3),
    whole=base.view(3, 4),
    transposed=base.view(3, 4).t(),
    part=base.view(3, 4)[1:, 1:3],
    column=base.view(3, 4)[:, 2:3],
    parameter=torch.nn.Parameter(torch.ones(2)),
    inner={"epoch": 7, 3: [torch.zeros(1), "text", (torch.ones(1), 10**12, 0.5, None)]},
)
torch.save(tensors, "zip.pt")
torch.save(tensors, "legacy.pt", _use_new_zipfile_serialization=False)
torch.save(torch.nn.Linear(1, 1), "module.pt")
torch.save({"a": torch.ones(1)}, "protocol4.pt", pickle_protocol=4)
torch.save(torch.ones(1), "bare.pt")
