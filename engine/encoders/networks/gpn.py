"""The networks of GPN: stacks of dilated convolutions over bases.

Written from Benegas et al. 2023 (GPN) and Benegas et al. 2025 (GPN-Animal-Promoter), whose layers
are those of ByteNet (Kalchbrenner et al. 2016) as Yang et al. 2024 (CARP) use them.

The published networks know no padding: they are given windows of one length. Here padding is set to
zero before each convolution, which is what a convolution takes to stand beyond the ends of a
sequence. So tokens are those of the published network for a sequence that is not padded, and the
same whatever stands beside them in a batch.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.encoders.networks.network import Network, draw_weights


@dataclass(frozen=True)
class GpnConfig:
    """Sizes of a `Gpn`.

    Attributes
    ----------
    kernels, dilations : tuple of int
        Of the convolution of each layer.
    inner_size : int
        Width of the convolution in ByteNet layers; 0 for the layers of the first GPN.
    """

    vocabulary_size: int
    hidden_size: int
    kernels: tuple[int, ...]
    dilations: tuple[int, ...]
    inner_size: int


class OneHot(nn.Module):
    """Token i to the i-th unit vector: an embedding without weights."""

    table: Tensor

    def __init__(self, vocabulary_size: int, hidden_size: int) -> None:
        super().__init__()
        # A buffer, so that it follows the network's device and precision.
        self.register_buffer("table", torch.eye(vocabulary_size, hidden_size), persistent=False)

    def forward(self, input_ids: Tensor) -> Tensor:
        """Ids (B, T) to unit vectors (B, T, H)."""
        return self.table[input_ids]


class Convolution(nn.Conv1d):
    """Dilated convolution over tokens that sees zeros in place of padding."""

    def __init__(self, size: int, kernel: int, dilation: int, bias: bool) -> None:
        super().__init__(size, size, kernel, padding="same", dilation=dilation, bias=bias)

    def forward(self, hidden: Tensor, mask: Tensor) -> Tensor:  # type: ignore[override]
        """Hidden states (B, T, H) to hidden states; mask (B, T, 1) is true at tokens."""
        tokens = hidden.masked_fill(~mask, 0.0)
        out: Tensor = super().forward(tokens.transpose(1, 2)).transpose(1, 2)
        return out


class ConvolutionLayer(nn.Module):
    """Layer of the first GPN: a convolution, then a linear layer; each activated and normalized."""

    def __init__(self, config: GpnConfig, kernel: int, dilation: int) -> None:
        super().__init__()
        self.conv = Convolution(config.hidden_size, kernel, dilation, bias=True)
        self.conv_norm = nn.LayerNorm(config.hidden_size)
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)
        self.dense_norm = nn.LayerNorm(config.hidden_size)

    def forward(self, hidden: Tensor, mask: Tensor) -> Tensor:
        """Hidden states (B, T, H) to hidden states; mask (B, T, 1) is true at tokens."""
        hidden = hidden + self.conv_norm(functional.gelu(self.conv(hidden, mask)))
        out: Tensor = hidden + self.dense_norm(functional.gelu(self.dense(hidden)))
        return out


class ByteNetLayer(nn.Module):
    """A convolution between two linear layers, each on the normalized and activated input."""

    def __init__(self, config: GpnConfig, kernel: int, dilation: int) -> None:
        super().__init__()
        self.first_norm = nn.LayerNorm(config.hidden_size, bias=False)
        self.first_dense = nn.Linear(config.hidden_size, config.inner_size, bias=False)
        self.conv_norm = nn.LayerNorm(config.inner_size, bias=False)
        self.conv = Convolution(config.inner_size, kernel, dilation, bias=False)
        self.last_norm = nn.LayerNorm(config.inner_size, bias=False)
        self.last_dense = nn.Linear(config.inner_size, config.hidden_size, bias=False)

    def forward(self, hidden: Tensor, mask: Tensor) -> Tensor:
        """Hidden states (B, T, H) to hidden states; mask (B, T, 1) is true at tokens."""
        inner = self.first_dense(functional.gelu(self.first_norm(hidden)))
        inner = self.conv(functional.gelu(self.conv_norm(inner)), mask)
        out: Tensor = hidden + self.last_dense(functional.gelu(self.last_norm(inner)))
        return out


class Gpn(Network):
    """GPN without its language-model head.

    The first GPN starts from unit vectors and ends without a norm; the one with ByteNet layers has
    a table of embeddings and a final norm.
    """

    def __init__(self, config: GpnConfig) -> None:
        super().__init__()
        self.config = config
        layer = ByteNetLayer if config.inner_size else ConvolutionLayer
        self.embedding: nn.Module
        self.final_norm: nn.Module
        if config.inner_size:
            self.embedding = nn.Embedding(config.vocabulary_size, config.hidden_size)
            self.final_norm = nn.LayerNorm(config.hidden_size, bias=False)
        else:
            self.embedding = OneHot(config.vocabulary_size, config.hidden_size)
            self.final_norm = nn.Identity()
        self.layers = nn.ModuleList(
            layer(config, kernel, dilation)
            for kernel, dilation in zip(config.kernels, config.dilations, strict=True)
        )
        self.apply(draw_weights)

    def run(self, words: Tensor, attention_mask: Tensor) -> Tensor:
        """See `Network`."""
        hidden, mask = words, attention_mask.bool()[:, :, None]
        for layer in self.layers:
            hidden = layer(hidden, mask)
        out: Tensor = self.final_norm(hidden)
        return out
