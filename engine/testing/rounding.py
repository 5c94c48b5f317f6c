"""How far two runs of one network may lie apart: bounds from float64 and the size of states."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable

import torch
from torch import Tensor, nn

from engine.encoders import Encoder

#: 80 steps of float32: some layers, each sums of up to some thousand numbers of either sign.
CLOSE = 1e-5

#: Of float64, for networks that multiply rounding (2e-16) by up to 10,000.
CLOSE_IN_FLOAT64 = 1e-11

#: Encoders whose network runs in float32 at most, and why.
NO_FLOAT64 = {"mistral-dna-1m": "torch multiplies its experts' matrices in float32 at most"}


def assert_close(left: Tensor, right: Tensor, tolerance: float = CLOSE) -> None:
    """Values that are equal but for rounding."""
    torch.testing.assert_close(left, right, atol=tolerance, rtol=tolerance)


def in_float64(encoder: Encoder) -> Encoder:
    """The encoder in float64, on a CPU; not for those of `NO_FLOAT64`."""
    network = copy.deepcopy(encoder.network).to("cpu").double()
    return dataclasses.replace(encoder, network=network)


def rounding(network: nn.Module, run: Callable[[nn.Module], Tensor]) -> float:
    """By how much rounding to float32 may change what ``run(network)`` gives.

    The largest change, found in float64, when each weight is moved by one float32 step either way.
    Networks whose sines have a high frequency multiply it by hundreds.
    """
    network = copy.deepcopy(network).to("cpu").double()
    draw = torch.Generator().manual_seed(0)
    with torch.no_grad():
        exact = run(network)
        for weight in network.parameters():
            signs = torch.randint(0, 2, weight.shape, generator=draw) * 2 - 1
            weight.mul_(1 + torch.finfo(torch.float32).eps * signs)
        return float((run(network) - exact).abs().max())
