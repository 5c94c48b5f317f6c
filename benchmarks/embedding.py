"""Rows a second of the embedding stage against the way the original study embeds.

    python benchmarks/embedding.py [--quick] [--rows N]

Random weights in the published sizes of NT-v2-50m and DNABERT-2; sequences as long as those of real
tasks (41 to 1,000 bases), in random order. Baseline, after Feng et al. 2024: every sequence padded
to one length, batches of 256 in the order given, float32, written-out attention over the whole
grid, one pass for each pooling, CSV out. The one length is that of the longest sequence here, which
is kind to the baseline: padding='max_length' pads to the tokenizer's limit (512 tokens or more),
and that is measured too, on a part. Ours: `engine.embedding.embed.embed_shards` into the store, all
poolings from one pass; float32 on a CPU, bfloat16 on a GPU. Both ways run in turn, portion by
portion. Their vectors agree; the largest difference is printed.

Prints one JSON object per measurement and, last, `ratio NAME VALUE`: rows a second of ours / of the
baseline. On a GPU also the share of the measured peak for the shape of DNABERT-2 at 512 tokens.
"""

import argparse
import json
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from encoders import arithmetic, padded_and_eager, peak, seconds

from engine.embedding.batches import TOKEN_BUDGET
from engine.embedding.embed import Recipe, embed_shards
from engine.embedding.pooling import pool
from engine.embedding.stored import PRECISION, named
from engine.encoders import Encoder, load_encoder
from engine.encoders.base import TokenBatch
from engine.encoders.registry import best_device
from engine.store import Store

LENGTHS = (41, 70, 81, 101, 200, 251, 300, 398, 500, 600, 1000)
POOLINGS = ("summary", "mean", "max")
BATCH = 256
MAX_LENGTH = 512


@dataclass
class Clock:
    """Wall and processor seconds of a way, and the rows it did."""

    wall: float = 0.0
    processor: float = 0.0
    rows: int = 0

    def add(self, device, rows, run):
        """Time a run; its value."""
        kept = []
        wall, processor = seconds(device, lambda: kept.append(run()))
        self.wall, self.processor, self.rows = (
            self.wall + wall,
            self.processor + processor,
            self.rows + rows,
        )
        return kept[0]


def random_sequences(count, seed=0):
    """Random bases, as long as those of real tasks."""
    rng = np.random.default_rng(seed)
    return ["".join(rng.choice([*"ACGT"], n)) for n in rng.choice(LENGTHS, count)]


def widened(tokens: TokenBatch, width) -> TokenBatch:
    """A batch padded further to a width."""
    more = max(0, width - tokens.input_ids.shape[1])
    fill = (0, 0, 1)
    return TokenBatch(
        *(
            torch.nn.functional.pad(part, (0, more), value=value)
            for part, value in zip(tokens, fill, strict=True)
        )
    )


def original_way(encoder: Encoder, sequences, pooling, width, folder: Path):
    """One pooling of all sequences, padded to one width, into a CSV file."""
    vectors = []
    with padded_and_eager():
        for start in range(0, len(sequences), BATCH):
            tokens = widened(encoder.tokenize(sequences[start : start + BATCH]), width)
            tokens = TokenBatch(*(part.to(encoder.device) for part in tokens))
            hidden = encoder(tokens.input_ids, tokens.attention_mask)
            masks = tokens.attention_mask, tokens.special_tokens_mask
            vectors.append(pool(hidden, *masks, pooling, encoder.summary_index).cpu().numpy())
    found = np.concatenate(vectors)
    pd.DataFrame(found).to_csv(folder / f"{pooling}.csv", index=False)
    return found


def our_way(encoder: Encoder, sequences, poolings, store: Store, key):
    """All poolings of all sequences into the store, as the stage does it."""
    draft = store.draft(key)
    for shard in embed_shards(encoder, sequences, Recipe(tuple(poolings))):
        draft.add(shard.number, shard.rows, named(shard))
    draft.finish(len(sequences), {})
    return store.load(key)


