"""Attention pooling: a mean that is learned, over the tokens that stand for bases."""

import numpy as np
import torch
from scipy.special import softmax

from engine.embedding.pooling import pool
from engine.encoders import load_encoder
from engine.methods.training.model import AttentionPooling, Model, head_size

GENERATOR = torch.Generator().manual_seed(0)
HIDDEN = torch.randn(3, 6, 8, generator=GENERATOR)
ATTENDED = torch.tensor([[1] * 6, [1, 1, 1, 1, 0, 0], [1, 1, 0, 0, 0, 0]])
SPECIAL = torch.tensor([[1, 0, 0, 0, 0, 1], [1, 0, 0, 1, 1, 1], [1, 1, 1, 1, 1, 1]])


def test_it_starts_as_the_mean() -> None:
    mean = pool(HIDDEN, ATTENDED, SPECIAL, "mean", 0)
    torch.testing.assert_close(AttentionPooling(8)(HIDDEN, ATTENDED, SPECIAL), mean)


def test_it_weighs_bases_by_how_well_they_fit_the_query() -> None:
    pooling = AttentionPooling(8)
    torch.nn.init.normal_(pooling.query, generator=GENERATOR)
    found = pooling(HIDDEN, ATTENDED, SPECIAL).detach().numpy()
    query, states = pooling.query.detach().numpy(), HIDDEN.numpy()
    for row, bases in ((0, slice(1, 5)), (1, slice(1, 3))):
        weights = softmax(states[row, bases] @ query / np.sqrt(8))
        np.testing.assert_allclose(found[row], weights @ states[row, bases], atol=1e-6)
    assert not found[2].any(), "no base, no state"


def test_padding_that_is_not_finite_does_not_count() -> None:
    spoilt = HIDDEN.clone()
    spoilt[1, 4:] = torch.nan
    pooling = AttentionPooling(8)
    torch.nn.init.normal_(pooling.query, generator=GENERATOR)
    expected = pooling(HIDDEN, ATTENDED, SPECIAL)
    found = pooling(spoilt, ATTENDED, SPECIAL)
    torch.testing.assert_close(found, expected)
    found[:2].sum().backward()
    assert torch.isfinite(pooling.query.grad).all()


def test_the_heads_numbers_are_counted_for_every_pooling() -> None:
    encoder = load_encoder("tiny-bert", weights="random")
    for pooling in ("mean", "bins", "mean+max", "attention", "summary"):
        model = Model(encoder, pooling, 5)
        found = sum(p.numel() for p in model.head_modules().parameters())
        assert found == head_size(encoder, pooling, 5), pooling
