#!/usr/bin/env python3
"""Runs one of Tiller's benchmarks with OpenBLAS or PyTorch instead.

    reference.py probe               says which of the two are here
    reference.py probe-gpu           the same of PyTorch on a GPU
    reference.py LIBRARY BENCHMARK   LIBRARY is openblas or torch; BENCHMARK is
                                     a Go benchmark's name with its last part,
                                     threads=N or workers=N
    reference.py torch-gpu BENCHMARK a benchmark of gpu-check on a GPU

It prints a line as Go benchmarks do. The number of threads is set before a
library is loaded, so each setting takes a process of its own.
"""
import argparse
import ctypes
import ctypes.util
import math
import os
import random
import resource
import sys
import time

INSTALL = {
    "openblas": "apt install libopenblas0, or the like, or name the library in OPENBLAS",
    "torch": "python3 -m venv torchenv && torchenv/bin/pip install torch==1.13.1 'numpy<2' "
             "(newer Pythons: torch --index-url https://download.pytorch.org/whl/cpu), "
             "then PYTHON=torchenv/bin/python bench/compare",
}
SYMBOLS, SEGMENT, LAYERS = 205, 128, 4
GPT2 = {"124M": (12, 768, 12), "355M": (24, 1024, 16)}  # layers, width, heads


def set_threads(n):
    for name in "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS":
        os.environ[name] = str(n)


def host_peak():
    return f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == 'darwin' else 1024)} peak-bytes"


def timed(step, seconds, per_step, warm=2, wait=lambda: None, name=None, peak=host_peak):
    """Prints the mean time of step and, per second, each of per_step. wait ends
    what step began; peak is the most memory, in words."""
    for _ in range(warm):
        step()
    wait()
    n, start = 0, time.perf_counter()
    while True:
        step()
        n += 1
        if n % 8 == 0:
            wait()
        if time.perf_counter() - start >= seconds:
            break
    wait()
    elapsed = time.perf_counter() - start
    line = [f"Benchmark{name or args.benchmark.removeprefix('Benchmark')} {n} {elapsed / n * 1e9:.0f} ns/op"]
    line += [f"{amount * n / elapsed:.6g} {unit}" for unit, amount in per_step.items()]
    print(" ".join(line), peak())


# OpenBLAS, by way of its C interface.

def load_openblas():
    names = [os.environ.get("OPENBLAS"), ctypes.util.find_library("openblas"), "libopenblas.so.0", "libopenblas.dylib"]
    for name in filter(None, names):
        try:
            lib = ctypes.CDLL(name)
            lib.openblas_get_config.restype = ctypes.c_char_p
            return lib
        except (OSError, AttributeError):
            continue
    return None


def drawn(n):
    """n random float32, 64-byte aligned."""
    memory = ctypes.create_string_buffer(4 * n + 64)
    floats = (ctypes.c_float * n).from_buffer(memory, -ctypes.addressof(memory) % 64)
    some = (ctypes.c_float * 4099)(*(random.gauss(0, 1) for _ in range(4099)))
    for at in range(0, n, len(some)):
        ctypes.memmove(ctypes.addressof(floats) + 4 * at, some, 4 * min(len(some), n - at))
    return floats


def sgemm(lib, m, k, n, transposed, seconds):
    """C (m, n) = A (m, k) B, with B stored (n, k) where transposed."""
    a, b, c = drawn(m * k), drawn(k * n), drawn(m * n)
    row_major, no, yes, one, zero = 101, 111, 112, ctypes.c_float(1), ctypes.c_float(0)

    def step():
        lib.cblas_sgemm(row_major, no, yes if transposed else no, m, n, k, one, a, k,
                        b, k if transposed else n, zero, c, n)
    timed(step, seconds, {"GFLOP/s": 2e-9 * m * k * n})


def openblas(name, fields, seconds):
    lib = load_openblas()
    if lib is None:
        sys.exit("no OpenBLAS: " + INSTALL["openblas"])
    shape = [int(d) for d in fields["shape"].split("x")]
    sgemm(lib, *shape, name == "Resident", seconds)


# PyTorch. The modules are made by a function, as torch is loaded late.

