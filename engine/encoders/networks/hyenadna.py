"""HyenaDNA: causal long convolutions whose filters are drawn by a small network.

Nguyen et al. 2023 (HyenaDNA) and Poli et al. 2023 (Hyena Hierarchy), in the published layout:
names of parameters are those of the published checkpoints below ``hyena.backbone``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.encoders.networks.hyena import long_convolution
from engine.encoders.networks.network import Network
from engine.encoders.networks.precision import full_precision


@dataclass(frozen=True)
class HyenaDnaConfig:
    """Sizes of a `HyenaDna`, under their published names.

    Attributes
    ----------
    vocab_size : int
        Tokens, before it is rounded up to a multiple of `pad_vocab_size_multiple`.
    d_model, n_layer, d_inner : int
        Width, layers, width inside the MLP.
    max_seq_len : int
        Longest input; positions are parts of it.
    emb_dim, filter_order, num_inner_mlps : int
        Of the network that draws a filter: inputs, width, hidden layers after the first.
    activation_freq : float
        Frequency of its sine activation before training.
    short_filter_order : int
        Taps of the short convolution.
    """

    vocab_size: int
    d_model: int
    n_layer: int
    d_inner: int
    max_seq_len: int
    emb_dim: int
    filter_order: int
    num_inner_mlps: int
    activation_freq: float
    short_filter_order: int
    layer_norm_epsilon: float
    pad_vocab_size_multiple: int


class Sine(nn.Module):
    """Sine of a learned frequency, which all layers of a filter's network share."""

    def __init__(self, width: int, frequency: float) -> None:
        super().__init__()
        self.freq = nn.Parameter(torch.full((1, width), float(frequency)))

    def forward(self, x: Tensor) -> Tensor:
        """Of each value."""
        return torch.sin(self.freq * x)


class FilterNetwork(nn.ModuleDict):
    """Positional encoding (L, E) to filter (L, H); keys are the published places in a sequence.

    It stays in float32 where the rest of the network is in half precision, which tells only a few
    hundred positions apart; and sines of high frequency multiply what rounding does to a weight.
    """

    def __init__(self, config: HyenaDnaConfig) -> None:
        width = config.filter_order
        hidden = {str(2 * i): nn.Linear(width, width) for i in range(1, config.num_inner_mlps + 1)}
        last = str(2 * config.num_inner_mlps + 2)
        super().__init__(
            {
                "0": nn.Linear(config.emb_dim, width),
                "1": Sine(width, config.activation_freq),
                **hidden,
                last: nn.Linear(width, config.d_model, bias=False),
            }
        )
        self.hidden, self.last = ("0", *hidden), last

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """Follow to a device, and to a dtype that is not half precision."""

        def follow(t: Tensor) -> Tensor:
            moved = fn(t)
            return t.to(moved.device, torch.promote_types(moved.dtype, torch.float32))

        super()._apply(follow, recurse)  # type: ignore[no-untyped-call]
        return self

    def forward(self, encoding: Tensor) -> Tensor:
        """Sine layers, then a linear one."""
        for key in self.hidden:
            encoding = self["1"](self[key](encoding))
        out: Tensor = self[self.last](encoding)
        return out


class Filter(nn.Module):
    """The implicit long filter (Poli et al. 2023, section 3.3)."""

    def __init__(self, config: HyenaDnaConfig) -> None:
        super().__init__()
        self.config = config
        self.bias = nn.Parameter(torch.randn(config.d_model))
        self.implicit_filter = FilterNetwork(config)

    def forward(self, length: int) -> Tensor:
        """Filter values, shape (length, H), float32 or float64."""
        config, device = self.config, self.bias.device
        position = torch.arange(length, device=device, dtype=torch.float32)[:, None]
        encoding = positional_encoding(position, config.max_seq_len, config.emb_dim)
        with torch.autocast(device.type, enabled=False):
            dtype = next(self.implicit_filter.parameters()).dtype
            values: Tensor = self.implicit_filter(encoding.to(dtype))
        return values * window(position, config.max_seq_len, config.d_model)


def positional_encoding(position: Tensor, max_seq_len: int, size: int) -> Tensor:
    """Time from 0 to 1, then cosine and minus sine of slow to fast angles.

    Parameters
    ----------
    position : Tensor, shape (L, 1), float32
        In tokens.
    max_seq_len : int
    size : int
        Odd number of values.

    Returns
    -------
    Tensor, shape (L, size), float32
    """
    bands = (size - 1) // 2
    frequency = torch.linspace(1e-4, bands - 1, bands, device=position.device)
    angle = frequency * (2 * math.pi * position / max_seq_len)
    return torch.cat([position / (max_seq_len - 1), angle.cos(), -angle.sin()], dim=1)


