"""``python -m engine.encoders.pretrain NAME``: train a tiny encoder on genomes and store it."""

from __future__ import annotations

import argparse
import math
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from engine.encoders.base import Encoder
from engine.encoders.checkpoint import write_folder
from engine.encoders.families.tiny import SIZES
from engine.encoders.pretrain.genomes import Windows, read_genomes
from engine.encoders.pretrain.objectives import Losses, MaskedBases, NextBase, Objective
from engine.encoders.registry import load_encoder


@dataclass(frozen=True)
class Recipe:
    """How one encoder is trained.

    Attributes
    ----------
    learning_rate, weight_decay : float
        Of AdamW; the rate warms up over a twentieth of the steps, then falls to a tenth.
    shortest, longest : int
        Windows of a batch have one length, drawn log-uniformly between these, in bases.
    position_weight, composition_weight : float
        Of those losses, where the language loss has 1.
    """

    learning_rate: float
    bases_per_batch: int
    weight_decay: float = 0.01
    shortest: int = 40
    longest: int = 300
    position_weight: float = 1.0
    composition_weight: float = 0.3

    def total(self, losses: Losses) -> Tensor:
        """Weighted sum of the losses."""
        return (
            losses.language
            + self.position_weight * losses.position
            + self.composition_weight * losses.composition
        )


RECIPES = {
    "tiny-bert": Recipe(learning_rate=1e-3, bases_per_batch=6144),
    "tiny-hyena": Recipe(learning_rate=2e-3, bases_per_batch=4096),
}
WARM_UP = 0.05
VALIDATION_BATCHES = 40


def schedule(progress: float) -> float:
    """Factor of the learning rate at a share of the steps: warm-up, then a cosine to a tenth."""
    if progress < WARM_UP:
        return progress / WARM_UP
    return 0.55 + 0.45 * math.cos(math.pi * (progress - WARM_UP) / (1 - WARM_UP))


def draw_batch(windows: Windows, recipe: Recipe, rng: np.random.Generator) -> list[str]:
    """Windows of one length that together have about ``bases_per_batch`` bases."""
    length = round(math.exp(rng.uniform(math.log(recipe.shortest), math.log(recipe.longest))))
    return windows.draw(rng, recipe.bases_per_batch // length, length)


def build_objective(encoder: Encoder) -> Objective:
    """Masked bases for the bidirectional network, next base for the causal one."""
    language = MaskedBases(encoder) if encoder.name == "tiny-bert" else NextBase(encoder)
    return Objective(encoder, language)


def validate(objective: Objective, windows: Windows, recipe: Recipe) -> dict[str, float]:
    """Mean losses over held-out batches, the same at every call."""
    rng = np.random.default_rng(0)
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        losses = [objective(draw_batch(windows, recipe, rng)) for _ in range(VALIDATION_BATCHES)]
    means = torch.tensor(losses).mean(0).tolist()
    return {name: round(mean, 4) for name, mean in zip(Losses._fields, means, strict=True)}


def train(
    objective: Objective, windows: Windows, recipe: Recipe, rng: np.random.Generator, steps: int
) -> float:
    """Train for some steps; returns the seconds they took."""
    optimizer = torch.optim.AdamW(
        objective.parameters(),
        lr=recipe.learning_rate,
        betas=(0.9, 0.98),
        weight_decay=recipe.weight_decay,
    )
    start, recent = time.monotonic(), []
    for step in range(1, steps + 1):
        for group in optimizer.param_groups:
            group["lr"] = recipe.learning_rate * schedule(step / steps)
        losses = objective(draw_batch(windows, recipe, rng))
        torch.autograd.backward(recipe.total(losses))
        nn.utils.clip_grad_norm_(objective.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        recent.append([loss.item() for loss in losses])
        if step % 100 == 0 or step == steps:
            language, position, composition = np.mean(recent, axis=0)
            print(
                f"step {step}/{steps}: language {language:.4f}, position {position:.4f}, "
                f"composition {composition:.4f}, {time.monotonic() - start:.0f} s",
                flush=True,
            )
            recent = []
    return time.monotonic() - start


def start(name: str, seed: int) -> tuple[Encoder, Objective, np.random.Generator]:
    """Encoder with random weights, its objective, and the generator of windows."""
    encoder = load_encoder(name, weights="random", seed=seed)
    assert isinstance(encoder, Encoder)
    torch.manual_seed(seed)
    return encoder, build_objective(encoder), np.random.default_rng(seed)


def steps_in(minutes: float, name: str, windows: Windows, seed: int) -> int:
    """How many steps fit in some minutes, from the time of 30."""
    _, objective, rng = start(name, seed)
    return max(1, int(minutes * 60 * 30 / train(objective, windows, RECIPES[name], rng, 30)))


def pretrain(name: str, genomes: Path, out: Path, seed: int, steps: int, minutes: float) -> None:
    """Train an encoder and store it in ``out/NAME``; ``steps`` of 0 follows from ``minutes``."""
    recipe = RECIPES[name]
    training, held_out = read_genomes(genomes)
    steps = steps or steps_in(minutes, name, training, seed)
    encoder, objective, rng = start(name, seed)
    before = validate(objective, held_out, recipe)
    print(f"held out, before: {before}", flush=True)
    seconds = train(objective, training, recipe, rng, steps)
    after = validate(objective, held_out, recipe)
    print(f"held out, after: {after}", flush=True)
    config = {
        "encoder": name,
        "sizes": SIZES[name],
        "training": {
            "seed": seed,
            "steps": steps,
            "seconds": round(seconds),
            **asdict(recipe),
            "held_out_before": before,
            "held_out_after": after,
        },
    }
    write_folder(out / name, config, encoder.network, torch.float16)


def main() -> None:
    """Read the arguments and train."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=sorted(SIZES))
    parser.add_argument("--genomes", type=Path, required=True, help="folder of *.fa.gz")
    parser.add_argument("--out", type=Path, required=True, help="folder that gets NAME/")
    parser.add_argument("--minutes", type=float, default=12.0, help="turned into steps")
    parser.add_argument("--steps", type=int, default=0, help="in place of minutes; repeatable")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.set_num_threads(1)
    pretrain(args.name, args.genomes, args.out, args.seed, args.steps, args.minutes)


if __name__ == "__main__":
    main()
