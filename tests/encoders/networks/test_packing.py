"""Tokens without their padding, and back."""

import torch

from engine.encoders.networks.packing import Grid


def test_grid_packs_tokens_and_unpacks_them_with_zeros():
    grid = Grid.of(torch.tensor([[True, True, False], [True, False, False]]))
    padded = torch.arange(1.0, 13.0).view(2, 3, 2)
    packed = grid.pack(padded)
    assert packed.tolist() == [[1, 2], [3, 4], [7, 8]]
    assert grid.unpack(packed)[:, :, 0].tolist() == [[1, 3, 0], [7, 0, 0]]
