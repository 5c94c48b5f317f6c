"""What every kind of task owes: labels of one shape, a column of scores a name, a loss."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from engine.kinds import PLAIN, Kind, LossOptions, find_kind
from engine.metrics import METRICS, compute_all, metrics_of
from engine.testing.check import Check, told

if TYPE_CHECKING:
    from engine.kinds.base import Read

ROWS = 30


def label(kind: Kind, row: int) -> str:
    """Label of a row of a small file."""
    if kind.numeric:
        return repr(0.25 * row)
    if kind.independent:
        return ("a;" if row % 2 else "") + ("b" if row % 3 else "") or ";"
    return "abc"[row % 3]


def labels_of(kind: Kind) -> Read:
    """Labels of a small file, and their names."""
    return kind.read([label(kind, row) for row in range(ROWS)], "mine.csv")


def scores_of(kind: Kind, columns: int) -> npt.NDArray[np.float64]:
    """Scores of as many rows, of logits that are drawn."""
    import torch

    draw = torch.Generator().manual_seed(0)
    logits = torch.randn(ROWS, kind.outputs(columns), generator=draw, dtype=torch.float64)
    scores: npt.NDArray[np.float64] = kind.scores(logits).numpy()
    return scores


def labels_have_the_shape_that_is_stated(kind: Kind) -> None:
    """Of class numbers, of 0 and 1, or of numbers."""
    values, names = labels_of(kind)
    assert values.shape == ((ROWS, len(names)) if kind.independent else (ROWS,))
    assert values.dtype == (np.float64 if kind.numeric else np.int64)
    assert len(set(names)) == len(names)
    assert len(kind.strata(values)) == ROWS
    assert len(kind.count(values, len(names))) == len(names)


def written_labels_tell_rows_apart(kind: Kind) -> None:
    """Two rows have one text where they have one label."""
    values, names = labels_of(kind)
    told_of = zip(kind.written(values, names), values.reshape(ROWS, -1).tolist(), strict=True)
    pairs = {(text, tuple(row)) for text, row in told_of}
    assert len(pairs) == len({text for text, _ in pairs}) == len({row for _, row in pairs})


def rows_that_are_all_alike_are_told(kind: Kind) -> None:
    """So that no split is scored on which nothing can be scored."""
    values, names = labels_of(kind)
    assert kind.alike(values, names) is None
    assert kind.lacking(values, names) == []
    assert kind.alike(np.repeat(values[:1], ROWS, axis=0), names)


def scores_have_a_column_for_each_name(kind: Kind) -> None:
    """Probabilities but for numbers; every row is decided."""
    _, names = labels_of(kind)
    scores = scores_of(kind, len(names))
    assert scores.shape == (ROWS, len(names))
    assert np.isfinite(scores).all()
    if not kind.numeric:
        assert scores.min() >= 0
        assert scores.max() <= 1
    if kind.exclusive:
        np.testing.assert_allclose(scores.sum(axis=1), 1, atol=1e-9)
        assert set(kind.decide(scores, names)) <= set(names)
    assert len(kind.decide(scores, names)) == ROWS


def the_loss_can_be_learned_by(kind: Kind) -> None:
    """A step down its gradient lessens it, however it is shaped."""
    import torch

    values, names = labels_of(kind)
    center, scale = kind.scale(values)
    standard = torch.from_numpy((values - center) / scale)
    targets = standard.long() if kind.exclusive else standard.float().reshape(ROWS, -1)
    for options in (PLAIN, LossOptions(focal_gamma=1.0, label_smoothing=0.1, huber=True)):
        logits = torch.zeros(ROWS, kind.outputs(len(names)), requires_grad=True)
        losses = kind.losses(logits, targets, options)
        assert losses.shape in ((ROWS,), (ROWS, len(names)))
        losses.sum().backward()  # type: ignore[no-untyped-call]
        assert logits.grad is not None
        assert torch.isfinite(logits.grad).all()
        stepped = kind.losses(logits.detach() - 0.1 * logits.grad, targets, options)
        assert stepped.sum() < losses.sum()


def its_metrics_can_be_computed(kind: Kind) -> None:
    """The one that ranks among them."""
    values, names = labels_of(kind)
    found = compute_all(values, scores_of(kind, len(names)), kind)
    assert tuple(found) == metrics_of(kind)
    assert METRICS[kind.metric].fits(kind)


def it_is_carried_by_its_name(kind: Kind) -> None:
    """What goes to another process is the kind of that name there."""
    assert pickle.loads(pickle.dumps(kind)) is kind is find_kind(kind.name)


CLAIMS = (
    labels_have_the_shape_that_is_stated,
    written_labels_tell_rows_apart,
    rows_that_are_all_alike_are_told,
    scores_have_a_column_for_each_name,
    the_loss_can_be_learned_by,
    its_metrics_can_be_computed,
    it_is_carried_by_its_name,
)


def checks(name: str) -> list[Check]:
    """The contract of one registered kind of task.

    Returns
    -------
    list of Check
    """
    return [told(name, claim, find_kind(name)) for claim in CLAIMS]