def compare(name, count, portion):
    """Measure both ways over portions of the sequences and print them; the ratios."""
    kind = best_device()
    baseline = load_encoder(name, weights="random", device=kind)
    ours = load_encoder(name, weights="random", device=kind, dtype=PRECISION[kind])
    device = ours.device
    sequences = random_sequences(count)
    width = max(len(ids) for ids in baseline.tokenize([max(sequences, key=len)]).input_ids)
    ways = ("original, mean", "original, 3 poolings", "ours, mean", "ours, 3 poolings")
    long_ways = tuple(f"{way}, {MAX_LENGTH} tokens" for way in ways[:2])
    clocks = {way: Clock() for way in (*ways, *long_ways)}
    apart = 0.0
    with tempfile.TemporaryDirectory() as folder, torch.inference_mode():
        store = Store(Path(folder) / "store")
        out = Path(folder)
        our_way(ours, sequences[:8], POOLINGS, store, "warm")
        for start in range(0, count, portion):
            part = sequences[start : start + portion]
            rows = len(part)
            mean = clocks["original, mean"].add(
                device, rows, lambda part=part: original_way(baseline, part, "mean", width, out)
            )
            found = clocks["ours, mean"].add(
                device,
                rows,
                lambda part=part, start=start: our_way(ours, part, ["mean"], store, f"m{start}"),
            )
            apart = max(apart, float(np.abs(found["mean@-1"] - mean).max()))
            clocks["ours, 3 poolings"].add(
                device,
                rows,
                lambda part=part, start=start: our_way(ours, part, POOLINGS, store, f"a{start}"),
            )
            clocks["original, 3 poolings"].add(
                device,
                rows,
                lambda part=part: [original_way(baseline, part, p, width, out) for p in POOLINGS],
            )
        few = sequences[: max(8, portion // 8)]
        for way, poolings in zip(long_ways, (["mean"], POOLINGS), strict=True):
            clocks[way].add(
                device,
                len(few),
                lambda poolings=poolings: [
                    original_way(baseline, few, p, MAX_LENGTH, out) for p in poolings
                ],
            )
    for way, clock in clocks.items():
        line = {
            "name": way,
            "encoder": name,
            "device": device.type,
            "threads": torch.get_num_threads(),
            "rows": clock.rows,
            "padded_to": MAX_LENGTH if way in long_ways else width if "original" in way else None,
            "seconds": round(clock.wall, 3),
            "cpu_seconds": round(clock.processor, 3),
            "rows_per_second": round(clock.rows / clock.wall, 2),
        }
        print(json.dumps(line), flush=True)
    print(json.dumps({"name": "difference", "encoder": name, "max_abs": float(f"{apart:.1e}")}))
    one, three, mine, all_mine, long_one, long_three = clocks.values()
    of = {
        "one": (one, mine),
        "three": (three, all_mine),
        "one_max_length": (long_one, mine),
        "three_max_length": (long_three, all_mine),
    }
    ratios = {}
    for label, (slow, fast) in of.items():
        ratios[f"{name}_{label}"] = slow.wall / slow.rows * fast.rows / fast.wall
        if device.type == "cpu":
            ratios[f"{name}_{label}_cpu_time"] = (
                slow.processor / slow.rows * fast.rows / fast.processor
            )
    return ratios


def share_of_peak(tokens=512):
    """Share of the card's measured bf16 peak, DNABERT-2's shape, full batches, whole stage."""
    encoder = load_encoder("dnabert2", weights="random", device="cuda", dtype="bfloat16")
    bases = "ACGTT" * (tokens - 2)
    rows = 32 * TOKEN_BUDGET["cuda"] // tokens
    sequences = [bases[i % 5 :] + bases[: i % 5] for i in range(rows)]
    list(embed_shards(encoder, sequences[:256], Recipe()))
    clock = Clock()
    clock.add(encoder.device, rows, lambda: list(embed_shards(encoder, sequences, Recipe())))
    flop = arithmetic(encoder, [encoder.tokenize(sequences[:64])]) / 64 * rows
    reached, top = flop / clock.wall, peak(encoder.device, torch.bfloat16)
    line = {"name": "share of peak", "encoder": "dnabert2", "tokens": tokens}
    line |= {"rows_per_second": round(rows / clock.wall), "tflops": round(reached / 1e12, 1)}
    print(json.dumps(line | {"share_of_peak": round(reached / top, 3)}), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="about a minute on two cores")
    parser.add_argument("--rows", type=int, help="512 on a CPU, 8192 on a GPU, 32 if quick")
    options = parser.parse_args()
    usual = 32 if options.quick else 8192 if best_device() == "cuda" else 512
    rows = options.rows or usual
    started = time.perf_counter()
    ratios = {}
    for name in ("nt-v2-50m", "dnabert2"):
        ratios |= compare(name, rows, min(rows, 2048 if best_device() == "cuda" else BATCH))
    if best_device() == "cuda":
        share_of_peak()
    print(json.dumps({"name": "benchmark", "seconds": round(time.perf_counter() - started, 1)}))
    for name, ratio in ratios.items():
        print(f"ratio embedding_{name} {ratio:.2f}")


if __name__ == "__main__":
    main()
