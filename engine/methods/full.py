"""Full fine-tuning: every weight of the network is trained."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.methods.training.adaptation import OWN_WEIGHTS, Adaptation, Adapted, Params
from engine.methods.training.method import fine_tuning

if TYPE_CHECKING:
    from engine.encoders import Encoder


def attach(encoder: Encoder, params: Params, steps: int) -> Adapted:
    """Freeze nothing."""
    from engine.methods.training.parameters import train_only

    train_only(encoder.network, encoder.network.parameters())
    return Adapted(encoder, silent=OWN_WEIGHTS)


def count(encoder: Encoder, params: Params) -> int:
    """Numbers in all weights."""
    return sum(parameter.numel() for parameter in encoder.network.parameters())


METHOD = fine_tuning(
    Adaptation("full", attach, count, trains="everything"), "all weights of the encoder"
)
