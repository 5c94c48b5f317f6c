"""AdaLoRA: low-rank adapters that share out a budget of ranks while they are trained."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from engine.methods.base import InfeasibleError
from engine.methods.hyperparameters import NOT_NEGATIVE, Hyperparameter
from engine.methods.training import common
from engine.methods.training.adaptation import Adaptation, Adapted, Params
from engine.methods.training.common import ALPHA, DROPOUT, TARGETS
from engine.methods.training.method import fine_tuning

if TYPE_CHECKING:
    from engine.encoders import Encoder

#: Share of the steps before ranks are taken away, and after the last one was.
FIRST, LAST = 0.1, 0.3

#: Times that ranks are taken away, about.
CUTS = 50


RANK = replace(common.RANK, about="that is left to a layer on average; it starts with 1.5 as many")
ORTHOGONALITY = Hyperparameter(
    "orthogonality", NOT_NEGATIVE, 0.5, "weight of the penalty that keeps matrices orthogonal"
)


def first_rank(params: Params) -> int:
    """Rank that each layer starts with: half as much again as is left on average."""
    return math.ceil(1.5 * RANK.of(params))


def attach(encoder: Encoder, params: Params, steps: int) -> Adapted:
    """Add ``P diag(E) Q`` to linear layers; the least important entries of E are set to zero.

    Zhang et al. 2023 (arXiv:2303.10512): importance from weights and gradients (eq. 8 to 12), a
    budget that falls by a cubic (eq. 13), a penalty that keeps P and Q orthogonal (eq. 4). Ranks
    are shared out over the steps of a training that is not stopped early.

    Raises
    ------
    InfeasibleError
        If there are not two steps, between which ranks could be taken away.
    """
    if steps < 2:
        raise InfeasibleError(
            f"adalora shares out ranks over the steps of a training, and {steps} is too few; "
            "give more epochs or a smaller batch_size"
        )
    from peft import AdaLoraConfig

    from engine.methods.training.peft_adapters import inject, target_names
    from engine.methods.training.rank_allocation import RankAllocation

    config = AdaLoraConfig(
        init_r=first_rank(params),
        target_r=RANK.of(params),
        lora_alpha=ALPHA.of(params),
        lora_dropout=DROPOUT.of(params),
        orth_reg_weight=ORTHOGONALITY.of(params),
        target_modules=target_names(encoder, params),
        tinit=int(FIRST * steps),
        tfinal=int(LAST * steps),
        deltaT=max(1, steps // CUTS),
        total_step=steps,
    )
    return Adapted(encoder, allocation=RankAllocation(inject(encoder, config)))


def count(encoder: Encoder, params: Params) -> int:
    """``r (in + out + 1)`` of each layer, with the rank r that it starts with."""
    from engine.methods.training.peft_adapters import target_sizes

    sizes = target_sizes(encoder, params).values()
    return sum(first_rank(params) * (size.inputs + size.outputs + 1) for size in sizes)


METHOD = fine_tuning(
    Adaptation("adalora", attach, count, peft=True),
    "low-rank adapters that share out a budget of ranks (PEFT)",
    (RANK, ALPHA, DROPOUT, ORTHOGONALITY, TARGETS),
    "Zhang et al. 2023, Adaptive budget allocation for parameter-efficient fine-tuning, ICLR",
)
