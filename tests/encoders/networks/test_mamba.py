"""The selective scan against its recurrence."""

import pytest
import torch

from engine.encoders.networks import mamba
from engine.encoders.networks.mamba import selective_scan
from engine.testing.rounding import assert_close


def scan_by_definition(u, delta, A, B, C, D):
    """Gu and Dao 2023, equations 2a and 2b, one step after the other."""
    state = torch.zeros(u.shape[0], u.shape[2], A.shape[1], dtype=u.dtype)
    out = []
    for t in range(u.shape[1]):
        step = delta[:, t, :, None]
        state = torch.exp(step * A) * state + step * B[:, t, None, :] * u[:, t, :, None]
        out.append((state * C[:, t, None, :]).sum(-1) + D * u[:, t])
    return torch.stack(out, dim=1)


def scan_inputs(length):
    draw = torch.Generator().manual_seed(0)
    shapes = [(2, length, 3), (2, length, 3), (3, 4), (2, length, 4), (2, length, 4), (3,)]
    u, delta, A, B, C, D = (torch.randn(shape, generator=draw) for shape in shapes)
    return u, torch.nn.functional.softplus(delta), -A.exp(), B, C, D


@pytest.mark.parametrize("block", [1, 100, 10_000])
@pytest.mark.parametrize("length", [1, 2, 37])
def test_scan_is_the_recurrence(monkeypatch, length, block):
    monkeypatch.setitem(mamba.BLOCK_VALUES, "cpu", block)
    values = scan_inputs(length)
    expected = scan_by_definition(*(v.double() for v in values)).float()
    assert_close(selective_scan(*values), expected)


@pytest.mark.parametrize("block", [100, 10_000])
def test_scan_has_the_gradients_of_the_recurrence(monkeypatch, block):
    monkeypatch.setitem(mamba.BLOCK_VALUES, "cpu", block)
    ours, theirs = ([v.requires_grad_() for v in scan_inputs(23)] for _ in range(2))
    selective_scan(*ours).square().sum().backward()
    scan_by_definition(*theirs).square().sum().backward()
    for left, right in zip(ours, theirs, strict=True):
        assert_close(left.grad, right.grad, tolerance=1e-4)


def test_scan_forgets_without_overflow():
    u, delta, A, B, C, D = scan_inputs(64)
    values = (u, 50 * delta, 50 * A, B, C, D)
    assert_close(selective_scan(*values), scan_by_definition(*values), tolerance=1e-4)
