"""The long convolution against the sum that defines it."""

import pytest
import torch

from engine.encoders.networks.hyena import long_convolution
from engine.testing.rounding import CLOSE_IN_FLOAT64, assert_close


def direct_convolution(signal, kernel):
    """The sum that defines it, term by term."""
    out = torch.zeros_like(signal)
    for t in range(signal.shape[1]):
        for s in range(t + 1):
            out[:, t] += kernel[t - s] * signal[:, s]
    return out


@pytest.mark.parametrize("length", [1, 2, 7, 16])
def test_long_convolution_is_the_causal_sum(length):
    generator = torch.Generator().manual_seed(0)
    signal = torch.randn(2, length, 3, generator=generator, dtype=torch.float64)
    kernel = torch.randn(length, 3, generator=generator, dtype=torch.float64)
    found, expected = long_convolution(signal, kernel), direct_convolution(signal, kernel)
    assert_close(found, expected, CLOSE_IN_FLOAT64)


def test_long_convolution_has_the_right_gradients():
    generator = torch.Generator().manual_seed(0)
    signal = torch.randn(2, 5, 3, generator=generator, dtype=torch.float64, requires_grad=True)
    kernel = torch.randn(5, 3, generator=generator, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(long_convolution, (signal, kernel))
