"""Memory of a LoRA trial: what `engine.plan.memory` tells against what a process then takes.

For each encoder (random weights) and batch, a process of its own loads the network, attaches
adapters (PEFT), and does two steps of AdamW and one evaluation of the same batch. Its peak
resident memory beyond what it had before the network came is compared with the estimate without
head-room; and the whole peak with the whole estimate.

    python benchmarks/memory.py [--quick]

The ratio is the estimate over what was measured: below 1, too little was told.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

RANK = 8

#: Encoder -> batches of rows x tokens, half precision or not.
QUICK = {"tiny-bert": ((256, 64), (64, 512)), "nt-v2-50m": ((16, 64),)}
FULL = {
    "tiny-bert": ((256, 64), (64, 512)),
    "nt-v2-50m": ((16, 64), (8, 170)),
    "dnabert2": ((16, 64), (4, 250)),
}


def resident(field: str) -> int:
    """Bytes of a field of this process's status: VmRSS now, VmHWM at most so far."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) * 1024
    raise KeyError(field)


def measure(name: str, rows: int, tokens: int) -> dict[str, float]:
    """Run a trial's steps in this process; bytes that it had before, and at most."""
    import peft  # noqa: F401  # imported before, since its own memory is no part of the network's
    import torch

    from engine.embedding.pooling import pool
    from engine.encoders import load_encoder
    from engine.methods import lora

    before = resident("VmRSS")
    encoder = load_encoder(name, weights="random")
    lora.attach(encoder, {"rank": RANK}, 1)
    trained = [p for p in encoder.network.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained)
    ids = torch.full((rows, tokens), 5)
    mask = torch.ones_like(ids)
    mask[-1, -1] = 0
    special = torch.zeros_like(ids)

    def score() -> torch.Tensor:
        return pool(encoder.network(ids, mask), mask, special, "mean", None)

    for _ in range(2):
        score().sum().backward()
        optimizer.step()
        optimizer.zero_grad()
    with torch.inference_mode():
        score()
    return {"before": before, "peak": resident("VmHWM")}


def told(name: str, rows: int, tokens: int) -> dict[str, float]:
    """Bytes of the same by estimate: of the network and its training, and of the whole process."""
    from engine.plan.footprint import footprint
    from engine.plan.memory import CPU_PROCESS, HEAD_ROOM, STATE_BYTES

    taken = footprint(name, "adapters", RANK, False, half=False)
    if taken is None:
        raise SystemExit(f"{name}: no estimate")
    working = max(taken.training.of(rows, tokens), taken.evaluation.of(rows, tokens))
    network = 4 * taken.weights + STATE_BYTES * taken.trained + working
    return {"network": network, "total": HEAD_ROOM * network + CPU_PROCESS}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--one", nargs=3, metavar=("NAME", "ROWS", "TOKENS"))
    given = parser.parse_args()
    if given.one:
        print(json.dumps(measure(given.one[0], int(given.one[1]), int(given.one[2]))))
        return
    ratios = []
    for name, batches in (QUICK if given.quick else FULL).items():
        for rows, tokens in batches:
            command = [sys.executable, __file__, "--one", name, str(rows), str(tokens)]
            # What glibc keeps after it was freed is no part of what a trial needs.
            environment = os.environ | {"MALLOC_TRIM_THRESHOLD_": "0"}
            done = subprocess.run(
                command, capture_output=True, text=True, check=True, env=environment
            )
            found = json.loads(done.stdout.splitlines()[-1])
            estimate = told(name, rows, tokens)
            network = found["peak"] - found["before"]
            line = {
                "encoder": name,
                "rows": rows,
                "tokens": tokens,
                "measured_mb": round(network / 1e6, 1),
                "estimated_mb": round(estimate["network"] / 1e6, 1),
                "process_peak_mb": round(found["peak"] / 1e6, 1),
                "process_estimated_mb": round(estimate["total"] / 1e6, 1),
            }
            print(json.dumps(line), flush=True)
            case = f"{name}_{rows}x{tokens}"
            ratios.append((f"network_{case}", estimate["network"] / network))
            ratios.append((f"process_{case}", estimate["total"] / found["peak"]))
    for case, ratio in ratios:
        print(f"ratio {case} {ratio:.2f}")


if __name__ == "__main__":
    main()
