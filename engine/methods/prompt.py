"""Prompt tuning: learned vectors before the tokens of every sequence (Lester et al. 2021)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.methods.base import InfeasibleError
from engine.methods.hyperparameters import COUNT, Hyperparameter
from engine.methods.training.adaptation import Adaptation, Adapted, Params
from engine.methods.training.method import fine_tuning

if TYPE_CHECKING:
    from engine.encoders import Encoder

TOKENS = Hyperparameter("virtual_tokens", COUNT, 10, "how many; a sequence has less room by them")


def attach(encoder: Encoder, params: Params, steps: int) -> Adapted:
    """Freeze a network and put virtual tokens before its inputs (arXiv:2104.08691).

    They start as embeddings of tokens that sequences are made of, and their states are dropped: the
    pooling sees those of the sequence alone. A sequence has that many tokens less room.

    Raises
    ------
    InfeasibleError
        If the encoder has no room for the prompt.
    """
    from engine.methods.training.prompts import prompted

    return prompted(encoder, _length(encoder, params))


def count(encoder: Encoder, params: Params) -> int:
    """Virtual tokens times the width of a token's embedding."""
    from engine.methods.training.prompts import embedding_width

    return _length(encoder, params) * embedding_width(encoder)


def _length(encoder: Encoder, params: Params) -> int:
    length = TOKENS.of(params)
    # Half the room at most: sequences are what counts.
    if 2 * length > encoder.max_tokens:
        raise InfeasibleError(
            f"{encoder.name} takes {encoder.max_tokens} tokens, too few for {length} virtual ones; "
            "choose a shorter prompt"
        )
    return length


METHOD = fine_tuning(
    Adaptation("prompt", attach, count, takes=TOKENS.of),
    "learned virtual tokens before each sequence",
    (TOKENS,),
    "Lester et al. 2021, The power of scale for parameter-efficient prompt tuning, EMNLP",
)
