"""Hyperparameters by who takes them: those that many methods or probes share stand once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from engine.methods.base import methods
from engine.methods.hyperparameters import Hyperparameter
from engine.methods.probes import probes
from engine.methods.probes.base import COMMON
from engine.methods.training.common import TRAINING

EVERY_PROBE, EVERY_TRAINING = "every probe", "every fine-tuning method"


def of_probes() -> dict[str, Iterable[Hyperparameter[Any]]]:
    """Of every probe, then what each takes beside."""
    own = {name: probe.parameters.values() for name, probe in probes().items()}
    return {EVERY_PROBE: COMMON.values(), **own}


def of_training() -> dict[str, Iterable[Hyperparameter[Any]]]:
    """Of every fine-tuning method, then what each method that trains a network takes beside."""
    found: dict[str, Iterable[Hyperparameter[Any]]] = {EVERY_TRAINING: TRAINING}
    for method in methods().values():
        if method.needs == "network":
            shared = TRAINING if method.adaptation else ()
            found[method.name] = [p for p in method.parameters.values() if p not in shared]
    return found
