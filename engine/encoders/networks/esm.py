"""The network of Nucleotide Transformer: ESM with learned or rotary positions.

Written from Dalla-Torre et al. 2024 (Nucleotide Transformer) and Rives et al. 2021, Lin et al. 2023
(ESM-1b, ESM-2). Modules bear the names of the published state dict, so that it loads by name. Stock
transformers has the variant with learned positions, but drops them when given embeddings in place
of ids, which prompt tuning does; hence one network here for both. Everything but the scores of
attention runs over the attended tokens alone, packed (N, H); see `Grid`.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.basics.errors import UserError
from engine.encoders.networks.bert import rotate, rotation
from engine.encoders.networks.initial import draw_weights
from engine.encoders.networks.packing import Grid

MASK_DROPOUT_SCALE = 1 - 0.15 * 0.8
"""Embeddings in pre-training with token dropout: 15 % chosen, 80 % of these zeroed as <mask>. A
sequence without <mask> is scaled by what was left on average, as in ESM."""


@dataclass(frozen=True)
class EsmConfig:
    """Sizes of an `Esm`.

    Attributes
    ----------
    vocabulary_size, hidden_size, layers, heads, mlp_size : int
    norm_epsilon : float
    position_rows : int
        Rows of the table of learned positions; 0 means rotary positions.
    first_position : int
        Row of the first token; the rows before it are unused (ESM counts from the padding id).
    gated : bool
        MLP with SwiGLU and no bias, else GELU and bias.
    token_dropout : bool
        Embeddings are scaled by `MASK_DROPOUT_SCALE`.
    """

    vocabulary_size: int
    hidden_size: int
    layers: int
    heads: int
    mlp_size: int
    norm_epsilon: float
    position_rows: int
    first_position: int
    gated: bool
    token_dropout: bool


class Embeddings(nn.Module):
    """Token embedding, and learned positions where there are any."""

    def __init__(self, config: EsmConfig) -> None:
        super().__init__()
        self.scale = MASK_DROPOUT_SCALE if config.token_dropout else 1.0
        self.first = config.first_position
        self.word_embeddings = nn.Embedding(config.vocabulary_size, config.hidden_size)
        self.position_embeddings = (
            nn.Embedding(config.position_rows, config.hidden_size) if config.position_rows else None
        )

    def forward(self, words: Tensor, grid: Grid) -> Tensor:
        """Word embeddings (N, H) to the input of the first layer.

        Raises
        ------
        UserError
            If there are more tokens than learned positions.
        """
        hidden = words * self.scale
        if self.position_embeddings is None:
            return hidden
        limit = self.position_embeddings.num_embeddings - self.first
        if grid.length > limit:
            raise UserError(
                f"a sequence has {grid.length} tokens and the encoder has positions for {limit}; "
                f"cut the sequences (N takes a token per base)"
            )
        place = torch.arange(grid.length, device=words.device).repeat(grid.batch)
        place = place if grid.tokens is None else place[grid.tokens]
        out: Tensor = hidden + self.position_embeddings(self.first + place)
        return out


class SelfAttention(nn.Module):
    """Multi-head attention; rotary positions where given."""

    def __init__(self, config: EsmConfig) -> None:
        super().__init__()
        self.heads = config.heads
        self.query = nn.Linear(config.hidden_size, config.hidden_size)
        self.key = nn.Linear(config.hidden_size, config.hidden_size)
        self.value = nn.Linear(config.hidden_size, config.hidden_size)

    def forward(
        self,
        hidden: Tensor,
        grid: Grid,
        mask: Tensor | None,
        positions: tuple[Tensor, Tensor] | None,
    ) -> Tensor:
        """Hidden states (N, H) to mixed values; mask (B, 1, 1, T) is true at tokens."""
        head_size = hidden.shape[1] // self.heads
        query, key, value = (
            grid.unpack(project(hidden).view(-1, self.heads, head_size)).transpose(1, 2)
            for project in (self.query, self.key, self.value)
        )
        if positions is not None:
            query, key = rotate(query, *positions), rotate(key, *positions)
        mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        return grid.pack(mixed.transpose(1, 2).flatten(2))


class Dense(nn.Module):
    """A linear layer under the published name ``dense``."""

    def __init__(self, inputs: int, outputs: int, bias: bool = True) -> None:
        super().__init__()
        self.dense = nn.Linear(inputs, outputs, bias=bias)

    def forward(self, hidden: Tensor) -> Tensor:
        """(..., inputs) to (..., outputs)."""
        out: Tensor = self.dense(hidden)
        return out


class Attention(nn.Module):
    """Attention on the normalized input, added to it."""

    def __init__(self, config: EsmConfig) -> None:
        super().__init__()
        self.self = SelfAttention(config)
        self.output = Dense(config.hidden_size, config.hidden_size)
        self.LayerNorm = nn.LayerNorm(config.hidden_size, eps=config.norm_epsilon)

    def forward(
        self,
        hidden: Tensor,
        grid: Grid,
        mask: Tensor | None,
        positions: tuple[Tensor, Tensor] | None,
    ) -> Tensor:
        """Hidden states (N, H) to hidden states."""
        out: Tensor = hidden + self.output(self.self(self.LayerNorm(hidden), grid, mask, positions))
        return out


class Layer(nn.Module):
    """Attention, then an MLP, each on the normalized input and added to it (pre-norm)."""

    def __init__(self, config: EsmConfig) -> None:
        super().__init__()
        self.gated = config.gated
        self.attention = Attention(config)
        self.LayerNorm = nn.LayerNorm(config.hidden_size, eps=config.norm_epsilon)
        width = 2 * config.mlp_size if config.gated else config.mlp_size
        self.intermediate = Dense(config.hidden_size, width, bias=not config.gated)
        self.output = Dense(config.mlp_size, config.hidden_size, bias=not config.gated)

    def forward(
        self,
        hidden: Tensor,
        grid: Grid,
        mask: Tensor | None,
        positions: tuple[Tensor, Tensor] | None,
    ) -> Tensor:
        """Hidden states (N, H) to hidden states."""
        hidden = self.attention(hidden, grid, mask, positions)
        inner = self.intermediate(self.LayerNorm(hidden))
        if self.gated:
            # SwiGLU (Shazeer 2020): the first half goes through SiLU.
            gate, value = inner.chunk(2, dim=-1)
            inner = functional.silu(gate) * value
        else:
            inner = functional.gelu(inner)
        out: Tensor = hidden + self.output(inner)
        return out


class Encoder(nn.Module):
    """Stack of layers and the final norm."""

    def __init__(self, config: EsmConfig) -> None:
        super().__init__()
        self.layer = nn.ModuleList(Layer(config) for _ in range(config.layers))
        self.emb_layer_norm_after = nn.LayerNorm(config.hidden_size, eps=config.norm_epsilon)

    def forward(
        self,
        hidden: Tensor,
        grid: Grid,
        mask: Tensor | None,
        positions: tuple[Tensor, Tensor] | None,
    ) -> Tensor:
        """Hidden states (N, H) to hidden states after the final norm."""
        for layer in self.layer:
            hidden = layer(hidden, grid, mask, positions)
        out: Tensor = self.emb_layer_norm_after(hidden)
        return out


class Esm(nn.Module):
    """ESM without pooler, language-model head and contact head."""

    def __init__(self, config: EsmConfig) -> None:
        super().__init__()
        self.config = config
        self.embeddings = Embeddings(config)
        self.encoder = Encoder(config)
        self.apply(draw_weights)

    def get_input_embeddings(self) -> nn.Embedding:
        """Table from a token to its embedding."""
        return self.embeddings.word_embeddings

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor, inputs_embeds: Tensor | None = None
    ) -> Tensor:
        """Run the network.

        Parameters
        ----------
        input_ids : Tensor, shape (B, T), int64
            Without <mask>: its special treatment in pre-training is not needed to encode.
        attention_mask : Tensor, shape (B, T), int64
            1 where there is a token; padding stands on the right and is never attended to.
        inputs_embeds : Tensor, shape (B, T, H), optional
            Taken in place of the word embeddings of ``input_ids``.

        Returns
        -------
        Tensor, shape (B, T, H)
            Last hidden state after the final norm; zero at padding.
        """
        mask = attention_mask.bool()
        grid = Grid.of(mask)
        words = grid.words(self.get_input_embeddings(), input_ids, inputs_embeds)
        hidden = self.embeddings(words, grid)
        positions = None
        if not self.config.position_rows:
            head_size = self.config.hidden_size // self.config.heads
            cosine, sine = rotation(grid.length, head_size, hidden.device)
            positions = cosine.to(hidden.dtype), sine.to(hidden.dtype)
        # Without a mask, attention may take its fastest path.
        attended = None if mask.all() else mask[:, None, None, :]
        return grid.unpack(self.encoder(hidden, grid, attended, positions))
