"""The digits that a part of a network needs, whatever the rest of it is in."""

import torch
from torch import Tensor


def full_precision(values: Tensor) -> Tensor:
    """Values in float32; those in float64 as they are."""
    return values.to(torch.promote_types(values.dtype, torch.float32))
