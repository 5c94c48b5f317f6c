"""IA3: one factor for each output of a linear layer (Liu et al. 2022)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.methods.training.adaptation import Adaptation, Adapted, Params
from engine.methods.training.common import TARGETS
from engine.methods.training.method import fine_tuning

if TYPE_CHECKING:
    from engine.encoders import Encoder


def attach(encoder: Encoder, params: Params, steps: int) -> Adapted:
    """Multiply the outputs of linear layers by learned factors that start at one.

    Liu et al. 2022 (arXiv:2205.05638, section 3.3) scale keys, values and the inside of the MLP of
    a T5; here every adapted layer is scaled at its output, since networks differ in their layers.
    """
    from peft import IA3Config

    from engine.methods.training.peft_adapters import inject, target_names

    names = target_names(encoder, params)
    inject(encoder, IA3Config(target_modules=names, feedforward_modules=[]))
    return Adapted(encoder)


def count(encoder: Encoder, params: Params) -> int:
    """One of each output."""
    from engine.methods.training.peft_adapters import target_sizes

    return sum(size.outputs for size in target_sizes(encoder, params).values())


METHOD = fine_tuning(
    Adaptation("ia3", attach, count, peft=True),
    "factors on the outputs of linear layers (PEFT)",
    (TARGETS,),
    "Liu et al. 2022, Few-shot parameter-efficient fine-tuning is better and cheaper than "
    "in-context learning, NeurIPS",
)
