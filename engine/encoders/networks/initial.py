"""Random weights before training, as BERT and most networks after it draw them."""

from __future__ import annotations

from torch import nn


def draw_weights(module: nn.Module) -> None:
    """Give one layer normal weights of standard deviation 0.02 and no bias (Devlin et al. 2019).

    That is the ``initializer_range`` of the published configurations. For `nn.Module.apply`; layers
    other than linear ones and embeddings keep what torch draws.
    """
    if isinstance(module, nn.Linear | nn.Embedding):
        nn.init.normal_(module.weight, std=0.02)
    if isinstance(module, nn.Linear) and module.bias is not None:
        nn.init.zeros_(module.bias)
