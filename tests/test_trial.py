from collections.abc import Callable
from dataclasses import replace

import pytest

from engine.methods import Fitted, InfeasibleError, Method, methods
from engine.records import TrialSpec
from engine.trial import run_trial


@pytest.fixture
def spec() -> TrialSpec:
    from engine.records import Cell, EncoderSpec, TaskSpec
    from engine.tasks import load_task

    task = TaskSpec("promoters_ecoli")
    return TrialSpec(
        cell=Cell("onehot", task.name, "probe"),
        number=0,
        method="stub",
        params={"pooling": "features"},
        encoder=EncoderSpec("onehot", "onehot"),
        task=task,
        encoder_fingerprint="e",
        task_fingerprint=load_task(task).fingerprint,
        metric="auroc",
        seed=0,
        store="",
    )


def stub(fit: Callable[..., Fitted], monkeypatch: pytest.MonkeyPatch) -> None:
    method = Method("stub", "embeddings", "", {}, fit)
    monkeypatch.setitem(methods(), "stub", method)


def raising(error: BaseException) -> Callable[..., Fitted]:
    def fit(*_: object) -> Fitted:
        raise error

    return fit


def test_an_error_is_a_result_with_one_line(
    spec: TrialSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    stub(raising(ValueError("first line\nsecond line")), monkeypatch)
    result = run_trial(spec)
    assert (result.status, result.score) == ("failed", None)
    assert result.error == "ValueError: first line"


def test_an_impossible_configuration_is_infeasible(
    spec: TrialSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    stub(raising(InfeasibleError("training diverged in epoch 2")), monkeypatch)
    assert run_trial(spec).status == "infeasible"


@pytest.mark.parametrize("signal", [KeyboardInterrupt, SystemExit])
def test_signals_are_not_swallowed(
    signal: type[BaseException], spec: TrialSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    stub(raising(signal()), monkeypatch)
    with pytest.raises(signal):
        run_trial(spec)


def test_data_that_changed_under_a_study_fail_the_trial(spec: TrialSpec) -> None:
    result = run_trial(replace(spec, task_fingerprint="0" * 64))
    assert result.status == "failed"
    assert "changed" in str(result.error)
