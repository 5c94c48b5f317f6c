"""What can be asked of prediction files: a metric, a test that fits it, and how."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import permutations
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.basics.errors import UserError, nearest
from engine.compare.by_area import Areas
from engine.compare.by_exchange import FitsAlone, answered, exchanged, exchanged_ranks
from engine.compare.by_resampling import Resamples
from engine.compare.corrections import Correction
from engine.compare.evidence import RESAMPLES, Evidence
from engine.compare.prediction_files import Model
from engine.kinds.classification import KIND as CLASSES
from engine.metrics import METRICS, compute, metrics_of
from engine.metrics.base import Needs, Over
from engine.metrics.resampled import area_over, macro_over
from engine.stats.checks import Alternative, FloatArray
from engine.stats.components import binary_components
from engine.stats.hand_till import hand_till_auc
from engine.stats.pairs import MetricFunction
from engine.stats.partial import partial_auc

CORRECTIONS: tuple[Correction, ...] = ("holm", "bh", "by", "none")
ALTERNATIVES: tuple[Alternative, ...] = ("two-sided", "greater", "less")
#: Metrics of classes: those that a study can be ranked by, and two more.
METRICS_OF_FILES = (*metrics_of(CLASSES), "partial_auroc", "hand_till")
TESTS = ("delong", "bootstrap", "permutation", "mcnemar")
MAX_FPR = 0.1


@dataclass(frozen=True)
class Question:
    """A metric and a test that fit together, and what else was asked for.

    Attributes
    ----------
    metric : str
        One of `METRICS_OF_FILES`.
    test : {"delong", "bootstrap", "permutation", "mcnemar"}
    correction : {"holm", "bh", "by", "none"}
    alternative : {"two-sided", "greater", "less"}
    level : float
        Confidence of the intervals.
    max_fpr : float
        Up to which false positive rate a partial AUROC goes.
    """

    metric: str
    test: str
    correction: Correction
    alternative: Alternative
    level: float
    max_fpr: float

    @property
    def label(self) -> str:
        """The metric as it is printed."""
        if self.metric == "partial_auroc":
            return f"AUROC to FPR {self.max_fpr:g}"
        return "Hand-Till M" if self.metric == "hand_till" else METRICS[self.metric].label

    @property
    def needs(self) -> Needs:
        """What the metric reads of a model's scores."""
        return METRICS[self.metric].needs if self.metric in METRICS else "scores"

    def value(self, model: Model) -> float:
        """The metric of a model.

        Raises
        ------
        UserError
            Scores that it cannot be told of.
        """
        classes = model.scores.shape[1]
        if self.metric == "partial_auroc" and classes != 2:
            others = ", ".join(name for name in METRICS_OF_FILES if name != self.metric)
            raise UserError(
                f"--metric partial_auroc: of two classes, and {model.name} has {classes}; name "
                f"other models with --score, or another metric: {others}"
            )
        try:
            if self.metric in METRICS:
                return compute(self.metric, model.labels, model.scores, CLASSES)
            return float(self._function(model.labels, model.scores))
        except ValueError as error:
            raise UserError(f"{model.name}: {error}") from None

    def evidence(self, models: list[Model]) -> Evidence:
        """What the rows of a task tell of its models."""
        labels, groups = models[0].labels, models[0].groups
        if self.test == "delong":
            return Areas(labels, groups)
        fits = [scores for model in models for scores in model.fits]
        rows = Resamples(labels, fits, self._function, True, groups, self._over, RESAMPLES)
        if self.test == "mcnemar":
            return FitsAlone(rows, "exact McNemar", answered)
        if self.test == "permutation":
            tested = exchanged_ranks if self.needs == "scores" else exchanged
            return FitsAlone(rows, "permutation", tested)
        return rows

    @property
    def _function(self) -> MetricFunction:
        if self.metric == "partial_auroc":
            return partial(_partial, self.max_fpr)
        ours = {"auroc": _auroc, "hand_till": _hand_till}
        return ours.get(self.metric) or METRICS[self.metric].function(CLASSES)

    @property
    def _over(self) -> Callable[[Any, FloatArray], Over] | None:
        if self.metric == "hand_till":
            return _hand_till_over
        known = METRICS.get(self.metric)
        return known.over(CLASSES) if known else None


