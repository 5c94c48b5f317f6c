"""VeRA: two vectors a layer that scale random low-rank matrices, shared and frozen."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from engine.methods.hyperparameters import Hyperparameter
from engine.methods.training import common
from engine.methods.training.adaptation import Adaptation, Adapted, Params
from engine.methods.training.common import DROPOUT, TARGETS
from engine.methods.training.method import fine_tuning

if TYPE_CHECKING:
    from engine.encoders import Encoder

RANK = replace(common.RANK, default=64)
D_INITIAL = Hyperparameter("d_initial", None, 0.1, "what the vector between the matrices starts at")


def attach(encoder: Encoder, params: Params, steps: int) -> Adapted:
    """Add ``diag(b) B diag(d) A`` to linear layers (Kopiczko et al. 2024, arXiv:2310.11454, eq. 2).

    Only b, which starts at zero, and d are trained. A and B are drawn on the CPU by PEFT from the
    trial's seed, which is saved, one pair for all layers, of which a layer takes the part that
    fits it.
    """
    import torch
    from peft import VeraConfig

    from engine.methods.training.peft_adapters import inject, seeded_projections, target_names

    with seeded_projections():
        config = VeraConfig(
            r=RANK.of(params),
            vera_dropout=DROPOUT.of(params),
            d_initial=D_INITIAL.of(params),
            target_modules=target_names(encoder, params),
            bias="none",
            projection_prng_key=torch.initial_seed(),
            save_projection=False,
        )
    inject(encoder, config)
    return Adapted(encoder, silent=(".vera_lambda_d.",))


def count(encoder: Encoder, params: Params) -> int:
    """``rank + out`` of each layer."""
    from engine.methods.training.peft_adapters import target_sizes

    sizes = target_sizes(encoder, params).values()
    return sum(RANK.of(params) + size.outputs for size in sizes)


METHOD = fine_tuning(
    Adaptation("vera", attach, count, peft=True),
    "vectors that scale shared random low-rank matrices (PEFT)",
    (RANK, D_INITIAL, DROPOUT, TARGETS),
    "Kopiczko et al. 2024, VeRA: vector-based random matrix adaptation, ICLR",
)
