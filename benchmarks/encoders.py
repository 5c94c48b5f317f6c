"""Tokens a second of two encoders: padded, eager and float32 against ours, in one process.

    python benchmarks/encoders.py [--quick] [--sequences N]

Random weights in the published sizes of NT-v2-50m and DNABERT-2; sequences of 100 to 1000 bases.
Baseline: batches of 16 in the order given, all padded to the longest sequence of the set, nothing
packed (`Grid.of` is replaced), attention written out as softmax(Q K' / sqrt(d) + bias) V in float32
(torch's function is replaced, here only). Ours: the batches that embedding makes, sorted by length
within a token budget, on the networks as they are; in float32 on a CPU, in bfloat16 on a GPU. The
weights are the same, and so are the hidden states: their largest difference is printed.

Prints one JSON object per measurement and, last, `ratio NAME VALUE`: our real tokens a second /
the baseline's. Batches of both are timed in turn, so that another load slows both; on a CPU that
others use too, the second ratio, of processor time, is the one to trust. The share of peak is
arithmetic on real tokens, over what a large matrix product reaches here in the same precision.
"""

import argparse
import contextlib
import copy
import json
import math
import time
from collections.abc import Callable
from functools import partial
from unittest import mock

import numpy as np
import torch
from torch import nn

from engine.embedding.batches import TOKEN_BUDGET
from engine.embedding.windows import length_batches
from engine.encoders import Encoder, load_encoder
from engine.encoders.base import TokenBatch
from engine.encoders.networks.packing import Grid
from engine.encoders.registry import best_device

ROWS = 16


def random_sequences(count, seed=0):
    """Random bases; lengths uniform from 100 to 1000."""
    rng = np.random.default_rng(seed)
    return ["".join(rng.choice([*"ACGT"], n)) for n in rng.integers(100, 1001, count)]


def eager_attention(query, key, value, attn_mask=None):
    """Attention as written in Vaswani et al. 2017, eq. 1; the mask is boolean or a bias."""
    scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])
    if attn_mask is not None and attn_mask.dtype == torch.bool:
        scores = scores.masked_fill(~attn_mask, torch.finfo(scores.dtype).min)
    elif attn_mask is not None:
        scores = scores + attn_mask
    return scores.softmax(-1) @ value


def unpacked(mask):
    """`Grid.of` without packing."""
    return Grid(*mask.shape, None, None if mask.all() else mask[:, None, None, :])


@contextlib.contextmanager
def padded_and_eager():
    """The networks without packing and without fused attention."""
    attention = "torch.nn.functional.scaled_dot_product_attention"
    with (
        mock.patch.object(Grid, "of", unpacked),
        mock.patch(attention, eager_attention),
    ):
        yield


def baseline_batches(encoder: Encoder, sequences) -> list[TokenBatch]:
    """Batches of `ROWS` in the order given, as long as the longest of all sequences."""
    tokens = encoder.tokenize(sequences)
    parts = zip(*(part.split(ROWS) for part in tokens), strict=True)
    return [TokenBatch(*(part.to(encoder.device) for part in batch)) for batch in parts]


def our_batches(encoder: Encoder, sequences) -> list[TokenBatch]:
    """Batches sorted by length, as embedding makes them."""
    lengths = np.array([len(sequence) for sequence in sequences]) * encoder.tokens_per_base + 2
    batches = (
        encoder.tokenize([sequences[row] for row in rows])
        for rows in length_batches(lengths, TOKEN_BUDGET[encoder.device.type])
    )
    return [TokenBatch(*(part.to(encoder.device) for part in batch)) for batch in batches]


def difference(encoder: Encoder, sequences) -> float:
    """Largest difference of the two ways' hidden states at tokens, in float32."""
    tokens = TokenBatch(*(part.to(encoder.device) for part in encoder.tokenize(sequences)))
    attended = tokens.attention_mask.bool()
    with padded_and_eager():
        expected = encoder(tokens.input_ids, tokens.attention_mask)[attended]
    found = encoder(tokens.input_ids, tokens.attention_mask)[attended]
    return (found - expected).abs().max().item()