def modules(torch, rate=0):
    from torch import nn
    from torch.nn import functional as F

    class Attention(nn.Module):
        def __init__(self, width):
            super().__init__()
            self.qs, self.ks, self.vs = (nn.Parameter(torch.zeros(width)) for _ in range(3))
            self.q, self.qln, self.drop = nn.Linear(width, width), nn.LayerNorm(width, eps=1e-12), nn.Dropout(rate)
            self.vq = nn.Linear(width, 2 * width)

        def forward(self, h, rows, mask):  # (T, B, H), (S, B, H), (T, S)
            content, gate = self.vq(torch.sigmoid(self.vs)).chunk(2)
            q = torch.sigmoid(self.qs) * self.qln(self.q(h))
            k, v = torch.sigmoid(self.ks) * rows, torch.sigmoid(gate) * torch.tanh(content) * rows
            q, k, v = (x.transpose(0, 1) for x in (self.drop(q), k, self.drop(v)))
            scores = torch.baddbmm(mask, q, k.transpose(1, 2), alpha=1 / math.sqrt(h.shape[-1]))
            return torch.bmm(self.drop(F.softmax(scores, -1)), v).transpose(0, 1)

    class Block(nn.Module):
        def __init__(self, width, hidden, attends):
            super().__init__()
            self.lnstart, self.lnmid, self.lnmem, self.lnff, self.lnxff = (nn.LayerNorm(width, eps=1e-12) for _ in range(5))
            self.rnn, self.linear1 = nn.LSTM(width, width), nn.Linear(width, hidden)
            self.attn = Attention(width) if attends else None
            self.drop = nn.Dropout(rate)

        def forward(self, h, state, memory, mask):
            h, state = self.rnn(self.lnstart(h), state)
            h = self.drop(h)
            if self.attn is not None:
                own = self.lnmem(h)
                rows = own if memory is None else torch.cat([memory, own])
                h = self.lnmid(h)
                h = h + self.drop(self.attn(h, rows, mask))
                memory = None if memory is None else rows[-len(memory):].detach()
            u = self.linear1(self.lnxff(h))
            u = self.drop(u * torch.sigmoid(1.702 * u))
            boom = self.drop(u.view(*u.shape[:-1], -1, h.shape[-1]).sum(-2))
            return boom + self.lnff(h), [s.detach() for s in state], memory

    class Model(nn.Module):
        def __init__(self, width):
            super().__init__()
            self.encoder = nn.Embedding(SYMBOLS, width)
            self.blocks = nn.ModuleList(Block(width, 4 * width, i == LAYERS - 2) for i in range(LAYERS))
            self.bias, self.drop = nn.Parameter(torch.zeros(SYMBOLS)), nn.Dropout(rate)
            for m in self.modules():
                if isinstance(m, (nn.Linear, nn.Embedding)):
                    nn.init.normal_(m.weight, std=0.1 / math.sqrt(width))

        def forward(self, ids, states, memory):
            """ids (T, B); memory (M, B, H), whose length stays, or None."""
            n, past = len(ids), 0 if memory is None else len(memory)
            h, after = self.drop(self.encoder(ids)), []
            mask = torch.full((n, past + n), -math.inf, dtype=h.dtype, device=h.device).triu(1 + past)
            for block, state in zip(self.blocks, states):
                h, state, m = block(h, state, memory, mask)
                after.append(state)
                memory = m if block.attn is not None else memory
            return F.linear(self.drop(h), self.encoder.weight, self.bias), after, memory

    return Model


class LAMB:
    """You et al., arXiv 1904.00962 v3, without weight decay; |p| at most 10."""
    def __init__(self, torch, params, rate, beta1=0.9, beta2=0.999, eps=1e-6):
        self.torch, self.rate, self.beta1, self.beta2, self.eps = torch, rate, beta1, beta2, eps
        self.state = [(p, torch.zeros_like(p), torch.zeros_like(p)) for p in params]

    def step(self):
        with self.torch.no_grad():
            for p, m, v in self.state:
                if p.grad is None:
                    continue
                m.mul_(self.beta1).add_(p.grad, alpha=1 - self.beta1)
                v.mul_(self.beta2).addcmul_(p.grad, p.grad, value=1 - self.beta2)
                u = m / v.sqrt().add_(self.eps)
                weight, adam = min(p.norm().item(), 10), u.norm().item()
                p.add_(u, alpha=-self.rate * (weight / adam if weight and adam else 1))


