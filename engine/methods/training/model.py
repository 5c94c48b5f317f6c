"""The model that is trained: an encoder's network, pooling and a linear head."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from engine.embedding.pooling import pool
from engine.encoders import Encoder, TokenBatch
from engine.encoders.base import pooled_width


class AttentionPooling(nn.Module):
    """Mean of the states of bases, weighted by how well each fits a learned query.

    ``softmax(q h / sqrt(H))``, with q starting at zero: training starts from the plain mean (after
    Bahdanau et al. 2015, with one query for all sequences).
    """

    def __init__(self, hidden_size: int) -> None:
        super().__init__()
        self.query = nn.Parameter(torch.zeros(hidden_size))

    def forward(
        self, hidden: Tensor, attention_mask: Tensor, special_tokens_mask: Tensor
    ) -> Tensor:
        """States (B, T, H) to (B, H) in float32; zeros for a sequence without bases."""
        bases = attention_mask.bool() & ~special_tokens_mask.bool()
        # Padding may hold anything, which a weight of zero would not undo.
        hidden = hidden.float().masked_fill(~bases[..., None], 0)
        fit = (hidden @ self.query) / math.sqrt(hidden.shape[-1])
        # The lowest number, not minus infinity: a row without bases stays finite.
        weights = fit.masked_fill(~bases, torch.finfo(fit.dtype).min).softmax(dim=1)
        return (weights[..., None] * hidden).sum(dim=1)


class Model(nn.Module):
    """An adapted network, pooling, and a normalized linear head.

    A GPU that can runs the network in bfloat16 while it is trained (automatic mixed precision: the
    weights and their gradients stay in float32); pooling, head and loss are in float32 everywhere.

    Parameters
    ----------
    encoder : Encoder
        Its network is adapted already.
    pooling : str
        ``attention``, which is learned, or one of `engine.embedding.pooling.pool`.
    outputs : int
        K logits of a sequence.
    """

    def __init__(self, encoder: Encoder, pooling: str, outputs: int) -> None:
        super().__init__()
        self.network = encoder.network
        width = pooled_width(pooling, encoder.hidden_size)
        self.attention = AttentionPooling(encoder.hidden_size) if pooling == "attention" else None
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, outputs)
        self.pooling = pooling
        self.summary_index = encoder.summary_index
        self.mixed_precision = has_bfloat16(encoder.device)

    def forward(self, tokens: TokenBatch, owners: Tensor | None) -> Tensor:
        """Logits of the sequences that windows belong to.

        Parameters
        ----------
        tokens : TokenBatch
            Of W windows.
        owners : Tensor or None, shape (W,), int64
            Sequence of each window, 0 to B - 1; a sequence's pooled windows are averaged. None
            where every sequence has one.

        Returns
        -------
        Tensor, shape (B, K), float32
        """
        # Only to train: scores would depend on what a row is batched with, and close ones tie.
        half = self.training and self.mixed_precision
        with torch.autocast(tokens.input_ids.device.type, torch.bfloat16, enabled=half):
            hidden = self.network(tokens.input_ids, tokens.attention_mask)
        masks = tokens.attention_mask, tokens.special_tokens_mask
        if self.attention is not None:
            pooled = self.attention(hidden, *masks)
        else:
            pooled = pool(hidden, *masks, self.pooling, self.summary_index)
        if owners is not None:
            shares = owners.bincount()[:, None]
            total = pooled.new_zeros(len(shares), pooled.shape[1]).index_add(0, owners, pooled)
            pooled = total / shares
        logits: Tensor = self.head(self.norm(pooled))
        return logits

    def head_modules(self) -> nn.ModuleDict:
        """What is trained from nothing: all but the network."""
        parts: dict[str, nn.Module] = {"norm": self.norm, "head": self.head}
        if self.attention is not None:
            parts["attention"] = self.attention
        return nn.ModuleDict(parts)


def head_size(encoder: Encoder, pooling: str, outputs: int) -> int:
    """Trainable numbers of a model beside its network's."""
    width = pooled_width(pooling, encoder.hidden_size)
    query = encoder.hidden_size if pooling == "attention" else 0
    return query + 2 * width + outputs * (width + 1)


def has_bfloat16(device: torch.device) -> bool:
    """Whether a device computes in bfloat16 faster than in float32; an emulation does not."""
    return device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
