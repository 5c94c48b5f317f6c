"""``python -m engine.encoders.pretrain NAME``: train a tiny encoder and store it."""

from __future__ import annotations

import argparse
import math
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from engine.encoders.base import Encoder, load_encoder
from engine.encoders.checkpoint import write_folder
from engine.encoders.pretrain.objectives import MaskedTokens, NextToken
from engine.encoders.pretrain.windows import Windows, read_genomes
from engine.encoders.tiny import SIZES


@dataclass(frozen=True)
class Recipe:
    """How one encoder is trained.

    Attributes
    ----------
    bases_per_batch : int
    shortest, longest : int
        Windows of a batch have one length, drawn log-uniformly between these, in bases.
    learning_rate, weight_decay : float
    """

    bases_per_batch: int
    shortest: int
    longest: int
    learning_rate: float
    weight_decay: float


RECIPES = {
    "tiny-bert": Recipe(16_384, 60, 512, 1e-3, 0.01),
    "tiny-hyena": Recipe(8_192, 60, 512, 2e-3, 0.01),
}
WARM_UP = 0.05


def learning_rate(progress: float) -> float:
    """Factor of the learning rate: linear warm-up, then a cosine to a tenth."""
    if progress < WARM_UP:
        return progress / WARM_UP
    cosine = math.cos(math.pi * (progress - WARM_UP) / (1 - WARM_UP))
    return 0.55 + 0.45 * cosine


def draw_batch(windows: Windows, recipe: Recipe, rng: np.random.Generator) -> list[str]:
    """Windows of one length that together have about ``bases_per_batch`` bases."""
    length = round(math.exp(rng.uniform(math.log(recipe.shortest), math.log(recipe.longest))))
    return windows.draw(rng, max(1, recipe.bases_per_batch // length), length)


def validate(objective: nn.Module, encoder: Encoder, windows: Windows, recipe: Recipe) -> float:
    """Mean loss over the same 40 held-out batches at every call."""
    rng = np.random.default_rng(0)
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        losses = [
            float(objective(encoder.tokenize(draw_batch(windows, recipe, rng)))) for _ in range(40)
        ]
    return float(np.mean(losses))


def train(name: str, genomes: Path, seed: int, steps: int) -> tuple[Encoder, float, float]:
    """Train an encoder from random weights.

    Returns
    -------
    encoder : Encoder
    first_loss, last_loss : float
        Held-out loss before and after.
    """
    recipe = RECIPES[name]
    training, held_out = read_genomes(genomes)
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    encoder = load_encoder(name, weights="random", seed=seed)
    assert isinstance(encoder, Encoder)
    objective: nn.Module
    if name == "tiny-bert":
        objective = MaskedTokens(encoder, encoder.tokenizer.vocabulary.index("<mask>"))
    else:
        objective = NextToken(encoder)
    objective.train()
    optimizer = torch.optim.AdamW(
        objective.parameters(),
        lr=recipe.learning_rate,
        betas=(0.9, 0.98),
        weight_decay=recipe.weight_decay,
    )
    first_loss = validate(objective, encoder, held_out, recipe)
    print(f"{name}: held-out loss before {first_loss:.4f}", flush=True)
    start, recent = time.monotonic(), []
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = recipe.learning_rate * learning_rate((step + 1) / steps)
        loss = objective(encoder.tokenize(draw_batch(training, recipe, rng)))
        loss.backward()
        nn.utils.clip_grad_norm_(objective.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        recent.append(float(loss.detach()))
        if (step + 1) % 100 == 0 or step + 1 == steps:
            print(
                f"step {step + 1}/{steps}, loss {np.mean(recent):.4f}, "
                f"{time.monotonic() - start:.0f} s",
                flush=True,
            )
            recent = []
    last_loss = validate(objective, encoder, held_out, recipe)
    print(f"{name}: held-out loss after {last_loss:.4f}", flush=True)
    return encoder, first_loss, last_loss


def steps_in(minutes: float, name: str, genomes: Path, seed: int) -> int:
    """Steps that fit in some minutes, from the time of 30."""
    start = time.monotonic()
    train(name, genomes, seed, 30)
    return max(1, int(minutes * 60 / ((time.monotonic() - start) / 30)))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=sorted(SIZES))
    parser.add_argument("--genomes", type=Path, required=True, help="folder of *.fa.gz")
    parser.add_argument("--out", type=Path, required=True, help="folder of the weights")
    parser.add_argument("--minutes", type=float, default=12.0)
    parser.add_argument("--steps", type=int, help="in place of --minutes; repeatable")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.set_num_threads(1)
    steps = args.steps or steps_in(args.minutes, args.name, args.genomes, args.seed)
    encoder, first, last = train(args.name, args.genomes, args.seed, steps)
    write_folder(
        args.out / args.name,
        {
            "encoder": args.name,
            "sizes": SIZES[args.name],
            "steps": steps,
            "seed": args.seed,
            "held_out_loss": {"before": first, "after": last},
        },
        encoder.network,
        torch.float16,
    )