def train(torch, fields, seconds):
    width, rows, batch = int(fields["emsize"]), int(fields["rows"]), int(fields["B"])
    model = modules(torch)(width)
    params = list(model.parameters())
    optimizer = LAMB(torch, params, 0.002)
    ids = torch.randint(SYMBOLS, (SEGMENT + 1, batch))
    states, memory = [None] * LAYERS, torch.randn(rows, batch, width) if rows else None

    def step():
        nonlocal states, memory
        logits, states, memory = model(ids[:-1], states, memory)
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), ids[1:].flatten())
        for p in params:
            p.grad = None
        loss.backward()
        torch.nn.utils.clip_grad_norm_(params, 0.25)
        optimizer.step()
    timed(step, seconds, {"tokens/s": SEGMENT * batch})


def decode(torch, fields, seconds):
    width, rows = int(fields["emsize"]), int(fields["rows"])
    model = modules(torch)(width).eval()
    states, memory = [None] * LAYERS, torch.randn(rows, 1, width) if rows else None
    symbol = torch.zeros(1, 1, dtype=torch.long)

    def step():
        nonlocal states, memory, symbol
        logits, states, memory = model(symbol, states, memory)
        p = torch.softmax(logits[0], -1)
        symbol = torch.multinomial(p, 1)
    with torch.inference_mode():
        timed(step, seconds, {"tokens/s": 1})


def lstm(torch, fields, seconds):
    """Forward and backward, with the gradients of input, state and weights."""
    n, steps, batch = int(fields["H"]), 256, 16
    rnn = torch.nn.LSTM(n, n)
    x, dy = torch.randn(steps, batch, n, requires_grad=True), torch.randn(steps, batch, n)
    h, c = (torch.randn(1, batch, n, requires_grad=True) for _ in range(2))

    def step():
        for p in [x, h, c, *rnn.parameters()]:
            p.grad = None
        rnn(x, (h, c))[0].backward(dy)
    timed(step, seconds, {"GFLOP/s": 6 * 2e-9 * steps * batch * 4 * n * n}, warm=1)


def lstm_lm(torch, fields, seconds):
    symbols, width, batch = 96, int(fields["H"]), int(fields["B"])
    encoder, rnn, decoder = torch.nn.Embedding(symbols, width), torch.nn.LSTM(width, width), torch.nn.Linear(width, symbols)
    optimizer = torch.optim.Adam([*encoder.parameters(), *rnn.parameters(), *decoder.parameters()], lr=0.001)
    ids = torch.randint(symbols, (SEGMENT + 1, batch))

    def step():
        logits = decoder(rnn(encoder(ids[:-1]))[0])
        optimizer.zero_grad(set_to_none=True)
        torch.nn.functional.cross_entropy(logits.flatten(0, 1), ids[1:].flatten()).backward()
        optimizer.step()
    timed(step, seconds, {"tokens/s": SEGMENT * batch})


