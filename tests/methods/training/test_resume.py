"""A training that was cut off and goes on comes to the same weights, bit for bit."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.methods import Fitted, methods
from engine.methods.training import finetune
from engine.records import TrialSpec
from engine.trial import ignore

Spec = Callable[..., TrialSpec]
PARAMS = {
    "rank": 4,
    "pooling": "attention",
    "epochs": 3,
    "batch_size": 16,
    "learning_rate": 5e-3,
    "patience": 4,
}
HARD = {"dropout": 0.2, "reverse_complement": True, "evaluations_per_epoch": 2, "conjoined": True}


class Killed(BaseException):
    """As a signal: nothing that handles errors holds it."""


def killer(epoch: int) -> Callable[[int, float], None]:
    """Report that ends the trial when an epoch is told."""

    def report(told: int, score: float) -> None:
        if told == epoch:
            raise Killed

    return report


def saved(fitted: Fitted, folder: Path) -> dict[str, bytes]:
    assert fitted.save is not None
    fitted.save(folder)
    return {file.name: file.read_bytes() for file in sorted(folder.iterdir())}


def assert_same(fitted: Fitted, expected: Fitted, folder: Path) -> None:
    assert fitted.curve == expected.curve
    assert np.array_equal(fitted.validation, expected.validation)
    assert np.array_equal(fitted.test(), expected.test())
    ours, theirs = saved(fitted, folder / "ours"), saved(expected, folder / "theirs")
    assert ours == theirs


CASES = [
    ("lora", PARAMS | {"init": "pissa", "learning_rate_ratio": 4.0}, "tiny-bert"),
    ("adalora", PARAMS | {"dropout": 0.1}, "tiny-bert"),
    ("full", PARAMS | {"reverse_complement": True, "learning_rate": 3e-4}, "tiny-hyena"),
]


@pytest.mark.parametrize(
    ("method", "params", "encoder"),
    [
        ("lora", PARAMS | HARD, "tiny-bert"),
        *(pytest.param(*case, marks=pytest.mark.slow) for case in CASES),
    ],
)
def test_a_killed_trial_goes_on_to_the_same_bits(
    method: str, params: dict, encoder: str, spec_of: Spec, tmp_path: Path
) -> None:
    spec = spec_of(method, params, encoder)
    fit = methods()[method].fit
    expected = fit(spec, ignore, None)
    folder = tmp_path / "checkpoint"
    with pytest.raises(Killed):
        fit(spec, killer(1), folder)
    with pytest.raises(Killed):
        fit(spec, killer(2), folder)
    heard: list[tuple[int, float]] = []
    torch.manual_seed(99)  # what the process drew before is nothing to a trial
    fitted = fit(spec, lambda epoch, score: heard.append((epoch, score)), folder)
    assert_same(fitted, expected, tmp_path)
    assert heard == list(enumerate(expected.curve, start=1)), "epochs done are told again, first"


def test_it_goes_on_within_an_epoch_and_in_micro_batches(
    spec_of: Spec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed right after it wrote the third checkpoint, in the middle of the second epoch."""
    from engine.methods.training import ladder

    monkeypatch.setattr(ladder, "TRAINING_TOKENS", {"cpu": 60})
    spec = spec_of("lora", PARAMS | HARD | {"epochs": 2})
    fit = methods()["lora"].fit
    expected = fit(spec, ignore, None)
    save, written = finetune.checkpoints.save, []

    def dies(folder: Path, *rest: object) -> None:
        save(folder, *rest)  # type: ignore[arg-type]
        written.append(folder)
        if len(written) == 3:
            raise Killed

    monkeypatch.setattr(finetune.checkpoints, "save", dies)
    with pytest.raises(Killed):
        fit(spec, ignore, tmp_path / "checkpoint")
    assert_same(fit(spec, ignore, tmp_path / "checkpoint"), expected, tmp_path)
    assert len(written) == 2 * 2, "no part was trained twice"


def test_a_finished_training_is_only_told_again(spec_of: Spec, tmp_path: Path) -> None:
    spec = spec_of("bitfit", PARAMS)
    fit = methods()["bitfit"].fit
    first = fit(spec, ignore, tmp_path / "checkpoint")
    stamp = (tmp_path / "checkpoint" / "training.pt").stat().st_mtime_ns
    again = fit(spec, ignore, tmp_path / "checkpoint")
    assert_same(again, first, tmp_path)
    assert (tmp_path / "checkpoint" / "training.pt").stat().st_mtime_ns == stamp
    assert "examples_per_second" in first.cost
    assert "examples_per_second" not in again.cost


def test_a_stop_of_patience_holds_after_a_restart(spec_of: Spec, tmp_path: Path) -> None:
    still = PARAMS | {"learning_rate": 0.0, "head_learning_rate": 0.0, "patience": 1}
    spec = spec_of("lora", still)
    fit = methods()["lora"].fit
    assert len(fit(spec, ignore, tmp_path).curve) == 2
    assert len(fit(spec, ignore, tmp_path).curve) == 2


def test_a_checkpoint_of_another_trial_is_left_alone(
    spec_of: Spec, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    spec = spec_of("lora", PARAMS | {"epochs": 1})
    fit = methods()["lora"].fit
    other = replace(spec, seed=1)
    fit(other, ignore, tmp_path / "checkpoint")
    fitted = fit(spec, ignore, tmp_path / "checkpoint")
    assert "is of another trial" in caplog.text
    assert_same(fitted, fit(spec, ignore, None), tmp_path)


def test_a_checkpoint_holds_no_code_and_only_what_is_trained(spec_of: Spec, tmp_path: Path) -> None:
    spec = spec_of("lora", PARAMS | {"epochs": 1})
    fitted = methods()["lora"].fit(spec, ignore, tmp_path)
    whole = torch.load(tmp_path / "training.pt", weights_only=True)
    weights = whole["state"]["weights"]
    assert sum(tensor.numel() for tensor in weights.values()) == fitted.trainable_parameters
    assert [file.name for file in tmp_path.iterdir()] == ["training.pt"]
