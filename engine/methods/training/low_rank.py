"""LoRA and its kin through PEFT: their configuration, and how many numbers they train."""

from __future__ import annotations

from peft import LoraConfig

from engine.encoders import Encoder
from engine.methods.base import InfeasibleError
from engine.methods.training.adaptation import Adapted, Params
from engine.methods.training.peft_adapters import adapter_state, inject, target_names, target_sizes


def attach(encoder: Encoder, params: Params, dora: bool) -> Adapted:
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
    rank = params.get("rank", 8)
    pissa = params.get("init", "default") == "pissa"
    narrow = min(min(size) for size in target_sizes(encoder, params).values())
    if pissa and rank > narrow:
        raise InfeasibleError(f"init: pissa needs rank <= {narrow} on {encoder.name}, not {rank}")
    config = LoraConfig(
        r=rank,
        lora_alpha=params.get("alpha", 16.0),
        lora_dropout=params.get("dropout", 0.0),
        target_modules=target_names(encoder, params),
        bias="none",
        use_rslora=params.get("rslora", False),
        use_dora=dora,
        init_lora_weights="pissa" if pissa else True,
    )
    inject(encoder, config)
    return Adapted(
        encoder,
        rates={".lora_B.": params.get("learning_rate_ratio", 1.0)},
        silent=() if pissa else (".lora_A.",),
        start=adapter_state(encoder.network) if pissa else {},
    )


def count(encoder: Encoder, params: Params, dora: bool) -> int:
    """``rank (in + out)`` of each layer, and with DoRA one more of each output."""
    rank = params.get("rank", 8)
    return sum(
        rank * (size.inputs + size.outputs) + size.outputs * dora
        for size in target_sizes(encoder, params).values()
    )
