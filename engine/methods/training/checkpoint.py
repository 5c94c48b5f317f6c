"""A training under way on disk: where it stands, so that it goes on bit for bit."""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from engine.basics.files import replacing

log = logging.getLogger(__name__)

FILE = "training.pt"


@dataclass
class Progress:
    """How far a training came.

    Attributes
    ----------
    rounds : int
        Parts of epochs that were trained and then scored on the validation split.
    step : int
        Optimizer steps.
    curve : list of float
        Best validation score within each epoch, the one under way too.
    best_round : int
        The round, counted from 1, whose weights are kept.
    best : mapping of str to Tensor
        These weights.
    best_scores : Tensor, shape (N, K), float64
        Their scores of the validation split.
    """

    rounds: int = 0
    step: int = 0
    curve: list[float] = field(default_factory=list)
    best_round: int = 0
    best: dict[str, Tensor] = field(default_factory=dict)
    best_scores: Tensor = field(default_factory=lambda: torch.zeros(0))


def save(folder: Path, key: str, progress: Progress, state: dict[str, Any]) -> None:
    """Write a checkpoint in place of the last one.

    Parameters
    ----------
    folder : Path
        The trial's own.
    key : str
        Identity of the trial.
    progress : Progress
    state : dict
        Weights, optimizer and the rest: tensors, numbers, text, lists and mappings of them.
    """
    draws = {"cpu": torch.get_rng_state()}
    if torch.cuda.is_available():
        draws["cuda"] = torch.cuda.get_rng_state()
    whole = {"key": key, "progress": asdict(progress), "state": state, "draws": draws}
    with replacing(folder / FILE) as temporary:
        torch.save(whole, temporary)


def load(folder: Path, key: str) -> tuple[Progress, dict[str, Any]] | None:
    """Read what `save` wrote, if anything, and set the generators of torch to where they were.

    A checkpoint of another trial is left alone, and a line in the log says so.
    """
    file = folder / FILE
    if not file.exists():
        return None
    whole = torch.load(file, map_location="cpu", weights_only=True)
    if whole["key"] != key:
        log.warning("%s: is of another trial; training starts anew", file)
        return None
    torch.set_rng_state(whole["draws"]["cpu"])
    if "cuda" in whole["draws"] and torch.cuda.is_available():
        torch.cuda.set_rng_state(whole["draws"]["cuda"])
    return Progress(**whole["progress"]), whole["state"]
