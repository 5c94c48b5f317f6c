"""MosaicBERT, the network of DNABERT-2: attention with linear biases and gated MLPs.

Written from Portes et al. 2023 (MosaicBERT) and Press et al. 2022 (ALiBi). Modules bear the names
of the published state dict, so that it loads by name. As in MosaicBERT, padding costs next to
nothing: everything but the scores of attention runs over the attended tokens alone, packed (N, H).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.encoders.networks.network import Network, draw_weights
from engine.encoders.networks.packing import Grid


@dataclass(frozen=True)
class MosaicBertConfig:
    """Sizes of a `MosaicBert`, under their published names."""

    vocab_size: int
    type_vocab_size: int
    hidden_size: int
    num_hidden_layers: int
    num_attention_heads: int
    intermediate_size: int
    layer_norm_eps: float


def slopes(heads: int) -> list[float]:
    """Slope of each head (Press et al. 2022, section 3): 2^(-8/n), 2^(-16/n), ... for n heads.

    Where n is no power of two, the slopes of the next smaller power come first, then every second
    one of the next larger power (the authors' published rule).
    """
    power = 2 ** math.floor(math.log2(heads))
    first = [2 ** (-8 * (i + 1) / power) for i in range(power)]
    between = [2 ** (-8 * (i + 1) / (2 * power)) for i in range(0, 2 * power, 2)]
    return first + between[: heads - power]


def linear_bias(heads: int, mask: Tensor, dtype: torch.dtype) -> Tensor:
    """Bias added to attention scores: less with distance, none to padding.

    Parameters
    ----------
    heads : int
    mask : Tensor, shape (B, T), bool
        True at tokens.
    dtype : torch.dtype
        Of the bias; distances are exact, the product is rounded.

    Returns
    -------
    Tensor, shape (B, heads, T, T)
        One for all rows, (1, heads, T, T), where nothing is padded.
    """
    place = torch.arange(mask.shape[1], device=mask.device)
    distance = (place[:, None] - place[None, :]).abs()
    slope = torch.tensor(slopes(heads), device=mask.device)
    bias = (-slope[:, None, None] * distance).to(dtype)
    if mask.all():
        return bias[None]
    # The lowest number, not minus infinity: a row of padding alone stays finite.
    return torch.where(mask[:, None, None, :], bias, torch.finfo(dtype).min)


class Embeddings(nn.Module):
    """Token and token-type embedding, normalized; positions are in the attention bias."""

    def __init__(self, config: MosaicBertConfig) -> None:
        super().__init__()
        self.word_embeddings = nn.Embedding(config.vocab_size, config.hidden_size)
        self.token_type_embeddings = nn.Embedding(config.type_vocab_size, config.hidden_size)
        self.LayerNorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)

    def forward(self, words: Tensor) -> Tensor:
        """Word embeddings (N, H) to the input of the first layer; every token is of type 0."""
        out: Tensor = self.LayerNorm(words + self.token_type_embeddings.weight[0])
        return out


class SelfAttention(nn.Module):
    """Multi-head attention with an additive bias."""

    def __init__(self, config: MosaicBertConfig) -> None:
        super().__init__()
        self.heads = config.num_attention_heads
        self.Wqkv = nn.Linear(config.hidden_size, 3 * config.hidden_size)

    def forward(self, hidden: Tensor, grid: Grid, bias: Tensor) -> Tensor:
        """Hidden states (N, H) and bias (B or 1, heads, T, T) to mixed values (N, H)."""
        head_size = hidden.shape[1] // self.heads
        qkv = grid.unpack(self.Wqkv(hidden).view(-1, 3, self.heads, head_size))
        query, key, value = qkv.permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=bias)
        return grid.pack(mixed.transpose(1, 2).flatten(2))


class SelfOutput(nn.Module):
    """Projection, residual, norm."""

    def __init__(self, config: MosaicBertConfig) -> None:
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)
        self.LayerNorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)

    def forward(self, mixed: Tensor, hidden: Tensor) -> Tensor:
        """Mixed values and the attention's input, (N, H) each, to hidden states."""
        out: Tensor = self.LayerNorm(self.dense(mixed) + hidden)
        return out


class Attention(nn.Module):
    """Attention block."""

    def __init__(self, config: MosaicBertConfig) -> None:
        super().__init__()
        self.self = SelfAttention(config)
        self.output = SelfOutput(config)

    def forward(self, hidden: Tensor, grid: Grid, bias: Tensor) -> Tensor:
        """Hidden states (N, H) to hidden states."""
        out: Tensor = self.output(self.self(hidden, grid, bias), hidden)
        return out


class GatedMlp(nn.Module):
    """MLP with a gated linear unit (Shazeer 2020, GEGLU), residual, norm."""

    def __init__(self, config: MosaicBertConfig) -> None:
        super().__init__()
        self.gated_layers = nn.Linear(config.hidden_size, 2 * config.intermediate_size, bias=False)
        self.wo = nn.Linear(config.intermediate_size, config.hidden_size)
        self.layernorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)

    def forward(self, hidden: Tensor) -> Tensor:
        """Hidden states (N, H) to hidden states; the first half goes through GELU."""
        gate, value = self.gated_layers(hidden).chunk(2, dim=-1)
        out: Tensor = self.layernorm(self.wo(functional.gelu(gate) * value) + hidden)
        return out


class Layer(nn.Module):
    """Attention, then an MLP, each added to its input and normalized (post-norm)."""

    def __init__(self, config: MosaicBertConfig) -> None:
        super().__init__()
        self.attention = Attention(config)
        self.mlp = GatedMlp(config)

    def forward(self, hidden: Tensor, grid: Grid, bias: Tensor) -> Tensor:
        """Hidden states (N, H) to hidden states."""
        out: Tensor = self.mlp(self.attention(hidden, grid, bias))
        return out


class MosaicBert(Network):
    """MosaicBERT without pooler and language-model head.

    A state is that of the last layer, which ends with its norm; zero at padding.
    """

    table = "embeddings.word_embeddings"

    def __init__(self, config: MosaicBertConfig) -> None:
        super().__init__()
        self.heads = config.num_attention_heads
        self.embeddings = Embeddings(config)
        layers = nn.ModuleList(Layer(config) for _ in range(config.num_hidden_layers))
        self.encoder = nn.ModuleDict({"layer": layers})
        self.apply(draw_weights)

    def run(self, words: Tensor, attention_mask: Tensor) -> Tensor:
        """See `Network`."""
        mask = attention_mask.bool()
        grid = Grid.of(mask)
        hidden = self.embeddings(grid.pack(words))
        bias = linear_bias(self.heads, mask, hidden.dtype)
        for layer in self.encoder["layer"].children():
            hidden = layer(hidden, grid, bias)
        return grid.unpack(hidden)
