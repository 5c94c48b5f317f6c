"""BERT with the norm before each block, the network of GENA-LM.

Written from Devlin et al. 2019 (BERT), Xiong et al. 2020 (pre-layer normalization) and Fishman et
al. 2025 (GENA-LM). Modules bear the names of the published state dict, so that it loads by name.
Everything but the scores of attention runs over the attended tokens alone, packed (N, H); see
`Grid`.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional

from engine.encoders.networks.attention import Dense, SelfAttention
from engine.encoders.networks.network import Network, draw_weights
from engine.encoders.networks.packing import Grid


@dataclass(frozen=True)
class PrenormBertConfig:
    """Sizes of a `PrenormBert`, under their published names.

    Attributes
    ----------
    max_position_embeddings : int
        Rows of the table of learned positions: the longest input in tokens.
    last_layer_norm : bool
        Whether the output of the last layer is normalized; most published models go without.
    """

    vocab_size: int
    type_vocab_size: int
    hidden_size: int
    num_hidden_layers: int
    num_attention_heads: int
    intermediate_size: int
    max_position_embeddings: int
    layer_norm_eps: float
    last_layer_norm: bool


class Embeddings(nn.Module):
    """Token, token-type and position embedding, normalized."""

    def __init__(self, config: PrenormBertConfig) -> None:
        super().__init__()
        size = config.hidden_size
        self.word_embeddings = nn.Embedding(config.vocab_size, size)
        self.position_embeddings = nn.Embedding(config.max_position_embeddings, size)
        self.token_type_embeddings = nn.Embedding(config.type_vocab_size, size)
        self.LayerNorm = nn.LayerNorm(size, eps=config.layer_norm_eps)

    def forward(self, words: Tensor, grid: Grid) -> Tensor:
        """Word embeddings (N, H) to the input of the first layer; every token is of type 0."""
        types = self.token_type_embeddings.weight[0]
        out: Tensor = self.LayerNorm(words + types + grid.positions(self.position_embeddings))
        return out


class Attention(nn.Module):
    """Attention and its projection."""

    def __init__(self, config: PrenormBertConfig) -> None:
        super().__init__()
        self.self = SelfAttention(config.hidden_size, config.num_attention_heads)
        self.output = Dense(config.hidden_size, config.hidden_size)

    def forward(self, hidden: Tensor, grid: Grid) -> Tensor:
        """Normalized hidden states (N, H) to what is added to the states."""
        out: Tensor = self.output(self.self(hidden, grid))
        return out


class Layer(nn.Module):
    """Attention, then an MLP, each on the normalized input and added to it (pre-norm)."""

    def __init__(self, config: PrenormBertConfig) -> None:
        super().__init__()
        size, inner = config.hidden_size, config.intermediate_size
        self.pre_attention_ln = nn.LayerNorm(size, eps=config.layer_norm_eps)
        self.attention = Attention(config)
        # The norm of the MLP's input: published under the name of what it follows.
        self.post_attention_ln = nn.LayerNorm(size, eps=config.layer_norm_eps)
        self.intermediate = Dense(size, inner)
        self.output = Dense(inner, size)

    def forward(self, hidden: Tensor, grid: Grid) -> Tensor:
        """Hidden states (N, H) to hidden states."""
        hidden = hidden + self.attention(self.pre_attention_ln(hidden), grid)
        inner = functional.gelu(self.intermediate(self.post_attention_ln(hidden)))
        out: Tensor = hidden + self.output(inner)
        return out


class PrenormBert(Network):
    """Pre-norm BERT without pooler and language-model head; states are zero at padding."""

    table = "embeddings.word_embeddings"

    def __init__(self, config: PrenormBertConfig) -> None:
        super().__init__()
        self.embeddings = Embeddings(config)
        layers = nn.ModuleList(Layer(config) for _ in range(config.num_hidden_layers))
        self.encoder = nn.ModuleDict({"layer": layers})
        if config.last_layer_norm:
            norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
            self.encoder["last_layer_ln"] = norm
        self.apply(draw_weights)

    def run(self, words: Tensor, attention_mask: Tensor) -> Tensor:
        """See `Network`."""
        grid = Grid.of(attention_mask.bool())
        hidden = self.embeddings(grid.pack(words), grid)
        for layer in self.encoder["layer"].children():
            hidden = layer(hidden, grid)
        if "last_layer_ln" in self.encoder:
            hidden = self.encoder["last_layer_ln"](hidden)
        return grid.unpack(hidden)
