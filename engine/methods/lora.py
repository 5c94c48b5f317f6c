"""LoRA: low-rank adapters on the encoder; with rsLoRA, PiSSA and LoRA+ as options."""

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

    return low_rank.attach(encoder, params, dora=False)


def count(encoder: Encoder, params: Params) -> int:
    """See `engine.methods.training.low_rank.count`."""
    from engine.methods.training import low_rank

    return low_rank.count(encoder, params, dora=False)


METHOD = fine_tuning(
    Adaptation(
        name="lora",
        summary="low-rank adapters (PEFT) on linear layers",
        parameters={
            "rank": (),
            "alpha": (),
            "dropout": (),
            "targets": ("default", "all_linear"),
            "rslora": (True, False),
            "init": ("default", "pissa"),
            "learning_rate_ratio": (),
        },
        attach=attach,
        count=count,
        citation="Hu et al. 2022, LoRA: low-rank adaptation of large language models, ICLR",
        peft=True,
        ranges={
            "rank": COUNT,
            "alpha": POSITIVE,
            "dropout": SHARE,
            "learning_rate_ratio": POSITIVE,
        },
    )
)
