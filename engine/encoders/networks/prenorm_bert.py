"""BERT with the norm before each block, the network of GENA-LM.

Written from Devlin et al. 2019 (BERT), Xiong et al. 2020 (pre-layer normalization) and Fishman et
al. 2025 (GENA-LM). Modules bear the names of the published state dict, so that it loads by name.
Everything but the scores of attention runs over the attended tokens alone, packed (N, H); see
`Grid`.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.basics.errors import UserError
from engine.encoders.networks.initial import draw_weights
from engine.encoders.networks.packing import Grid


@dataclass(frozen=True)
class PrenormBertConfig:
    """Sizes of a `PrenormBert`.

    Attributes
    ----------
    vocabulary_size, token_types, hidden_size, layers, heads, mlp_size : int
    positions : int
        Rows of the table of learned positions: the longest input in tokens.
    norm_epsilon : float
    final_norm : bool
        Whether the output of the last layer is normalized; most published models go without.
    """

    vocabulary_size: int
    token_types: int
    hidden_size: int
    layers: int
    heads: int
    mlp_size: int
    positions: int
    norm_epsilon: float
    final_norm: bool


class Embeddings(nn.Module):
    """Token, token-type and position embedding, normalized."""

    def __init__(self, config: PrenormBertConfig) -> None:
        super().__init__()
        self.word_embeddings = nn.Embedding(config.vocabulary_size, config.hidden_size)
        self.position_embeddings = nn.Embedding(config.positions, config.hidden_size)
        self.token_type_embeddings = nn.Embedding(config.token_types, config.hidden_size)
        self.LayerNorm = nn.LayerNorm(config.hidden_size, eps=config.norm_epsilon)

    def forward(self, words: Tensor, grid: Grid) -> Tensor:
        """Word embeddings (N, H) to the input of the first layer; every token is of type 0.

        Raises
        ------
        UserError
            If there are more tokens than learned positions.
        """
        limit = self.position_embeddings.num_embeddings
        if grid.length > limit:
            raise UserError(
                f"a sequence has {grid.length} tokens and the encoder has positions for {limit}; "
                f"cut the sequences"
            )
        place = torch.arange(grid.length, device=words.device).repeat(grid.batch)
        place = place if grid.tokens is None else place[grid.tokens]
        types = self.token_type_embeddings.weight[0]
        out: Tensor = self.LayerNorm(words + types + self.position_embeddings(place))
        return out


class SelfAttention(nn.Module):
    """Multi-head attention."""

    def __init__(self, config: PrenormBertConfig) -> None:
        super().__init__()
        self.heads = config.heads
        self.query = nn.Linear(config.hidden_size, config.hidden_size)
        self.key = nn.Linear(config.hidden_size, config.hidden_size)
        self.value = nn.Linear(config.hidden_size, config.hidden_size)

    def forward(self, hidden: Tensor, grid: Grid, mask: Tensor | None) -> Tensor:
        """Hidden states (N, H) to mixed values; mask (B, 1, 1, T) is true at tokens."""
        head_size = hidden.shape[1] // self.heads
        query, key, value = (
            grid.unpack(project(hidden).view(-1, self.heads, head_size)).transpose(1, 2)
            for project in (self.query, self.key, self.value)
        )
        mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        return grid.pack(mixed.transpose(1, 2).flatten(2))


class Projection(nn.Module):
    """A linear layer under the name that BERT gives it."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.dense = nn.Linear(inputs, outputs)

    def forward(self, hidden: Tensor) -> Tensor:
        """(N, inputs) to (N, outputs)."""
        out: Tensor = self.dense(hidden)
        return out


class Attention(nn.Module):
    """Attention and its projection."""

    def __init__(self, config: PrenormBertConfig) -> None:
        super().__init__()
        self.self = SelfAttention(config)
        self.output = Projection(config.hidden_size, config.hidden_size)

    def forward(self, hidden: Tensor, grid: Grid, mask: Tensor | None) -> Tensor:
        """Normalized hidden states (N, H) to what is added to the states."""
        out: Tensor = self.output(self.self(hidden, grid, mask))
        return out


class Layer(nn.Module):
    """Attention, then an MLP, each on the normalized input and added to it (pre-norm)."""

    def __init__(self, config: PrenormBertConfig) -> None:
        super().__init__()
        self.pre_attention_ln = nn.LayerNorm(config.hidden_size, eps=config.norm_epsilon)
        self.attention = Attention(config)
        # The norm of the MLP's input: published under the name of what it follows.
        self.post_attention_ln = nn.LayerNorm(config.hidden_size, eps=config.norm_epsilon)
        self.intermediate = Projection(config.hidden_size, config.mlp_size)
        self.output = Projection(config.mlp_size, config.hidden_size)

    def forward(self, hidden: Tensor, grid: Grid, mask: Tensor | None) -> Tensor:
        """Hidden states (N, H) to hidden states; mask (B, 1, 1, T) is true at tokens."""
        hidden = hidden + self.attention(self.pre_attention_ln(hidden), grid, mask)
        inner = functional.gelu(self.intermediate(self.post_attention_ln(hidden)))
        out: Tensor = hidden + self.output(inner)
        return out


class Encoder(nn.Module):
    """Stack of layers and, where the model has it, a final norm."""

    def __init__(self, config: PrenormBertConfig) -> None:
        super().__init__()
        self.layer = nn.ModuleList(Layer(config) for _ in range(config.layers))
        self.last_layer_ln = (
            nn.LayerNorm(config.hidden_size, eps=config.norm_epsilon) if config.final_norm else None
        )

    def forward(self, hidden: Tensor, grid: Grid, mask: Tensor | None) -> Tensor:
        """Hidden states (N, H) to hidden states of the last layer."""
        for layer in self.layer:
            hidden = layer(hidden, grid, mask)
        return hidden if self.last_layer_ln is None else self.last_layer_ln(hidden)


class PrenormBert(nn.Module):
    """Pre-norm BERT without pooler and language-model head."""

    def __init__(self, config: PrenormBertConfig) -> None:
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
        attention_mask : Tensor, shape (B, T), int64
            1 where there is a token; padding is never attended to.
        inputs_embeds : Tensor, shape (B, T, H), optional
            Taken in place of the word embeddings of ``input_ids``.

        Returns
        -------
        Tensor, shape (B, T, H)
            Hidden state of the last layer, after the final norm where the model has one; zero at
            padding.

        Raises
        ------
        UserError
            If there are more tokens than learned positions.
        """
        mask = attention_mask.bool()
        grid = Grid.of(mask)
        words = grid.words(self.get_input_embeddings(), input_ids, inputs_embeds)
        # Without a mask, attention may take its fastest path.
        attended = None if mask.all() else mask[:, None, None, :]
        return grid.unpack(self.encoder(self.embeddings(words, grid), grid, attended))
