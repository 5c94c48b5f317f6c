"""From hidden states of tokens to one vector a sequence; padding and special tokens never count."""

from __future__ import annotations

import torch
from torch import Tensor

POOLINGS = ("mean", "max", "summary")


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
    pooling : {"mean", "max", "summary"}
        Over the tokens that stand for bases, or the state of the summary token.
    summary_index : int or None
        0 for the first token, -1 for the last attended one.

    Returns
    -------
    Tensor, shape (B, H), float32
        A sequence without a token that stands for a base pools to zeros (mean, max).

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
    bases = (attention_mask.bool() & ~special_tokens_mask.bool()).unsqueeze(-1)
    if pooling == "mean":
        return hidden.masked_fill(~bases, 0).sum(dim=1) / bases.sum(dim=1).clamp(min=1)
    if pooling == "max":
        highest = hidden.masked_fill(~bases, -torch.inf).amax(dim=1)
        return torch.where(bases.any(dim=1), highest, torch.zeros_like(highest))
    raise ValueError(f"unknown pooling '{pooling}'; one of {', '.join(POOLINGS)}")