def seconds(device, run: Callable[[], object]) -> np.ndarray:
    """Time of one run, the device's queue included; and processor time, of all threads."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    start = np.array([time.perf_counter(), time.process_time()])
    run()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return np.array([time.perf_counter(), time.process_time()]) - start


def peak(device, dtype, repeats=5) -> float:
    """FLOP/s of a large square matrix product, best of several."""
    size = 8192 if device.type == "cuda" else 2048
    left, right = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))
    best = min(seconds(device, lambda: left @ right)[0] for _ in range(repeats + 1))
    return 2 * size**3 / best


def arithmetic(encoder: Encoder, batches: list[TokenBatch]) -> float:
    """FLOP that real tokens need: two per weight of a linear layer, four H t per layer and token
    for the scores and the mixing of attention over t tokens.
    """
    linear = sum(m.weight.numel() for m in encoder.network.modules() if isinstance(m, nn.Linear))
    lengths = torch.cat([batch.attention_mask.sum(1) for batch in batches]).double()
    attention = 4 * encoder.depth * encoder.hidden_size * lengths.pow(2).sum()
    return float(2 * linear * lengths.sum() + attention)


def in_turn(device, ways: dict[str, tuple]) -> dict[str, np.ndarray]:
    """`seconds` of each way over all of its batches; a batch of one, then of the other.

    ``ways`` maps a name to the network, the batches and the context in which they run.
    """
    queue = []
    for name, (network, batches, context) in ways.items():
        steps = [
            partial(network, batch.input_ids, batch.attention_mask)
            for batch in (batches[-1], *batches)  # the first warms up
        ]
        with context():
            steps[0]()
        queue += [(n / len(batches), name, step, context) for n, step in enumerate(steps[1:])]
    total = {name: np.zeros(2) for name in ways}
    for _, name, step, context in sorted(queue, key=lambda item: item[:2]):
        with context():
            total[name] += seconds(device, step)
    return total


def compare(name: str, sequences) -> dict[str, float]:
    """Measure both ways and print them; the ratios."""
    encoder = load_encoder(name, weights="random", device=best_device())
    device = encoder.device
    apart = difference(encoder, sequences[:8])
    line = {"name": "difference", "encoder": name, "max_abs": float(f"{apart:.1e}")}
    print(json.dumps(line), flush=True)
    assert apart < 1e-4, "the two ways do not compute the same"
    dtype, network = torch.float32, encoder.network
    if device.type == "cuda":
        dtype, network = torch.bfloat16, copy.deepcopy(network).bfloat16()
    ways = {
        "baseline": (encoder.network, baseline_batches(encoder, sequences), padded_and_eager),
        "ours": (network, our_batches(encoder, sequences), contextlib.nullcontext),
    }
    peaks = {"baseline": peak(device, torch.float32), "ours": peak(device, dtype)}
    elapsed = in_turn(device, ways)
    for way, (_, batches, _) in ways.items():
        wall, processor = elapsed[way]
        real = sum(int(batch.attention_mask.sum()) for batch in batches)
        reached = arithmetic(encoder, batches) / wall
        line = {
            "name": way,
            "encoder": name,
            "device": device.type,
            "threads": torch.get_num_threads(),
            "dtype": "float32" if way == "baseline" else str(dtype).removeprefix("torch."),
            "sequences": len(sequences),
            "tokens": real,
            "padded_tokens": sum(batch.input_ids.numel() for batch in batches),
            "seconds": round(wall, 3),
            "cpu_seconds": round(processor, 3),
            "tokens_per_second": round(real / wall),
            "tflops": round(reached / 1e12, 4),
            "peak_tflops": round(peaks[way] / 1e12, 4),
            "share_of_peak": round(reached / peaks[way], 3),
        }
        print(json.dumps(line), flush=True)
    wall, processor = elapsed["baseline"] / elapsed["ours"]
    return {name: wall} if device.type == "cuda" else {name: wall, f"{name}_cpu_time": processor}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="under a minute on two cores")
    parser.add_argument("--sequences", type=int, help="512 on a CPU, 8192 on a GPU, 24 if quick")
    options = parser.parse_args()
    usual = 24 if options.quick else 8192 if best_device() == "cuda" else 512
    sequences = random_sequences(options.sequences or usual)
    ratios = {}
    with torch.inference_mode():
        for name in ("nt-v2-50m", "dnabert2"):
            ratios |= compare(name, sequences)
    for name, ratio in ratios.items():
        print(f"ratio encoders_{name} {ratio:.2f}")


if __name__ == "__main__":
    main()
