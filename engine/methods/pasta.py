"""PASTA: vectors added to the states of special tokens before each layer (Yang et al. 2022)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.methods.base import InfeasibleError
from engine.methods.training.adaptation import Adaptation, Adapted, Params
from engine.methods.training.method import fine_tuning

if TYPE_CHECKING:
    from engine.encoders import Encoder


def attach(encoder: Encoder, params: Params, steps: int) -> Adapted:
    """Freeze a network and add a learned vector to each special token before each of its layers.

    Yang et al. 2022 (arXiv:2210.04382, section 3.2), who do so for attention: what special tokens
    hold reaches the others through it. Vectors start at zero.

    Raises
    ------
    InfeasibleError
        If the encoder has no special tokens, or theirs cannot reach what is pooled.
    """
    from engine.methods.training.special_tokens import with_special_tokens

    return with_special_tokens(encoder, _special_ids(encoder, params))


def count(encoder: Encoder, params: Params) -> int:
    """Layers times special tokens times the width of a state."""
    return encoder.depth * len(_special_ids(encoder, params)) * encoder.hidden_size


def _special_ids(encoder: Encoder, params: Params) -> list[int]:
    """Ids of the special tokens of a sequence."""
    tokens = encoder.tokenize(["ACGTACGTACGT"])
    special = tokens.special_tokens_mask[0].bool() & tokens.attention_mask[0].bool()
    if not special.any():
        raise InfeasibleError(f"{encoder.name} puts no special tokens around a sequence")
    if encoder.merge_strands is not None:
        raise InfeasibleError(
            f"{encoder.name} runs over both strands at once, tokens in two orders"
        )
    causal = encoder.summary_index == -1
    if causal and not special[0] and params["pooling"] != "summary":
        raise InfeasibleError(
            f"{encoder.name} reads from left to right and its special token comes last, where no "
            "base sees it; pool by summary"
        )
    ids: list[int] = sorted(set(tokens.input_ids[0][special].tolist()))
    return ids


METHOD = fine_tuning(
    Adaptation("pasta", attach, count),
    "vectors added to the states of special tokens",
    citation="Yang et al. 2022, Parameter-efficient tuning with special token adaptation, "
    "arXiv:2210.04382",
)
