"""The selective state space of Mamba (Gu and Dao 2023), in plain torch.

The kernel of the package ``mamba_ssm`` is taken on a GPU where it is installed: the scan alone, so
that every projection is still called as a module and an adapter on it acts.
"""

from __future__ import annotations

import importlib
import importlib.util
import math
from functools import cache

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from engine.encoders.networks.precision import full_precision

#: Values of the states (batch, time, state, channel) that are held at once.
BLOCK_VALUES = {"cpu": 2**18, "cuda": 2**26}


def selective_scan(u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor) -> Tensor:
    """State space model whose step size and projections depend on the input.

    ``h[t] = exp(delta[t] A) h[t-1] + delta[t] B[t] u[t]`` and ``y[t] = C[t] h[t] + D u[t]``
    (Gu and Dao 2023, algorithm 2), for each channel, from ``h[-1] = 0``, in float32 or float64.

    Parameters
    ----------
    u, delta : Tensor, shape (B, T, D)
        Input, and step size (positive).
    A : Tensor, shape (D, N)
        Decay rates (negative).
    B, C : Tensor, shape (B, T, N)
        Projections into and out of the state.
    D : Tensor, shape (D,)
        Skip.

    Returns
    -------
    Tensor, shape (B, T, D)
        In the dtype of ``u``.
    """
    values = tuple(map(full_precision, (u, delta, A, B, C)))
    # Autocast would round the states before they are read out.
    with torch.autocast(u.device.type, enabled=False):
        scanned = _kernel_scan(*values) if u.is_cuda and _has_kernel() else _blocked_scan(*values)
    return (scanned + values[0] * full_precision(D)).to(u.dtype)


@cache
def _has_kernel() -> bool:
    """Whether mamba_ssm was built with the compiled scan of the first Mamba."""
    return importlib.util.find_spec("selective_scan_cuda") is not None


def _kernel_scan(u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor) -> Tensor:
    """``C h`` by the kernel of mamba_ssm, which wants time last."""
    kernel = importlib.import_module("mamba_ssm.ops.selective_scan_interface").selective_scan_fn
    u, delta, B, C = (x.transpose(1, 2).contiguous() for x in (u, delta, B, C))
    scanned: Tensor = kernel(u, delta, A, B, C).transpose(1, 2)
    return scanned


def _blocked_scan(u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor) -> Tensor:
    """``C h``, shape (B, T, D), block of time after block of time.

    For gradients only the states between blocks are kept, and each block is run again: all states
    are N times as much as the inputs.
    """
    rates = A.T.contiguous()
    state = u.new_zeros(len(u), *rates.shape)
    steps = max(1, BLOCK_VALUES[u.device.type] // max(1, state.numel()))
    by_time = (x.transpose(0, 1).contiguous() for x in (delta, delta * u, B, C))
    out = []
    for block in zip(*(torch.split(x, steps) for x in by_time), strict=True):
        if torch.is_grad_enabled():
            scanned, state = checkpoint(_scan_block, state, rates, *block, use_reentrant=False)
        else:
            scanned, state = _scan_block(state, rates, *block)
        out.append(scanned)
    return torch.cat(out).transpose(0, 1)


def _scan_block(
    state: Tensor, rates: Tensor, delta: Tensor, source: Tensor, B: Tensor, C: Tensor
) -> tuple[Tensor, Tensor]:
    """``C h`` of some steps, shape (T, B, D), and the last state, shape (B, N, D)."""
    decay = torch.exp(delta.unsqueeze(-2) * rates)
    fresh = source.unsqueeze(-2) * B.unsqueeze(-1)
    states = []
    for t in range(len(delta)):
        state = torch.addcmul(fresh[t], decay[t], state)
        states.append(state)
    return (C.unsqueeze(-2) @ torch.stack(states)).squeeze(-2), state


class SelectiveStateSpace(nn.Module):
    """What stands between Mamba's projections: a short causal convolution, then the scan.

    Parameters
    ----------
    d_inner, d_state, d_conv, dt_rank : int
        Channels, states of a channel, taps of the convolution, rank of the step size.
    """

    def __init__(self, d_inner: int, d_state: int, d_conv: int, dt_rank: int) -> None:
        super().__init__()
        self.sizes = [dt_rank, d_state, d_state]
        self.conv1d = nn.Conv1d(d_inner, d_inner, d_conv, groups=d_inner, padding=d_conv - 1)
        self.x_proj = nn.Linear(d_inner, sum(self.sizes), bias=False)
        self.dt_proj = nn.Linear(dt_rank, d_inner)
        rates = torch.arange(1, d_state + 1, dtype=torch.float32).log()
        self.A_log = nn.Parameter(rates.repeat(d_inner, 1))
        self.D = nn.Parameter(torch.ones(d_inner))
        nn.init.uniform_(self.dt_proj.weight, -(dt_rank**-0.5), dt_rank**-0.5)
        # The bias through softplus gives step sizes from 0.001 to 0.1, even in the logarithm.
        step = torch.exp(torch.empty(d_inner).uniform_(math.log(1e-3), math.log(1e-1)))
        with torch.no_grad():
            self.dt_proj.bias.copy_(step + torch.log(-torch.expm1(-step)))

    def forward(self, x: Tensor) -> Tensor:
        """Values (B, T, d_inner) to values; causal."""
        u = functional.silu(self.conv1d(x.transpose(1, 2))[..., : x.shape[1]].transpose(1, 2))
        low_rank, B, C = self.x_proj(u).split(self.sizes, dim=-1)
        delta = functional.softplus(full_precision(self.dt_proj(low_rank)))
        return selective_scan(u, delta, -torch.exp(full_precision(self.A_log)), B, C, self.D)
