"""Adjusted p-values are those of the papers, and NaN is no test."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from engine.stats import adjust, adjust_log10, adjust_within, headline_pairs

# R 4.2.2: p.adjust(c(0.01, 0.04, 0.03, 0.005), method)
P = [0.01, 0.04, 0.03, 0.005]
R = {
    "holm": [0.03, 0.06, 0.06, 0.02],
    "bh": [0.02, 0.04, 0.04, 0.02],
    "by": [1 / 24, 1 / 12, 1 / 12, 1 / 24],  # bh times 1 + 1/2 + 1/3 + 1/4
    "none": P,
}


@pytest.mark.parametrize("method", R)
def test_values_of_r(method):
    np.testing.assert_allclose(adjust(P, method), R[method], rtol=1e-14)


@pytest.mark.parametrize(
    ("method", "theirs"), [("holm", "holm"), ("bh", "fdr_bh"), ("by", "fdr_by")]
)
def test_agrees_with_statsmodels(method, theirs):
    p = np.round(np.random.default_rng(0).random(200) ** 3, 2)  # ties and zeros among them
    np.testing.assert_allclose(adjust(p, method), multipletests(p, method=theirs)[1], rtol=1e-12)


@pytest.mark.parametrize("method", R)
def test_nan_stays_nan_and_is_not_counted(method):
    adjusted = adjust([P[0], math.nan, *P[1:], math.nan], method)
    assert np.isnan(adjusted[[1, 5]]).all()
    np.testing.assert_array_equal(adjusted[[0, 2, 3, 4]], adjust(P, method))


@pytest.mark.parametrize("method", R)
def test_empty_and_untested_families(method):
    assert adjust([], method).shape == (0,)
    assert np.isnan(adjust([math.nan], method)).all()


@pytest.mark.parametrize("method", R)
def test_a_family_of_one_is_left_as_it_is(method):
    np.testing.assert_allclose(adjust([0.03], method), [0.03])


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(0, 1), max_size=20), st.sampled_from(["holm", "bh", "by"]))
def test_adjusting_never_lowers_and_keeps_the_order(p_values, method):
    adjusted = adjust(p_values, method)
    assert (adjusted >= np.array(p_values) * (1 - 1e-12)).all()
    assert (adjusted <= 1).all()
    order = np.argsort(p_values, kind="stable")
    assert (np.diff(adjusted[order]) >= -1e-15).all()


def test_the_input_is_not_changed():
    p_values = np.array(P)
    adjust(p_values, "none")[0] = 1
    adjust(p_values, "holm")
    np.testing.assert_array_equal(p_values, P)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(1e-300, 1), max_size=20), st.sampled_from(["holm", "bh", "by", "none"]))
def test_logarithms_are_adjusted_to_the_same_values(p_values, method):
    adjusted = adjust_log10(np.log10(p_values), method)
    np.testing.assert_allclose(10**adjusted, adjust(p_values, method), rtol=1e-9)


@pytest.mark.parametrize("method", ["holm", "bh", "by"])
def test_logarithms_keep_the_order_where_p_is_zero(method):
    logs = np.array([-700.0, math.nan, -400.0, -5000.0, -0.5])
    adjusted = adjust_log10(logs, method)
    assert np.isnan(adjusted[1])
    assert (np.diff(adjusted[[3, 0, 2, 4]]) > 0).all()
    if method == "holm":
        expected = [
            -700 + math.log10(3),
            math.nan,
            -400 + math.log10(2),
            -5000 + math.log10(4),
            -0.5,
        ]
        np.testing.assert_allclose(adjusted, expected)


def test_families_are_adjusted_each_on_its_own():
    families = ["a", "b", "a", "b", "a"]
    p = [0.01, 0.02, 0.03, math.nan, 0.04]
    adjusted = adjust_within(p, families, "holm")
    np.testing.assert_array_equal(adjusted[[0, 2, 4]], adjust([0.01, 0.03, 0.04], "holm"))
    np.testing.assert_array_equal(adjusted[[1, 3]], adjust([0.02, math.nan], "holm"))
    assert adjust_within([], [], "bh").shape == (0,)


def test_the_headline_is_the_best_against_every_other():
    assert headline_pairs([0.7, 0.9, 0.8]) == [(1, 0), (1, 2)]
    assert headline_pairs([0.9, 0.9]) == [(0, 1)]
    assert headline_pairs([0.5]) == headline_pairs([]) == []
