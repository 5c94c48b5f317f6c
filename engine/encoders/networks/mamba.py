"""The selective state space of Mamba (Gu and Dao 2023), in plain torch.

The kernel of the package ``mamba_ssm`` is taken on a GPU where it is installed: the scan alone, so
that every projection is still called as a module and an adapter on it acts.
"""

from __future__ import annotations

import importlib
import importlib.util
import math

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

#: Values of one step of the scan, about: few steps on a GPU, states that stay in cache on a CPU.
STEP_VALUES = {"cpu": 2**15, "cuda": 2**22}


def selective_scan(u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor) -> Tensor:
    """State space model whose step size and projections depend on the input.

    ``h[t] = exp(delta[t] A) h[t-1] + delta[t] B[t] u[t]`` and ``y[t] = C[t] h[t] + D u[t]``
    (Gu and Dao 2023, algorithm 2), for each channel, from ``h[-1] = 0``, in float32.

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
    values = [x.float() for x in (u, delta, A, B, C)]
    if u.is_cuda and importlib.util.find_spec("mamba_ssm") is not None:
        scanned = _kernel_scan(*values)
    elif torch.is_grad_enabled() and any(x.requires_grad for x in values):
        # The scan holds N times as much as its inputs and outputs: it is run again for gradients.
        scanned = checkpoint(_chunked_scan, *values, use_reentrant=False)
    else:
        scanned = _chunked_scan(*values)
    return (scanned + values[0] * D.float()).to(u.dtype)


def _kernel_scan(u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor) -> Tensor:
    """``C h`` by the kernel of mamba_ssm, which wants time last."""
    kernel = importlib.import_module("mamba_ssm.ops.selective_scan_interface").selective_scan_fn
    u, delta, B, C = (x.transpose(1, 2).contiguous() for x in (u, delta, B, C))
    scanned: Tensor = kernel(u, delta, A, B, C).transpose(1, 2)
    return scanned


def _chunked_scan(u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor) -> Tensor:
    """``C h``, shape (B, T, D): step by step inside chunks, all chunks at once.

    Each chunk starts from an empty state; what its predecessors leave is added afterwards. All
    exponents are negative, so nothing overflows. Where one step of the whole batch is work
    enough, there is one chunk and nothing to add.
    """
    batch, length, width = u.shape
    states = A.shape[1]
    step = max(1, batch * width * states)
    chunks = max(1, min(STEP_VALUES.get(u.device.type, 2**15) // step, math.isqrt(length)))
    size = math.ceil(length / chunks)

    def cut(x: Tensor) -> Tensor:
        """(B, T, *) to (size, B, chunks, *); a step of length 0 at the end changes no state."""
        padded = functional.pad(x, (0, 0, 0, chunks * size - length))
        return padded.view(batch, chunks, size, -1).permute(2, 0, 1, 3).contiguous()

    delta, source, B, C = cut(delta), cut(delta * u), cut(B).unsqueeze(-1), cut(C).unsqueeze(-2)
    A = A.T.contiguous()
    state = u.new_zeros(batch, chunks, states, width)
    out = []
    for t in range(size):
        decay = torch.exp(delta[t].unsqueeze(-2) * A)
        state = torch.addcmul(source[t].unsqueeze(-2) * B[t], decay, state)
        out.append(C[t] @ state)
    if chunks > 1:
        total = delta.cumsum(dim=0)
        decay = torch.exp(total[-1].unsqueeze(-2) * A)
        carried = [torch.zeros_like(state[:, 0])]
        for k in range(chunks - 1):
            carried.append(torch.addcmul(state[:, k], decay[:, k], carried[-1]))
        start = torch.stack(carried, dim=1)
        for t in range(size):
            # Below the bound nothing is left to add, and smaller results make `exp` ten times slower.
            decay = torch.exp((total[t].unsqueeze(-2) * A).clamp_min(-60))
            out[t] = out[t] + C[t] @ (decay * start)
    return torch.cat(out, dim=-2).view(batch, chunks * size, width)[:, :length]


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
        delta = functional.softplus(self.dt_proj(low_rank).float())
        return selective_scan(u, delta, -torch.exp(self.A_log.float()), B, C, self.D)
