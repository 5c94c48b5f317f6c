"""Early-stopping rules against Ray Tune's own, which wrote them independently."""

from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ray.tune.schedulers import AsyncHyperBandScheduler, MedianStoppingRule, TrialScheduler

from engine.search.rungs import BRACKETS, Hyperband, MedianRule, Rungs, rule_of

CURVES = st.lists(
    st.lists(st.integers(0, 9).map(lambda n: n / 9), min_size=9, max_size=9),
    min_size=2,
    max_size=12,
)


def stops(rule, curves: list[list[float]]) -> list[int]:
    """Epochs after which each trial ends when all of them run side by side."""
    ended = [9] * len(curves)
    running = set(range(len(curves)))
    for epoch in range(1, 10):
        for number in sorted(running):
            if rule(number, epoch, curves[number][epoch - 1]):
                ended[number] = epoch
                running.discard(number)
    return ended


@dataclass(frozen=True)
class Trial:
    """What Ray's schedulers read of a trial."""

    trial_id: str
    status: str = "RUNNING"


def rays(scheduler) -> object:
    """Ray's scheduler as a rule."""
    controller = SimpleNamespace(get_live_trials=list, trial_executor=None)
    trials: dict[int, Trial] = {}

    def rule(number: int, epoch: int, score: float) -> bool:
        if number not in trials:
            trials[number] = Trial(str(number))
            scheduler.on_trial_add(controller, trials[number])
        told = scheduler.on_trial_result(
            controller, trials[number], {"epoch": epoch, "score": score}
        )
        return told == TrialScheduler.STOP

    return rule


@given(curves=CURVES, grace=st.integers(1, 3), factor=st.sampled_from([2, 3, 4]))
@settings(max_examples=60, deadline=None)
def test_rungs_stop_what_rays_asha_stops(
    curves: list[list[float]], grace: int, factor: int
) -> None:
    theirs = AsyncHyperBandScheduler(
        time_attr="epoch", metric="score", mode="max", max_t=9, grace_period=grace,
        reduction_factor=factor, stop_last_trials=False,
    )  # fmt: skip
    ended = stops(Rungs(grace, factor, longest=9), curves)
    # Ray has a rung at the last epoch too: nothing is left to stop there.
    assert ended == stops(rays(theirs), curves)


@given(curves=CURVES)
@settings(max_examples=25, deadline=None)
def test_the_median_rule_stops_what_rays_stops(curves: list[list[float]]) -> None:
    theirs = MedianStoppingRule(
        time_attr="epoch", metric="score", mode="max", grace_period=1, min_samples_required=3,
        min_time_slice=0, hard_stop=True,
    )  # fmt: skip
    assert stops(MedianRule(1), curves) == stops(rays(theirs), curves)


def test_an_epoch_told_twice_counts_once() -> None:
    """A trial that goes on from a checkpoint tells its first epochs again."""
    rule = Rungs(1, 3, 9)
    for _ in range(2):
        assert not rule(1, 1, 0.9)
    assert rule(2, 1, 0.8)
    assert not rule(2, 1, 0.8), "it was judged at this rung already"


def test_hyperbands_brackets_differ_in_their_first_rung() -> None:
    rule = rule_of("hyperband", grace=1, factor=3, longest=27)
    assert isinstance(rule, Hyperband)
    firsts = []
    for bracket in range(BRACKETS):
        rule(bracket, 1, 1.0)
        of_bracket = rule.brackets[bracket]
        firsts.append(min(of_bracket._scores))
    assert firsts == [1, 3, 9]


@pytest.mark.parametrize("name", ["asha", "hyperband", "median", "none"])
def test_trials_of_one_epoch_have_no_rule(name: str) -> None:
    assert rule_of(name, grace=1, factor=3, longest=1) is None


@pytest.mark.parametrize("name", ["asha", "hyperband", "median"])
def test_every_rule_spares_the_best_and_saves_epochs(name: str) -> None:
    rng = np.random.default_rng(0)
    quality = rng.permutation(12) / 12
    curves = [[float(q + 0.01 * epoch) for epoch in range(9)] for q in quality]
    rule = rule_of(name, grace=1, factor=3, longest=9)
    ended = stops(rule, curves)
    assert ended[int(np.argmax(quality))] == 9
    assert sum(ended) < 9 * 12
