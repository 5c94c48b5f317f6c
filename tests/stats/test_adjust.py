"""Adjusted p-values are those of the papers, and NaN is no test."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.stats import adjust

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
