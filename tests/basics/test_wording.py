import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.basics.wording import (
    adjustment,
    correction_label,
    difference,
    duration,
    hours,
    interval,
    listing,
    magnitude,
    moment,
    p_equation,
    p_value,
    plural,
    score,
    shorten,
)
from engine.metrics import METRICS, metric_label


@pytest.mark.parametrize(
    ("p", "log10_p", "text"),
    [
        (1.0, 0.0, "1"),
        (0.31, math.nan, "0.31"),
        (0.042, math.nan, "0.042"),
        (0.0041, math.nan, "0.004"),
        (3.24e-5, math.nan, "3.2e-5"),
        (9.99e-5, math.nan, "1e-4"),
        (1e-290, math.nan, "1e-290"),
        (0.0, -320.0, "1e-320"),
        (0.0, -412.5, "3.2e-413"),
        (0.0, math.nan, "<1e-300"),
        (0.0, -math.inf, "<1e-300"),
        (math.nan, math.nan, "–"),
    ],
)
def test_p_value_is_shown_however_small(p: float, log10_p: float, text: str) -> None:
    assert p_value(p, log10_p) == text


@given(st.floats(min_value=0.001, max_value=1))
def test_rounding_never_moves_a_p_value_over_the_level(p: float) -> None:
    assert (float(p_value(p)) < 0.05) == (p < 0.05)


@given(st.floats(min_value=1e-299, max_value=1))
def test_a_shown_p_value_is_within_six_percent_or_half_a_last_digit(p: float) -> None:
    assert abs(float(p_value(p)) - p) <= max(0.06 * p, 0.0005 if p < 0.1 else 0.005)


def test_p_equation_states_an_underflow_as_a_bound() -> None:
    assert p_equation(0.0) == "p < 1e-300"
    assert p_equation(0.004) == "p = 0.004"
    assert p_equation(math.nan) == "p not available"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0123, "+0.012"),
        (-0.0123, "−0.012"),
        (0.0004, "+0.0004"),
        (0.00001, "+1.0e-5"),
        (-3.24e-6, "−3.2e-6"),
        (1e-16, "0.0000"),
        (0, "0.000"),
    ],
)
def test_difference_keeps_its_sign_and_does_not_hide_a_small_one(value: float, text: str) -> None:
    assert difference(value) == text


def test_scores_and_intervals_use_a_true_minus_and_a_dash_for_nothing() -> None:
    assert score(-0.25) == "−0.250"
    assert score(math.nan) == "–"
    # Errors in units of the labels, and a standard deviation that is nothing but rounding.
    assert [score(v) for v in (3.24e-7, 123_456.0, 1e-17)] == ["3.2e-7", "1.2e5", "0.000"]
    assert interval(-0.009, 0.015) == "−0.009 to 0.015"
    assert interval(math.nan, 0.1) == "–"
    assert interval(-0.0003, 0.004) == "−0.0003 to 0.004"
    assert interval(0.00024, 0.024) == "0.0002 to 0.024"
    assert interval(-2e-5, 3e-5) == "−2e-5 to 3e-5"
    assert magnitude(-0.02) == "0.020"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.84, "0.8 s"), (9.97, "10 s"), (59.4, "59 s"), (59.6, "1 min 00 s"), (7322, "2 h 02 min")],
)
def test_duration_uses_the_two_largest_units(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("number", "text"), [(0.0213, "0.021"), (3.14, "3.1"), (1234.5, "1,234.5")]
)
def test_hours_keep_two_digits(number: float, text: str) -> None:
    assert hours(number) == text


def test_listing_spells_out_as_many_names_as_allowed_and_counts_the_rest() -> None:
    assert listing([]) == ""
    assert listing(["a"]) == "a"
    assert listing(["a", "b", "c"]) == "a, b and c"
    assert listing(list("abcdefg"), limit=4) == "a, b, c, d and 3 others"
    assert listing(list("abcde"), limit=4) == "a, b, c, d and e"


def test_shorten_keeps_both_ends_within_the_length() -> None:
    name = "encoder-with-a-name-that-goes-on-and-on-lora"
    short = shorten(name, 20)
    assert len(short) == 20
    assert name.startswith(short.split("…")[0])
    assert name.endswith(short.split("…")[1])
    assert shorten("kmer", 20) == "kmer"


def test_words_around_numbers() -> None:
    assert plural(1, "task") == "1 task"
    assert plural(2_000, "trial") == "2,000 trials"
    assert moment("2026-11-22T12:44:31+00:00") == "22 November 2026, 12:44 UTC"
    assert moment("yesterday") == "yesterday"
    assert correction_label("holm") == "Holm"
    assert adjustment("none") == "not adjusted"


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_has_a_name_in_print(name: str) -> None:
    assert metric_label(name) == METRICS[name].label
    assert METRICS[name].label.strip("_") == METRICS[name].label != ""
    assert "_" not in METRICS[name].label
