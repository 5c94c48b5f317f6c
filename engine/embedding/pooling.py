"""From hidden states of tokens to one vector a sequence; padding and special tokens never count."""

from __future__ import annotations

import torch
from torch import Tensor

from engine.encoders.base import BINS, POOLINGS


def pool(
    hidden: Tensor,
    attention_mask: Tensor,
    special_tokens_mask: Tensor,
    pooling: str,
    summary_index: int | None,
) -> Tensor:
    """Pool hidden states in float32.

    Parameters
    ----------
    hidden : Tensor, shape (B, T, H)
    attention_mask, special_tokens_mask : Tensor, shape (B, T)
        As in `engine.encoders.TokenBatch`.
    pooling : {"mean", "max", "mean+max", "std", "bins", "summary"}
        Over the tokens that stand for bases: their mean, maximum, both side by side, standard
        deviation (of the population), or the means of `BINS` equal parts from first to last token
        side by side, which tell positions apart. Or the state of the summary token.
    summary_index : int or None
        0 for the first token, -1 for the last attended one.

    Returns
    -------
    Tensor, shape (B, `engine.encoders.base.pooled_width`), float32
        A sequence without a token that stands for a base pools to zeros, and so does a bin.

    Raises
    ------
    ValueError
        For an unknown pooling, or ``summary`` where the encoder has no summary token.
    """
    hidden = hidden.float()
    if pooling == "summary":
        if summary_index is None:
            raise ValueError("this encoder has no summary token; pool by mean or max")
        if summary_index == 0:
            return hidden[:, 0]
        last = attention_mask.long().sum(dim=1).clamp(min=1) - 1
        return hidden[torch.arange(len(hidden), device=hidden.device), last]
    bases = attention_mask.bool() & ~special_tokens_mask.bool()
    if pooling == "mean":
        return _mean(hidden, bases)
    if pooling == "max":
        return _max(hidden, bases)
    if pooling == "mean+max":
        return torch.cat([_mean(hidden, bases), _max(hidden, bases)], dim=1)
    if pooling == "std":
        return _std(hidden, bases)
    if pooling == "bins":
        return _bins(hidden, bases)
    raise ValueError(f"unknown pooling '{pooling}'; one of {', '.join(POOLINGS)}")


def _mean(hidden: Tensor, bases: Tensor) -> Tensor:
    total = hidden.masked_fill(~bases[..., None], 0).sum(dim=1)
    return total / bases.sum(dim=1, keepdim=True).clamp(min=1)


def _max(hidden: Tensor, bases: Tensor) -> Tensor:
    highest = hidden.masked_fill(~bases[..., None], -torch.inf).amax(dim=1)
    return torch.where(bases.any(dim=1, keepdim=True), highest, torch.zeros_like(highest))


def _std(hidden: Tensor, bases: Tensor) -> Tensor:
    variance = _mean((hidden - _mean(hidden, bases)[:, None]).square(), bases)
    # Where nothing varies the root has no gradient; without this it would be NaN.
    some = variance > 0
    return torch.where(some, variance, torch.ones_like(variance)).sqrt() * some


def _bins(hidden: Tensor, bases: Tensor) -> Tensor:
    """Token i of n goes to bin floor(i * BINS / n)."""
    place = bases.long().cumsum(dim=1) - 1
    counts = bases.sum(dim=1, keepdim=True).clamp(min=1)
    bins = torch.where(bases, place * BINS // counts, BINS)
    members = torch.nn.functional.one_hot(bins, BINS + 1)[..., :BINS].to(hidden.dtype)
    # Zeros at padding, which may hold anything.
    total = members.transpose(1, 2) @ hidden.masked_fill(~bases[..., None], 0)
    return (total / members.sum(dim=1)[..., None].clamp(min=1)).flatten(1)
