"""ALiBi: slopes by the authors' rule, and what they make of distance and padding."""

import pytest
import torch

from engine.encoders.networks.mosaicbert import linear_bias, slopes
from engine.encoders.networks.packing import Grid


def test_without_padding_nothing_is_moved_and_rows_share_one_bias():
    mask = torch.ones(2, 3, dtype=torch.bool)
    padded = torch.randn(2, 3, 4)
    grid = Grid.of(mask)
    assert grid.pack(padded).data_ptr() == padded.data_ptr()
    assert torch.equal(grid.unpack(grid.pack(padded)), padded)
    assert linear_bias(4, mask, torch.float32).shape == (1, 4, 3, 3)


def test_slopes_of_a_power_of_two():
    # Press et al. 2022, section 3: for 8 heads 1/2, 1/4, ..., 1/256.
    assert slopes(8) == [2.0**-n for n in range(1, 9)]


def test_slopes_of_twelve_heads():
    # The authors' rule: those of 8 heads, then the first four odd ones of 16.
    assert slopes(12) == pytest.approx(
        [2.0**-n for n in range(1, 9)] + [2.0**-n for n in (0.5, 1.5, 2.5, 3.5)]
    )


def test_bias_falls_with_distance_and_shuts_padding_out():
    bias = linear_bias(2, torch.tensor([[True, True, False]]), torch.float32)
    lowest = torch.finfo(torch.float32).min
    assert bias[0, 0, 0].tolist() == pytest.approx([0, -1 / 16, lowest])
    assert bias[0, 1, 1].tolist() == pytest.approx([-1 / 256, 0, lowest])
