"""Pooling: closed-form values; padding and special tokens never count."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from engine.embedding.pooling import pool
from engine.encoders.base import BINS, POOLED, pooled_width

NAN = math.nan

#: Two sequences, [CLS] b b b [PAD] and [CLS] b [PAD] [PAD] [PAD]; padding is not a number.
HIDDEN = torch.tensor(
    [
        [[9.0, 9.0], [1.0, -1.0], [2.0, -5.0], [6.0, -3.0], [NAN, NAN]],
        [[8.0, 7.0], [4.0, 0.5], [NAN, NAN], [NAN, NAN], [NAN, NAN]],
    ]
)
ATTENTION = torch.tensor([[1, 1, 1, 1, 0], [1, 1, 0, 0, 0]])
SPECIAL = torch.tensor([[1, 0, 0, 0, 1], [1, 0, 1, 1, 1]])


@pytest.mark.parametrize(
    ("pooling", "summary_index", "expected"),
    [
        ("mean", None, [[3.0, -3.0], [4.0, 0.5]]),
        ("max", None, [[6.0, -1.0], [4.0, 0.5]]),
        ("mean+max", None, [[3.0, -3.0, 6.0, -1.0], [4.0, 0.5, 4.0, 0.5]]),
        # Of 1, 2, 6 the population variance is 14/3; of -1, -5, -3 it is 8/3.
        ("std", None, [[math.sqrt(14 / 3), math.sqrt(8 / 3)], [0.0, 0.0]]),
        # Three tokens over eight bins: 0, 8/3 and 16/3 rounded down.
        (
            "bins",
            None,
            [[1, -1, 0, 0, 2, -5, 0, 0, 0, 0, 6, -3, 0, 0, 0, 0.0], [4, 0.5, *[0.0] * 14]],
        ),
        ("summary", 0, [[9.0, 9.0], [8.0, 7.0]]),
        ("summary", -1, [[6.0, -3.0], [4.0, 0.5]]),  # the last token, not the last column
    ],
)
def test_pooling_has_its_closed_form(device: str, pooling, summary_index, expected):
    pooled = pool(
        HIDDEN.to(device), ATTENTION.to(device), SPECIAL.to(device), pooling, summary_index
    )
    assert pooled.dtype == torch.float32
    assert pooled.device.type == device
    torch.testing.assert_close(pooled.cpu(), torch.tensor(expected))


@pytest.mark.parametrize("pooling", POOLED)
@pytest.mark.parametrize("wild", [1e9, -1e9, math.inf, NAN])
def test_the_states_of_padding_and_special_tokens_do_not_matter(device, pooling, wild):
    masks = ATTENTION.to(device), SPECIAL.to(device)
    counted = (ATTENTION.bool() & ~SPECIAL.bool()).unsqueeze(-1)
    calm, loud = HIDDEN.where(counted, 0.0), HIDDEN.where(counted, wild)
    expected = pool(calm.to(device), *masks, pooling, None)
    torch.testing.assert_close(pool(loud.to(device), *masks, pooling, None), expected)


@pytest.mark.parametrize("pooling", POOLED)
def test_a_sequence_without_bases_pools_to_zeros(device: str, pooling: str):
    hidden = torch.full((2, 3, 4), 5.0, device=device)
    attention = torch.tensor([[1, 1, 0], [0, 0, 0]], device=device)
    special = torch.ones_like(attention)
    zeros = torch.zeros(2, pooled_width(pooling, 4), device=device)
    assert torch.equal(pool(hidden, attention, special, pooling, None), zeros)


def test_the_last_of_no_tokens_is_the_first_column(device: str):
    hidden = torch.arange(6.0, device=device).reshape(1, 3, 2)
    none = torch.zeros(1, 3, dtype=torch.long, device=device)
    assert pool(hidden, none, none, "summary", -1).tolist() == [[0.0, 1.0]]


def test_half_precision_is_summed_in_float32(device: str):
    # 2,049 ones and a step beyond 2,048 is lost in float16.
    hidden = torch.ones(1, 4096, 1, dtype=torch.float16, device=device)
    mask = torch.ones(1, 4096, dtype=torch.long, device=device)
    pooled = pool(hidden, mask, torch.zeros_like(mask), "mean", None)
    assert pooled.dtype == torch.float32
    assert pooled.item() == 1.0


@settings(max_examples=40, deadline=None)
@given(
    arrays.arrays("float32", (4, 3), elements=st.floats(-1e3, 1e3, width=32)),
    st.lists(st.integers(0, 4), min_size=1, max_size=4),
)
def test_padding_to_the_right_changes_nothing(states, lengths):
    """Each row alone, without padding, pools to the same as within the batch."""
    hidden = torch.from_numpy(states).repeat(len(lengths), 1, 1)
    attention = torch.tensor([[int(t < n) for t in range(4)] for n in lengths])
    special = 1 - attention
    for pooling in POOLED:
        batch = pool(hidden, attention, special, pooling, None)
        for row, length in enumerate(lengths):
            alone = hidden[row : row + 1, :length]
            ones = torch.ones(1, length, dtype=torch.long)
            expected = (
                pool(alone, ones, torch.zeros_like(ones), pooling, None)
                if length
                else torch.zeros(1, pooled_width(pooling, 3))
            )
            # A standard deviation is a difference of numbers up to 1e3.
            torch.testing.assert_close(batch[row : row + 1], expected, atol=1e-3, rtol=1e-5)


@pytest.mark.parametrize("pooling", ["mean", "bins"])
def test_a_gradient_reaches_only_what_counts(device: str, pooling: str):
    hidden = HIDDEN.nan_to_num(0.0).to(device).requires_grad_()
    pool(hidden, ATTENTION.to(device), SPECIAL.to(device), pooling, None).sum().backward()
    assert hidden.grad is not None
    counted = (ATTENTION.bool() & ~SPECIAL.bool()).to(device)
    assert torch.equal(hidden.grad.abs().sum(-1) > 0, counted)


def test_the_deviation_of_one_token_has_a_finite_gradient(device: str):
    hidden = HIDDEN.nan_to_num(0.0).to(device).requires_grad_()
    pool(hidden, ATTENTION.to(device), SPECIAL.to(device), "std", None).sum().backward()
    assert hidden.grad is not None
    assert torch.isfinite(hidden.grad).all()


def test_equal_bins_are_means_of_equal_parts(device: str):
    hidden = torch.randn(1, 2 * BINS, 3, generator=torch.Generator().manual_seed(0)).to(device)
    ones = torch.ones(1, 2 * BINS, device=device)
    binned = pool(hidden, ones, torch.zeros_like(ones), "bins", None)
    torch.testing.assert_close(binned, hidden.unflatten(1, (BINS, 2)).mean(2).flatten(1))


def test_an_unknown_pooling_names_the_valid_ones():
    with pytest.raises(ValueError, match="unknown pooling 'median'; one of mean, max, mean\\+max"):
        pool(HIDDEN, ATTENTION, SPECIAL, "median", None)


def test_summary_needs_a_summary_token():
    with pytest.raises(ValueError, match="no summary token"):
        pool(HIDDEN, ATTENTION, SPECIAL, "summary", None)
