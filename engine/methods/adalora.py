"""AdaLoRA: low-rank adapters that share out a budget of ranks while they are trained."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from engine.methods.base import InfeasibleError
from engine.methods.ranges import COUNT, NOT_NEGATIVE, POSITIVE, SHARE
from engine.methods.training.adaptation import Adaptation, Adapted, Params
from engine.methods.training.method import fine_tuning

if TYPE_CHECKING:
    from engine.encoders import Encoder

#: Share of the steps before ranks are taken away, and after the last one was.
FIRST, LAST = 0.1, 0.3

#: Times that ranks are taken away, about.
CUTS = 50


def first_rank(params: Params) -> int:
    """Rank that each layer starts with: half as much again as is left on average."""
    rank: int = params.get("rank", 8)
    return math.ceil(1.5 * rank)


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
        target_r=params.get("rank", 8),
        lora_alpha=params.get("alpha", 16.0),
        lora_dropout=params.get("dropout", 0.0),
        orth_reg_weight=params.get("orthogonality", 0.5),
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
    Adaptation(
        name="adalora",
        summary="low-rank adapters that share out a budget of ranks (PEFT)",
        parameters={
            "rank": (),
            "alpha": (),
            "dropout": (),
            "orthogonality": (),
            "targets": ("default", "all_linear"),
        },
        attach=attach,
        count=count,
        citation=(
            "Zhang et al. 2023, Adaptive budget allocation for parameter-efficient fine-tuning, "
            "ICLR"
        ),
        peft=True,
        ranges={"rank": COUNT, "alpha": POSITIVE, "dropout": SHARE, "orthogonality": NOT_NEGATIVE},
    )
)