def window(position: Tensor, max_seq_len: int, channels: int) -> Tensor:
    """Exponential decay to 0.01 after 1.5 to 0.3 of the longest input, over a floor of 0.05."""
    rate = -torch.linspace(
        math.log(1e-2) / 1.5, math.log(1e-2) / 0.3, channels, device=position.device
    )
    return torch.exp(-rate * position / (max_seq_len - 1)) + 0.05


class Operator(nn.Module):
    """Hyena operator of order 2: project, short filter, gate, long filter, gate, project."""

    def __init__(self, config: HyenaDnaConfig) -> None:
        super().__init__()
        size, taps = config.d_model, config.short_filter_order
        self.in_proj = nn.Linear(size, 3 * size)
        self.short_filter = nn.Conv1d(3 * size, 3 * size, taps, padding=taps - 1, groups=3 * size)
        self.filter_fn = Filter(config)
        self.out_proj = nn.Linear(size, size)

    def forward(self, hidden: Tensor) -> Tensor:
        """Hidden states (B, T, H) to hidden states."""
        length = hidden.shape[1]
        projected = self.in_proj(hidden).transpose(1, 2)
        filtered = self.short_filter(projected)[..., :length].transpose(1, 2)
        gate_out, gate_in, value = filtered.chunk(3, dim=-1)
        value = value * gate_in
        mixed = long_convolution(full_precision(value), self.filter_fn(length)).to(value.dtype)
        out: Tensor = self.out_proj((mixed + value * self.filter_fn.bias) * gate_out)
        return out


class Mlp(nn.Module):
    """Two linear layers around a GELU in its tanh form."""

    def __init__(self, config: HyenaDnaConfig) -> None:
        super().__init__()
        self.fc1 = nn.Linear(config.d_model, config.d_inner)
        self.fc2 = nn.Linear(config.d_inner, config.d_model)

    def forward(self, hidden: Tensor) -> Tensor:
        """Hidden states (B, T, H) to hidden states."""
        out: Tensor = self.fc2(functional.gelu(self.fc1(hidden), approximate="tanh"))
        return out


class Block(nn.Module):
    """An operator, then an MLP, each on the normalized residual (float32) and added to it."""

    def __init__(self, config: HyenaDnaConfig) -> None:
        super().__init__()
        self.mixer = Operator(config)
        self.norm1 = nn.LayerNorm(config.d_model, eps=config.layer_norm_epsilon)
        self.mlp = Mlp(config)
        self.norm2 = nn.LayerNorm(config.d_model, eps=config.layer_norm_epsilon)

    def forward(self, residual: Tensor) -> Tensor:
        """Residual (B, T, H), float32, to residual."""
        dtype = self.norm1.weight.dtype
        residual = residual + self.mixer(self.norm1(residual.to(dtype)))
        out: Tensor = residual + self.mlp(self.norm2(residual.to(dtype)))
        return out


class HyenaDna(Network):
    """Token embedding, Hyena blocks, final norm.

    Causal: a state depends on its token and those before. Padding stands on the right, so no
    token's state can depend on it and the mask is not needed.
    """

    table = "embeddings.word_embeddings"

    def __init__(self, config: HyenaDnaConfig) -> None:
        super().__init__()
        multiple = config.pad_vocab_size_multiple
        size = math.ceil(config.vocab_size / multiple) * multiple
        self.embeddings = nn.ModuleDict({"word_embeddings": nn.Embedding(size, config.d_model)})
        self.layers = nn.ModuleList(Block(config) for _ in range(config.n_layer))
        self.ln_f = nn.LayerNorm(config.d_model, eps=config.layer_norm_epsilon)
        self._initialize(config.n_layer)

    def run(self, words: Tensor, attention_mask: Tensor) -> Tensor:
        """See `Network`; the mask is not read."""
        residual = full_precision(words)
        for block in self.layers:
            residual = block(residual)
        out: Tensor = self.ln_f(residual.to(self.ln_f.weight.dtype))
        return out

    def _initialize(self, layers: int) -> None:
        """Normal weights of 0.02, less where they add to the residual, as published (GPT-2)."""
        for name, module in self.named_modules():
            if isinstance(module, nn.Linear | nn.Embedding):
                on_residual = name.endswith(("out_proj", "fc2"))
                std = 0.02 / math.sqrt(2 * layers) if on_residual else 0.02
                nn.init.normal_(module.weight, std=std)
            if isinstance(module, nn.Linear) and module.bias is not None:
                nn.init.zeros_(module.bias)