def _auroc(labels: npt.NDArray[np.int64], scores: FloatArray) -> float:
    """As `METRICS` has it, by one sort a class: thousands of exchanges in seconds."""
    columns = [1] if scores.shape[1] == 2 else np.unique(labels).tolist()
    areas = [binary_components(labels == k, [scores[:, k]])[0][0] for k in columns]
    return float(np.mean(areas))


def _partial(max_fpr: float, labels: npt.NDArray[np.int64], scores: FloatArray) -> float:
    return partial_auc(labels, scores[:, 1], max_fpr)


def _hand_till(labels: npt.NDArray[np.int64], scores: FloatArray) -> float:
    """Over the classes that have rows."""
    return hand_till_auc(labels, scores, np.unique(labels).tolist())


def _hand_till_over(labels: npt.NDArray[np.int64], scores: FloatArray) -> Over:
    """The same on many resamples at once."""
    areas = []
    for i, j in permutations(np.unique(labels).tolist(), 2):
        rows = np.flatnonzero((labels == i) | (labels == j))
        areas.append(_on_rows(area_over(labels[rows] == i, scores[rows, i]), rows))
    return macro_over(areas)


def _on_rows(over: Over, rows: npt.NDArray[np.int64]) -> Over:
    return lambda weights: over(weights[rows])


def ask(
    metric: str = "auroc",
    test: str | None = None,
    correction: str = "holm",
    level: float = 0.95,
    alternative: str = "two-sided",
    max_fpr: float | None = None,
    beside: Mapping[str, bool] | None = None,
) -> Question:
    """Check that what was asked for goes together.

    Parameters
    ----------
    metric, test, correction, level, alternative, max_fpr
        As in `engine.compare.files.compare_files`.
    beside : mapping of str to bool
        Whether ``groups``, ``omnibus``, ``contrast`` and ``unpaired`` were asked for.

    Raises
    ------
    UserError
        A name that is unknown, or a combination that makes no sense; tells what does.
    """
    beside = beside or {}
    _among("metric", metric, METRICS_OF_FILES)
    fitting = _tests_of(metric)
    test = fitting[0] if test is None else test
    _among("test", test, TESTS)
    if test not in fitting:
        raise UserError(f"--test {test}: not for --metric {metric}; valid: {', '.join(fitting)}")
    if not 0 < level < 1:
        raise UserError(f"--level {level}: give a confidence between 0 and 1, for example 0.95")
    side = ALTERNATIVES[_among("alternative", alternative, ALTERNATIVES)]
    if max_fpr is not None and metric != "partial_auroc":
        raise UserError(f"--max-fpr: not for --metric {metric}; give --metric partial_auroc")
    if max_fpr is not None and not 0 < max_fpr <= 1:
        raise UserError(f"--max-fpr {max_fpr}: give a rate above 0 and up to 1, for example 0.1")
    alone = test in ("permutation", "mcnemar")
    if alone and side != "two-sided":
        raise UserError(
            f"--alternative {side}: --test {test} is two-sided; give --test {fitting[0]}"
        )
    if alone and beside.get("groups"):
        raise UserError(f"--groups: --test {test} counts every row alone; give --test bootstrap")
    for option in ("omnibus", "contrast", "unpaired"):
        if beside.get(option) and test != "delong":
            raise UserError(f"--{option}: goes with --metric auroc and --test delong only")
    for option in ("omnibus", "contrast"):
        if beside.get(option) and beside.get("unpaired"):
            raise UserError(f"--{option}: not with --unpaired, whose models have different rows")
    chosen = CORRECTIONS[_among("correction", correction, CORRECTIONS)]
    return Question(metric, test, chosen, side, level, MAX_FPR if max_fpr is None else max_fpr)


def _tests_of(metric: str) -> tuple[str, ...]:
    """Tests that fit a metric, the default first."""
    first = ("delong",) if metric == "auroc" else ()
    last = ("mcnemar",) if metric == "accuracy" else ()
    return (*first, "bootstrap", "permutation", *last)


def _among(option: str, given: str, known: tuple[str, ...]) -> int:
    """Place of a word among those that an option takes."""
    if given not in known:
        raise UserError(f"--{option} {given}: {nearest(given, known)}")
    return known.index(given)
