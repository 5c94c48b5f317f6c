"""VeRA: two vectors a layer that scale random low-rank matrices, shared and frozen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.methods.ranges import COUNT, SHARE
from engine.methods.training.adaptation import Adaptation, Adapted, Params
from engine.methods.training.method import fine_tuning

if TYPE_CHECKING:
    from engine.encoders import Encoder

RANK = 64


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
            r=params.get("rank", RANK),
            vera_dropout=params.get("dropout", 0.0),
            d_initial=params.get("d_initial", 0.1),
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

    rank = params.get("rank", RANK)
    return sum(rank + size.outputs for size in target_sizes(encoder, params).values())


METHOD = fine_tuning(
    Adaptation(
        name="vera",
        summary="vectors that scale shared random low-rank matrices (PEFT)",
        parameters={
            "rank": (),
            "d_initial": (),
            "dropout": (),
            "targets": ("default", "all_linear"),
        },
        attach=attach,
        count=count,
        citation="Kopiczko et al. 2024, VeRA: vector-based random matrix adaptation, ICLR",
        peft=True,
        ranges={"rank": COUNT, "dropout": SHARE},
    )
)
