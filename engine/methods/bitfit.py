"""BitFit: only the biases of the network are trained (Ben Zaken et al. 2022)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.methods.base import InfeasibleError
from engine.methods.training.adaptation import OWN_WEIGHTS, Adaptation, Adapted, Params
from engine.methods.training.method import fine_tuning

if TYPE_CHECKING:
    from torch import nn

    from engine.encoders import Encoder


def biases(encoder: Encoder) -> list[nn.Parameter]:
    """Every parameter of a network that is named ``bias``.

    Raises
    ------
    InfeasibleError
        If there is none.
    """
    named = encoder.network.named_parameters()
    found = [parameter for name, parameter in named if name.split(".")[-1] == "bias"]
    if not found:
        raise InfeasibleError(f"{encoder.name} has no biases, so bitfit has nothing to train")
    return found


def attach(encoder: Encoder, params: Params, steps: int) -> Adapted:
    """Freeze all but the biases (arXiv:2106.10199)."""
    from engine.methods.training.parameters import train_only

    train_only(encoder.network, biases(encoder))
    return Adapted(encoder, silent=OWN_WEIGHTS)


def count(encoder: Encoder, params: Params) -> int:
    """Numbers in all biases."""
    return sum(parameter.numel() for parameter in biases(encoder))


METHOD = fine_tuning(
    Adaptation("bitfit", attach, count),
    "biases only",
    citation="Ben Zaken et al. 2022, BitFit: simple parameter-efficient fine-tuning for "
    "transformer-based masked language-models, ACL",
)
