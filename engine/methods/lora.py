"""LoRA, low-rank adapters on the encoder, with rsLoRA, PiSSA and LoRA+ as options; and DoRA."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from engine.methods.base import InfeasibleError
from engine.methods.hyperparameters import POSITIVE, SWITCH, Hyperparameter
from engine.methods.training.adaptation import Adaptation, Adapted, Params
from engine.methods.training.common import ALPHA, DROPOUT, RANK, TARGETS
from engine.methods.training.method import fine_tuning

if TYPE_CHECKING:
    from engine.encoders import Encoder

RSLORA = Hyperparameter("rslora", SWITCH, False, "a scale of alpha / sqrt(rank)")
INIT = Hyperparameter(
    "init", ("default", "pissa"), "default", "pissa: from the largest singular values of a weight"
)
RATIO = Hyperparameter(
    "learning_rate_ratio", POSITIVE, 1.0, "LoRA+: the second matrix learns that much faster"
)


def attach(encoder: Encoder, params: Params, steps: int, dora: bool = False) -> Adapted:
    """Freeze a network and add ``(alpha / rank) B A`` to its linear layers, in place.

    Hu et al. 2021 (arXiv:2106.09685, section 4.1), where B starts at zero. Options: a scale of
    alpha / sqrt(rank) (Kalajdzievski 2023, arXiv:2312.03732), A and B from the largest singular
    values of the weight, which are taken out of it (PiSSA; Meng et al. 2024, arXiv:2404.02948), a
    faster rate for B (LoRA+; Hayou et al. 2024, arXiv:2402.12354), and a magnitude of each output
    that is trained apart from its direction (DoRA; Liu et al. 2024, arXiv:2402.09353).

    Raises
    ------
    InfeasibleError
        If a layer has fewer singular values than PiSSA's rank, or there is no layer.
    """
    from peft import LoraConfig

    from engine.methods.training import peft_adapters as peft

    rank, pissa = RANK.of(params), INIT.of(params) == "pissa"
    narrow = min(min(size) for size in peft.target_sizes(encoder, params).values())
    if pissa and rank > narrow:
        raise InfeasibleError(f"init: pissa needs rank <= {narrow} on {encoder.name}, not {rank}")
    config = LoraConfig(
        r=rank,
        lora_alpha=ALPHA.of(params),
        lora_dropout=DROPOUT.of(params),
        target_modules=peft.target_names(encoder, params),
        bias="none",
        use_rslora=RSLORA.of(params),
        use_dora=dora,
        init_lora_weights="pissa" if pissa else True,
    )
    peft.inject(encoder, config)
    return Adapted(
        encoder,
        rates={".lora_B.": RATIO.of(params)},
        silent=() if pissa else (".lora_A.",),
        start=peft.adapter_state(encoder.network) if pissa else {},
    )


def count(encoder: Encoder, params: Params, dora: bool = False) -> int:
    """``rank (in + out)`` of each layer, and with DoRA one more of each output."""
    from engine.methods.training.peft_adapters import target_sizes

    rank, sizes = RANK.of(params), target_sizes(encoder, params).values()
    return sum(rank * (size.inputs + size.outputs) + size.outputs * dora for size in sizes)


LORA = fine_tuning(
    Adaptation("lora", attach, count, peft=True),
    "low-rank adapters (PEFT) on linear layers",
    (RANK, ALPHA, DROPOUT, TARGETS, RSLORA, INIT, RATIO),
    "Hu et al. 2022, LoRA: low-rank adaptation of large language models, ICLR",
)
DORA = fine_tuning(
    Adaptation("dora", partial(attach, dora=True), partial(count, dora=True), peft=True),
    "low-rank adapters on the direction of weights, and their magnitudes (PEFT)",
    (RANK, ALPHA, DROPOUT, TARGETS, RSLORA, RATIO),
    "Liu et al. 2024, DoRA: weight-decomposed low-rank adaptation, ICML",
)
