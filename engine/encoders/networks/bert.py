"""A small bidirectional attention encoder."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.encoders.networks.initial import draw_weights


@dataclass(frozen=True)
class BertConfig:
    """Sizes of a `Bert`.

    Attributes
    ----------
    vocabulary_size, hidden_size, layers, heads, mlp_size : int
    max_tokens : int
        Longest input it was made for; positions are relative, so nothing in the network is sized
        by it.
    """

    vocabulary_size: int
    hidden_size: int
    layers: int
    heads: int
    mlp_size: int
    max_tokens: int


def rotation(length: int, head_size: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Cosine and sine of rotary positions (Su et al. 2021, RoFormer, eq. 15), (T, D) each."""
    frequency = 10000.0 ** (-torch.arange(0, head_size, 2, device=device) / head_size)
    angle = torch.outer(torch.arange(length, device=device), frequency).repeat(1, 2)
    return angle.cos(), angle.sin()


def rotate(x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """Turn each pair (i, i + D/2) of x, shape (..., T, D), by its position's angle."""
    left, right = x.chunk(2, dim=-1)
    return x * cosine + torch.cat([-right, left], dim=-1) * sine


class Layer(nn.Module):
    """Attention, then an MLP, each on the normalized input and added to it (pre-norm)."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        size = config.hidden_size
        self.heads = config.heads
        self.attention_norm = nn.LayerNorm(size)
        self.qkv = nn.Linear(size, 3 * size)
        self.attention_out = nn.Linear(size, size)
        self.mlp_norm = nn.LayerNorm(size)
        self.mlp_in = nn.Linear(size, config.mlp_size)
        self.mlp_out = nn.Linear(config.mlp_size, size)

    def forward(self, hidden: Tensor, cosine: Tensor, sine: Tensor, mask: Tensor) -> Tensor:
        """Hidden states (B, T, H) to hidden states; mask (B, 1, 1, T) is true at tokens."""
        batch, length, size = hidden.shape
        qkv = self.qkv(self.attention_norm(hidden))
        query, key, value = qkv.view(batch, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(
            rotate(query, cosine, sine), rotate(key, cosine, sine), value, attn_mask=mask
        )
        hidden = hidden + self.attention_out(mixed.transpose(1, 2).reshape(batch, length, size))
        out: Tensor = hidden + self.mlp_out(functional.gelu(self.mlp_in(self.mlp_norm(hidden))))
        return out


class Bert(nn.Module):
    """Token embedding, attention layers with rotary positions, final norm.

    Devlin et al. 2019 (BERT) with pre-norm layers, rotary positions and no segment embedding.
    """

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocabulary_size, config.hidden_size)
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.layers))
        self.final_norm = nn.LayerNorm(config.hidden_size)
        self.apply(draw_weights)

    def get_input_embeddings(self) -> nn.Embedding:
        """Token embedding, under the name that PEFT and transformers look for."""
        return self.embedding

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor, inputs_embeds: Tensor | None = None
    ) -> Tensor:
        """Run the network.

        Parameters
        ----------
        input_ids : Tensor, shape (B, T), int64
        attention_mask : Tensor, shape (B, T), int64
            1 where there is a token; padding is never attended to.
        inputs_embeds : Tensor, shape (B, T, H), optional
            Taken in place of the embedding of ``input_ids``.

        Returns
        -------
        Tensor, shape (B, T, H)
            Last hidden state after the final norm.
        """
        hidden = self.embedding(input_ids) if inputs_embeds is None else inputs_embeds
        head_size = self.config.hidden_size // self.config.heads
        cosine, sine = rotation(hidden.shape[1], head_size, hidden.device)
        cosine, sine = cosine.to(hidden.dtype), sine.to(hidden.dtype)
        mask = attention_mask.bool()[:, None, None, :]
        for layer in self.layers:
            hidden = layer(hidden, cosine, sine, mask)
        out: Tensor = self.final_norm(hidden)
        return out