def gpt2(torch, layers, width, heads, vocabulary=50257, positions=1024):
    """A GPT-2 of random, constant weights, which reads one token of each sample."""
    from torch import nn
    from torch.nn import functional as F

    def attend(q, k, v):  # (B, heads, T, H/heads), and of k and v S rows
        first = k.shape[2] - q.shape[2]
        if hasattr(F, "scaled_dot_product_attention") and (first == 0 or q.shape[2] == 1):
            return F.scaled_dot_product_attention(q, k, v, is_causal=q.shape[2] > 1)  # PyTorch 2
        scores = q @ k.transpose(2, 3) / math.sqrt(width // heads)
        if q.shape[2] > 1:
            scores = scores + torch.full_like(scores[0, 0], -math.inf).triu(1 + first)
        return F.softmax(scores, -1) @ v

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.ln1, self.qkv, self.mix = nn.LayerNorm(width), nn.Linear(width, 3 * width), nn.Linear(width, width)
            self.ln2, self.inner, self.outer = nn.LayerNorm(width), nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

        def forward(self, x, past):  # (B, T, H), keys and values (2, B, heads, S, H/heads)
            qkv = self.qkv(self.ln1(x)).view(*x.shape[:2], 3, heads, width // heads).permute(2, 0, 3, 1, 4)
            past = torch.cat([past.to(qkv.dtype), qkv[1:]], 3)
            x = x + self.mix(attend(qkv[0], *past).transpose(1, 2).flatten(2))
            return x + self.outer(F.gelu(self.inner(self.ln2(x)), approximate="tanh")), past

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.tokens, self.positions = nn.Embedding(vocabulary, width), nn.Embedding(positions, width)
            self.blocks, self.norm = nn.ModuleList(Block() for _ in range(layers)), nn.LayerNorm(width)
            for p in self.parameters():
                p.requires_grad_(False)
                if p.dim() == 2:
                    nn.init.normal_(p, std=0.02)

        def start(self, batch):
            return [self.norm.weight.new_zeros(2, batch, heads, 0, width // heads)] * layers

        def forward(self, ids, past):  # (B), of each layer (2, B, heads, S, H/heads)
            return self.read(ids[:, None], past)

        def read(self, ids, past):  # (B, T): the logits after the last
            first = past[0].shape[3]
            x, after = self.tokens(ids) + self.positions.weight[first:first + ids.shape[1]], []
            for block, rows in zip(self.blocks, past):
                x, rows = block(x, rows)
                after.append(rows)
            return F.linear(self.norm(x[:, -1]), self.tokens.weight), after

    return Model()


def perturb(torch, model, ids, past, plain, bag, window=5, iterations=3, size=0.03, gamma=1.5, kl=0.01):
    """Dathathri et al., arXiv 1912.02164 v4, section 3.2: moves the past's first
    rows to raise the probability of the bag's tokens; plain is (B, V)."""
    moves, norms = [torch.zeros_like(rows[..., :window, :]) for rows in past], [plain.new_full((1, 1, 1, 1), 1e-15)] * len(past)
    for i in range(iterations + 1):
        moves = [m.requires_grad_() for m in moves]
        moved = [torch.cat([rows[..., :window, :] + m, rows[..., window:, :]], 3) for rows, m in zip(past, moves)]
        if i == iterations:
            return [rows.detach() for rows in moved]
        p = torch.softmax(model(ids, moved)[0].float(), -1)
        loss = -p[:, bag].sum(-1).log().sum() + kl * (p * (p / plain).log()).sum()
        grads = torch.autograd.grad(loss, moves)
        norms = [torch.maximum(n, g.float().pow(2).sum((0, 2, 3, 4), keepdim=True).sqrt()) for g, n in zip(grads, norms)]
        moves = [(m - size * g / n ** gamma).to(m.dtype).detach() for m, g, n in zip(moves, grads, norms)]


def sample(torch, fields, seconds):
    generate(torch, fields, seconds, False)


def steer(torch, fields, seconds):
    generate(torch, fields, seconds, True)


def generate(torch, fields, seconds, steered, prompt=8, length=100, fused=0.99, top=10):
    if fields["dtype"] != "float32":
        sys.exit("float32 alone")
    batch, bag = int(fields["B"]), torch.arange(1000, 41000, 1000)
    model = gpt2(torch, *GPT2[fields["model"]])
    plain = moved = ids = None

    def step():
        nonlocal plain, moved, ids
        if plain is None or plain[0].shape[3] == prompt + length:
            ids, plain = torch.zeros(batch, dtype=torch.long), model.start(batch)
            for _ in range(prompt - 1):
                plain = model(ids, plain)[1]
            moved = plain
        logits, after = model(ids, plain)
        p = torch.softmax(logits, -1)
        if steered:
            with torch.enable_grad():
                moved = perturb(torch, model, ids, moved, p, bag)
            logits, moved = model(ids, moved)
            p = torch.softmax(logits, -1) ** fused * p ** (1 - fused)
        most, at = p.topk(top)
        ids, plain = at.gather(1, torch.multinomial(most, 1))[:, 0], after
    with torch.no_grad():
        timed(step, seconds, {"tokens/s": batch})


# PyTorch on a GPU, in the types that people work in.

class Device:
    """Where and in which type work is done. On a CPU it tries this program out."""
    def __init__(self, torch, kind, dtype):
        self.torch, self.kind = torch, kind
        self.compiled = dtype.endswith("-compiled")
        self.half = {"fp16": torch.float16, "bf16": torch.bfloat16}.get(dtype.removesuffix("-compiled"))
        # What stays float32 beside halves may take the quicker way too.
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = dtype != "float32"

    def wait(self):
        if self.kind == "cuda":
            self.torch.cuda.synchronize()

    def autocast(self):
        return self.torch.autocast(self.kind, dtype=self.half or self.torch.bfloat16, enabled=self.half is not None)

    def constant(self, module):
        """module for inference: of halves, where that is the type."""
        return module.to(self.half) if self.half else module

    def compile(self, module):
        return self.torch.compile(module) if self.compiled else module

    def peak(self):
        return f"{self.torch.cuda.max_memory_reserved() / 2**30:.4g} GiB" if self.kind == "cuda" else host_peak()

    def timed(self, step, seconds, tokens, warm=5):
        timed(step, seconds, {"tokens/s": tokens}, warm=warm, wait=self.wait, peak=self.peak,
              name="Torch" + args.benchmark.removeprefix("Benchmark"))


def gpu_lstm(torch, device, fields, seconds):
    n, steps, batch = int(fields["H"]), int(fields["T"]), int(fields["B"])
    rnn = torch.nn.LSTM(n, n).to(device.kind)
    x = torch.randn(steps, batch, n, device=device.kind, requires_grad=True)
    h, c = (torch.zeros(1, batch, n, device=device.kind, requires_grad=True) for _ in range(2))
    params = [x, h, c, *rnn.parameters()]

    def step():
        for p in params:
            p.grad = None
        with device.autocast():
            loss = rnn(x, (h, c))[0].sum()
        loss.backward()
    device.timed(step, seconds, steps * batch)


def gpu_train(torch, device, fields, seconds):
    """The paper's model and recipe: dropout, clipping, LAMB with fused norms."""
    width, rows, steps, batch = (int(fields[k]) for k in ("emsize", "rows", "T", "B"))
    model = modules(torch, 0.1)(width).to(device.kind)
    params = list(model.parameters())
    optimizer = FusedLAMB(torch, params, 0.002)
    run = device.compile(model)
    ids = torch.randint(SYMBOLS, (steps + 1, batch), device=device.kind)
    x, y = ids[:-1], ids[1:].flatten()
    states = [tuple(torch.zeros(1, batch, width, device=device.kind) for _ in range(2)) for _ in range(LAYERS)]
    memory = torch.randn(rows - steps, batch, width, device=device.kind)

    def step():
        nonlocal states, memory
        with device.autocast():
            logits, states, memory = run(x, states, memory)
            loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1).float(), y)
        for p in params:
            p.grad = None
        loss.backward()
        torch.nn.utils.clip_grad_norm_(params, 0.25)
        optimizer.step()
    device.timed(step, seconds, steps * batch)


def gpu_decode(torch, device, fields, seconds):
    """One symbol after another, each read before the next is drawn."""
    width, rows = int(fields["emsize"]), int(fields["rows"])
    model = device.constant(modules(torch)(width).to(device.kind).eval())
    run, dtype = device.compile(model), model.bias.dtype
    states = [tuple(torch.zeros(1, 1, width, dtype=dtype, device=device.kind) for _ in range(2)) for _ in range(LAYERS)]
    memory = torch.randn(rows, 1, width, dtype=dtype, device=device.kind)
    symbol = torch.zeros(1, 1, dtype=torch.long, device=device.kind)

    def step():
        nonlocal states, memory, symbol
        logits, states, memory = run(symbol, states, memory)
        symbol = torch.multinomial(torch.softmax(logits[0].float(), -1), 1)
    with torch.no_grad():
        device.timed(step, seconds, 1)


class FusedLAMB(LAMB):
    """LAMB without a wait for the device, and many tensors in a call."""
    def step(self):
        torch, each = self.torch, [(p, m, v) for p, m, v in self.state if p.grad is not None]
        with torch.no_grad():
            ps, ms, vs = map(list, zip(*each))
            gs = [p.grad for p in ps]
            torch._foreach_mul_(ms, self.beta1)
            torch._foreach_add_(ms, gs, alpha=1 - self.beta1)
            torch._foreach_mul_(vs, self.beta2)
            torch._foreach_addcmul_(vs, gs, gs, 1 - self.beta2)
            roots = torch._foreach_sqrt(vs)
            torch._foreach_add_(roots, self.eps)
            us = torch._foreach_div(ms, roots)
            weights, adams = torch.stack(torch._foreach_norm(ps)), torch.stack(torch._foreach_norm(us))
            trust = torch.where((weights > 0) & (adams > 0), weights.clamp(max=10) / adams, torch.ones_like(adams))
            for p, u, factor in zip(ps, us, (-self.rate * trust).unbind()):
                p.addcmul_(u, factor)


def gpu_steer(torch, device, fields, seconds, prompt=8, length=100, top=10, fused=0.99):
    """The reference program's way: the whole text is read again for each token,
    to have its past and what the model says unsteered."""
    sizes = dict(GPT2, tiny=(2, 32, 2))
    layers, width, heads = sizes[fields["model"]]
    small = {"vocabulary": 1000, "positions": 128} if fields["model"] == "tiny" else {}
    model = device.constant(gpt2(torch, layers, width, heads, **small).to(device.kind))
    bag, ids = torch.arange(1, 41, device=device.kind) * (len(model.tokens.weight) // 41), None

    def step():
        nonlocal ids
        if ids is None or ids.shape[1] == prompt + length:
            ids = torch.zeros(1, prompt, dtype=torch.long, device=device.kind)
        past = model.read(ids[:, :-1], model.start(1))[1]
        logits = model.read(ids, model.start(1))[0]
        p = torch.softmax(logits.float(), -1)
        with torch.enable_grad():
            moved = perturb(torch, model, ids[:, -1], past, p, bag)
        logits = model(ids[:, -1], moved)[0]
        p = torch.softmax(logits.float(), -1) ** fused * p ** (1 - fused)
        most, at = p.topk(top)
        ids = torch.cat([ids, at.gather(1, torch.multinomial(most, 1))], 1)
    with torch.no_grad():
        device.timed(step, seconds, 1)


def run_torch_gpu(name, fields, seconds, kind):
    torch = load_torch()
    if torch is None:
        sys.exit("no PyTorch: pip install torch")
    torch.manual_seed(1)
    device = Device(torch, kind, fields["dtype"])
    {"GPULSTM": gpu_lstm, "GPUTrain": gpu_train, "GPUDecode": gpu_decode, "GPUSteer": gpu_steer}[name](torch, device, fields, seconds)


def probe_gpu():
    torch = load_torch()
    if torch is None or not torch.cuda.is_available():
        sys.exit("no PyTorch" if torch is None else f"PyTorch {torch.__version__} sees no GPU")
    print("torch:", torch.__version__ + ", CUDA", torch.version.cuda, "cuDNN", torch.backends.cudnn.version(), torch.cuda.get_device_name())


def load_torch():
    try:
        import torch
    except ImportError:
        return None
    return torch


def run_torch(name, fields, seconds):
    torch = load_torch()
    if torch is None:
        sys.exit("no PyTorch: " + INSTALL["torch"])
    torch.set_num_threads(int(fields["threads"]))
    torch.manual_seed(1)
    {"Train": train, "Decode": decode, "LSTM": lstm, "LSTMLM": lstm_lm, "Sample": sample, "Steer": steer}[name](torch, fields, seconds)


def probe():
    lib, torch = load_openblas(), load_torch()
    if lib is not None:
        print("openblas:", lib.openblas_get_config().decode())
    if torch is not None:
        features = [s.strip(" -") for s in torch.__config__.show().splitlines() if "Math Kernel" in s or "BLAS" in s or "capability" in s]
        print("torch:", torch.__version__ + ";", "; ".join(s for s in features if len(s) < 120))
    for name, found in ("openblas", lib), ("torch", torch):
        if found is None:
            print(f"{name} is not here: {INSTALL[name]}", file=sys.stderr)


def parse(benchmark):
    """The name without "Benchmark", and the fields of its parts."""
    name, *parts = benchmark.removeprefix("Benchmark").split("/")
    fields = dict(p.split("=") if "=" in p else ("shape", p) for p in parts)
    fields.setdefault("threads", fields.get("workers"))
    return name, fields


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("library", choices=["probe", "probe-gpu", "openblas", "torch", "torch-gpu"])
    parser.add_argument("benchmark", nargs="?", default="")
    parser.add_argument("-seconds", type=float, default=1, help="measure for at least so long")
    parser.add_argument("-device", default="cuda", help="of torch-gpu: cpu tries it out")
    args = parser.parse_args()
    if args.library == "probe":
        probe()
    elif args.library == "probe-gpu":
        probe_gpu()
    elif args.library == "torch-gpu":
        name, fields = parse(args.benchmark)
        run_torch_gpu(name, fields, args.seconds, args.device)
    else:
        name, fields = parse(args.benchmark)
        set_threads(fields["threads"])
        random.seed(1)
        (openblas if args.library == "openblas" else run_torch)(name, fields, args.seconds)
