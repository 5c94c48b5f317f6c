"""The network of Nucleotide Transformer: ESM with learned or rotary positions.

Written from Dalla-Torre et al. 2024 (Nucleotide Transformer) and Rives et al. 2021, Lin et al. 2023
(ESM-1b, ESM-2). Modules bear the names of the published state dict, so that it loads by name. Stock
transformers has the variant with learned positions, but drops them when given embeddings in place
of ids, which prompt tuning does; hence one network here for both. Everything but the scores of
attention runs over the attended tokens alone, packed (N, H); see `Grid`.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional

from engine.encoders.networks.attention import Dense, Rotation, SelfAttention, rotation
from engine.encoders.networks.network import Network, draw_weights
from engine.encoders.networks.packing import Grid

MASK_DROPOUT_SCALE = 1 - 0.15 * 0.8
"""Embeddings in pre-training with token dropout: 15 % chosen, 80 % of these zeroed as <mask>. A
sequence without <mask> is scaled by what was left on average, as in ESM."""


@dataclass(frozen=True)
class EsmConfig:
    """Sizes of an `Esm`, under their published names.

    Attributes
    ----------
    pad_token_id : int
        Rows of the table of positions up to this one are unused.
    max_position_embeddings : int
        Rows of the table of learned positions.
    rotary : bool
        Whether positions are rotary, and there is no table.
    gated : bool
        MLP with SwiGLU and no bias, else GELU and bias.
    token_dropout : bool
        Embeddings are scaled by `MASK_DROPOUT_SCALE`.
    """

    vocab_size: int
    hidden_size: int
    num_hidden_layers: int
    num_attention_heads: int
    intermediate_size: int
    layer_norm_eps: float
    pad_token_id: int
    max_position_embeddings: int
    rotary: bool
    gated: bool
    token_dropout: bool

    @property
    def first_position(self) -> int:
        """Row of the first token in the table of positions."""
        return self.pad_token_id + 1


class Embeddings(nn.Module):
    """Token embedding, and learned positions where there are any."""

    def __init__(self, config: EsmConfig) -> None:
        super().__init__()
        self.scale = MASK_DROPOUT_SCALE if config.token_dropout else 1.0
        self.first = config.first_position
        self.word_embeddings = nn.Embedding(config.vocab_size, config.hidden_size)
        self.position_embeddings = (
            None
            if config.rotary
            else nn.Embedding(config.max_position_embeddings, config.hidden_size)
        )

    def forward(self, words: Tensor, grid: Grid) -> Tensor:
        """Word embeddings (N, H) to the input of the first layer."""
        hidden = words * self.scale
        if self.position_embeddings is None:
            return hidden
        return hidden + grid.positions(self.position_embeddings, self.first)


class Attention(nn.Module):
    """Attention on the normalized input, added to it."""

    def __init__(self, config: EsmConfig) -> None:
        super().__init__()
        self.self = SelfAttention(config.hidden_size, config.num_attention_heads)
        self.output = Dense(config.hidden_size, config.hidden_size)
        self.LayerNorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)

    def forward(self, hidden: Tensor, grid: Grid, positions: Rotation | None) -> Tensor:
        """Hidden states (N, H) to hidden states."""
        out: Tensor = hidden + self.output(self.self(self.LayerNorm(hidden), grid, positions))
        return out


class Layer(nn.Module):
    """Attention, then an MLP, each on the normalized input and added to it (pre-norm)."""

    def __init__(self, config: EsmConfig) -> None:
        super().__init__()
        size, inner = config.hidden_size, config.intermediate_size
        self.gated = config.gated
        self.attention = Attention(config)
        self.LayerNorm = nn.LayerNorm(size, eps=config.layer_norm_eps)
        self.intermediate = Dense(size, (1 + config.gated) * inner, bias=not config.gated)
        self.output = Dense(inner, size, bias=not config.gated)

    def forward(self, hidden: Tensor, grid: Grid, positions: Rotation | None) -> Tensor:
        """Hidden states (N, H) to hidden states."""
        hidden = self.attention(hidden, grid, positions)
        inner = self.intermediate(self.LayerNorm(hidden))
        if self.gated:
            # SwiGLU (Shazeer 2020): the first half goes through SiLU.
            gate, value = inner.chunk(2, dim=-1)
            inner = functional.silu(gate) * value
        else:
            inner = functional.gelu(inner)
        out: Tensor = hidden + self.output(inner)
        return out


class Esm(Network):
    """ESM without pooler, language-model head and contact head.

    Tokens are without <mask>: its special treatment in pre-training is not needed to encode. States
    are zero at padding.
    """

    table = "embeddings.word_embeddings"

    def __init__(self, config: EsmConfig) -> None:
        super().__init__()
        self.config = config
        self.embeddings = Embeddings(config)
        layers = nn.ModuleList(Layer(config) for _ in range(config.num_hidden_layers))
        norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.encoder = nn.ModuleDict({"layer": layers, "emb_layer_norm_after": norm})
        self.apply(draw_weights)

    def run(self, words: Tensor, attention_mask: Tensor) -> Tensor:
        """See `Network`."""
        grid = Grid.of(attention_mask.bool())
        hidden = self.embeddings(grid.pack(words), grid)
        head_size = self.config.hidden_size // self.config.num_attention_heads
        positions = rotation(grid.length, head_size, hidden) if self.config.rotary else None
        for layer in self.encoder["layer"].children():
            hidden = layer(hidden, grid, positions)
        return grid.unpack(self.encoder["emb_layer_norm_after"](hidden))
