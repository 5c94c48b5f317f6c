"""A small bidirectional attention encoder."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional

from engine.encoders.networks.attention import rotate, rotation
from engine.encoders.networks.network import Network, draw_weights


@dataclass(frozen=True)
class BertConfig:
    """Sizes of a `Bert`.

    Attributes
    ----------
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


class Bert(Network):
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

    def run(self, words: Tensor, attention_mask: Tensor) -> Tensor:
        """See `Network`."""
        positions = rotation(words.shape[1], self.config.hidden_size // self.config.heads, words)
        mask = attention_mask.bool()[:, None, None, :]
        hidden = words
        for layer in self.layers:
            hidden = layer(hidden, *positions, mask)
        out: Tensor = self.final_norm(hidden)
        return out
