"""Fine-tuning of the last layers; those before are frozen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.methods.hyperparameters import COUNT, Hyperparameter
from engine.methods.training.adaptation import OWN_WEIGHTS, Adaptation, Adapted, Params
from engine.methods.training.method import fine_tuning

if TYPE_CHECKING:
    from torch import nn

    from engine.encoders import Encoder

LAYERS = Hyperparameter("layers", COUNT, 1, "how many, from the end; all where there are no more")


def last_layers(encoder: Encoder, params: Params) -> list[nn.Parameter]:
    """Parameters of the last k layers, of all where the network has no more than k."""
    blocks = list(encoder.network.get_submodule(encoder.blocks).children())
    chosen = blocks[-min(len(blocks), LAYERS.of(params)) :]
    parameters = {id(p): p for block in chosen for p in block.parameters()}
    return list(parameters.values())


def attach(encoder: Encoder, params: Params, steps: int) -> Adapted:
    """Freeze all but the last layers; what follows them (a final norm) is frozen too."""
    from engine.methods.training.parameters import train_only

    train_only(encoder.network, last_layers(encoder, params))
    return Adapted(encoder, silent=OWN_WEIGHTS)


def count(encoder: Encoder, params: Params) -> int:
    """Numbers in the last layers."""
    return sum(parameter.numel() for parameter in last_layers(encoder, params))


METHOD = fine_tuning(
    Adaptation("last_layers", attach, count, trains="everything"),
    "all weights of the last layers",
    (LAYERS,),
)
