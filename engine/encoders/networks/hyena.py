"""A small causal long-convolution encoder in the manner of HyenaDNA."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.encoders.networks.network import Network
from engine.encoders.networks.precision import full_precision


@dataclass(frozen=True)
class HyenaConfig:
    """Sizes of a `Hyena`.

    Attributes
    ----------
    filter_size : int
        Width of the MLP that draws the long filter.
    filter_periods : int
        Number of periods of the positional encoding, from 2 bases to `longest_half_life`.
    shortest_half_life, longest_half_life : float
        Decay of the filter over the channels, in tokens.
    max_tokens : int
        Longest input it was made for; nothing in the network is sized by it.
    """

    vocabulary_size: int
    hidden_size: int
    layers: int
    mlp_size: int
    filter_size: int
    filter_periods: int
    shortest_half_life: float
    longest_half_life: float
    max_tokens: int


class Filter(nn.Module):
    """The implicit long filter: an MLP of the position, under an exponential decay.

    Poli et al. 2023 (Hyena), section 3.3. The encoding and the decay are in tokens, not in parts
    of the input's length, so that a filter's values do not depend on how long the input is.
    """

    def __init__(self, config: HyenaConfig) -> None:
        super().__init__()
        self.config = config
        self.position_in = nn.Linear(1 + 2 * config.filter_periods, config.filter_size)
        self.position_mid = nn.Linear(config.filter_size, config.filter_size)
        self.position_out = nn.Linear(config.filter_size, config.hidden_size, bias=False)

    def forward(self, length: int) -> Tensor:
        """Filter values, shape (T, H), float32 or float64."""
        config = self.config
        device, dtype = self.position_in.weight.device, self.position_in.weight.dtype
        position = torch.arange(length, device=device, dtype=torch.float32)[:, None]
        periods = torch.logspace(
            1, math.log2(config.longest_half_life), config.filter_periods, base=2, device=device
        )
        angle = 2 * math.pi * position / periods
        relative = position / config.longest_half_life
        encoding = torch.cat([torch.exp(-relative), angle.sin(), angle.cos()], dim=1).to(dtype)
        hidden = torch.sin(self.position_in(encoding))
        hidden = torch.sin(self.position_mid(hidden))
        half_lives = torch.logspace(
            math.log2(config.shortest_half_life),
            math.log2(config.longest_half_life),
            config.hidden_size,
            base=2,
            device=device,
        )
        decay = torch.exp2(-position / half_lives)
        kernel: Tensor = full_precision(self.position_out(hidden)) * decay
        return kernel


def long_convolution(signal: Tensor, kernel: Tensor) -> Tensor:
    """Causal convolution over time by FFT, without wrap-around.

    Parameters
    ----------
    signal : Tensor, shape (B, T, H), float32 or float64
        Half precision has no FFT on CPU and too few digits for one anywhere.
    kernel : Tensor, shape (T, H), of that dtype

    Returns
    -------
    Tensor, shape (B, T, H)
        ``out[t] = sum over s <= t of kernel[t - s] * signal[s]``.
    """
    out: Tensor = _LongConvolution.apply(signal, kernel)  # type: ignore[no-untyped-call]
    return out


class _LongConvolution(torch.autograd.Function):
    """`long_convolution` and its gradients.

    The gradients are correlations, hence products with the conjugate spectrum. They are written
    out because the backward of `torch.fft.rfft` is a complex FFT, twice the work of a real one.
    """

    @staticmethod
    def forward(ctx: Any, signal: Tensor, kernel: Tensor) -> Tensor:
        length = signal.shape[1]
        # A power of two: on CPU a size of 5-smooth factors took three times as long.
        size = 1 << (2 * length - 2).bit_length()
        signal_spectrum = torch.fft.rfft(signal, n=size, dim=1)
        kernel_spectrum = torch.fft.rfft(kernel, n=size, dim=0)
        ctx.save_for_backward(signal_spectrum, kernel_spectrum)
        ctx.length, ctx.size = length, size
        out: Tensor = torch.fft.irfft(signal_spectrum * kernel_spectrum, n=size, dim=1)
        return out[:, :length]

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None]:
        signal_spectrum, kernel_spectrum = ctx.saved_tensors
        spectrum = torch.fft.rfft(grad, n=ctx.size, dim=1)
        grad_signal = grad_kernel = None
        if ctx.needs_input_grad[0]:
            product = spectrum * kernel_spectrum.conj()
            grad_signal = torch.fft.irfft(product, n=ctx.size, dim=1)[:, : ctx.length]
        if ctx.needs_input_grad[1]:
            product = (spectrum * signal_spectrum.conj()).sum(dim=0)
            grad_kernel = torch.fft.irfft(product, n=ctx.size, dim=0)[: ctx.length]
        return grad_signal, grad_kernel


class Operator(nn.Module):
    """Hyena operator of order 2: project, short filter, gate, long filter, gate, project."""

    def __init__(self, config: HyenaConfig) -> None:
        super().__init__()
        size = config.hidden_size
        self.in_proj = nn.Linear(size, 3 * size)
        # In two dimensions, one of size 1, because on CPU the one-dimensional form copies.
        self.short_filter = nn.Conv2d(3 * size, 3 * size, (1, 3), padding=(0, 2), groups=3 * size)
        self.long_filter = Filter(config)
        self.skip = nn.Parameter(torch.ones(size))
        self.out_proj = nn.Linear(size, size)

    def forward(self, hidden: Tensor) -> Tensor:
        """Hidden states (B, T, H) to hidden states."""
        length = hidden.shape[1]
        projected = self.in_proj(hidden).transpose(1, 2)[:, :, None]
        filtered = self.short_filter(projected)[:, :, 0, :length].transpose(1, 2)
        gate_out, gate_in, value = filtered.chunk(3, dim=-1)
        value = value * gate_in
        kernel = self.long_filter(length)
        mixed = long_convolution(full_precision(value), kernel).to(value.dtype)
        out: Tensor = self.out_proj((mixed + value * self.skip) * gate_out)
        return out


class Layer(nn.Module):
    """A Hyena operator, then an MLP, each on the normalized input and added to it (pre-norm)."""

    def __init__(self, config: HyenaConfig) -> None:
        super().__init__()
        self.operator_norm = nn.LayerNorm(config.hidden_size)
        self.operator = Operator(config)
        self.mlp_norm = nn.LayerNorm(config.hidden_size)
        self.mlp_in = nn.Linear(config.hidden_size, config.mlp_size)
        self.mlp_out = nn.Linear(config.mlp_size, config.hidden_size)

    def forward(self, hidden: Tensor) -> Tensor:
        """Hidden states (B, T, H) to hidden states."""
        hidden = hidden + self.operator(self.operator_norm(hidden))
        out: Tensor = hidden + self.mlp_out(functional.gelu(self.mlp_in(self.mlp_norm(hidden))))
        return out


class Hyena(Network):
    """Token embedding, Hyena layers, final norm (Nguyen et al. 2023, HyenaDNA).

    Causal: a state depends on its token and those before. Padding stands on the right, so no
    token's state can depend on it and the mask is not needed.
    """

    def __init__(self, config: HyenaConfig) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocabulary_size, config.hidden_size)
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.layers))
        self.final_norm = nn.LayerNorm(config.hidden_size)
        self.apply(_initialize)

    def run(self, words: Tensor, attention_mask: Tensor) -> Tensor:
        """See `Network`; the mask is not read."""
        hidden = words
        for layer in self.layers:
            hidden = layer(hidden)
        out: Tensor = self.final_norm(hidden)
        return out


def _initialize(module: nn.Module) -> None:
    """Normal embedding and layer weights of standard deviation 0.02; the filter MLP keeps its own.

    A filter drawn with weights that small would be the same for all positions.
    """
    if isinstance(module, nn.Embedding):
        nn.init.normal_(module.weight, std=0.02)
    for name in ("in_proj", "out_proj", "mlp_in", "mlp_out"):
        linear = getattr(module, name, None)
        if isinstance(linear, nn.Linear):
            nn.init.normal_(linear.weight, std=0.02)
            nn.init.zeros_(linear.bias)
