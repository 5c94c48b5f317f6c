"""DoRA: low-rank adapters on the direction of weights, and their magnitudes (Liu et al. 2024)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.methods.ranges import COUNT, POSITIVE, SHARE
from engine.methods.training.adaptation import Adaptation, Adapted, Params
from engine.methods.training.method import fine_tuning

if TYPE_CHECKING:
    from engine.encoders import Encoder


def attach(encoder: Encoder, params: Params, steps: int) -> Adapted:
    """See `engine.methods.training.low_rank.attach`."""
    from engine.methods.training import low_rank

    return low_rank.attach(encoder, params, dora=True)


def count(encoder: Encoder, params: Params) -> int:
    """See `engine.methods.training.low_rank.count`."""
    from engine.methods.training import low_rank

    return low_rank.count(encoder, params, dora=True)


METHOD = fine_tuning(
    Adaptation(
        name="dora",
        summary="low-rank adapters on the direction of weights, and their magnitudes (PEFT)",
        parameters={
            "rank": (),
            "alpha": (),
            "dropout": (),
            "targets": ("default", "all_linear"),
            "rslora": (True, False),
            "learning_rate_ratio": (),
        },
        attach=attach,
        count=count,
        citation="Liu et al. 2024, DoRA: weight-decomposed low-rank adaptation, ICML",
        peft=True,
        ranges={
            "rank": COUNT,
            "alpha": POSITIVE,
            "dropout": SHARE,
            "learning_rate_ratio": POSITIVE,
        },
    )
)
