"""What a probe is, and how one is found by name.

A probe is declared in a file of this folder, where the registry finds it. Such files are light (no
scikit-learn, no torch at import), so that hyperparameters are checked at once; a model written here
stands in ``models/``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.basics.errors import UserError, nearest
from engine.basics.plugins import declared, with_plugins
from engine.kinds import Kind, kinds
from engine.methods.hyperparameters import POSITIVE, SWITCH, Hyperparameter, Range, named
from engine.methods.probes.persistence import load_skops, save_skops

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Weights = npt.NDArray[np.float64] | None

POOLING = Hyperparameter("pooling", None, None, "of the states of the tokens; required")
LAYER = Hyperparameter("layer", None, -1, "whose states: 0 enters the first layer, -1 is the last")
CLASSIFIER = Hyperparameter(
    "classifier", None, "", "which probe; left out: logistic_regression, or ridge for numbers"
)
STANDARDIZE = Hyperparameter[bool | None](
    "standardize",
    SWITCH,
    None,
    "features to mean 0 and standard deviation 1 of train; left out: not for trees and naive Bayes",
)
PCA = Hyperparameter(
    "pca",
    Range(0, whole=True, also=(None,)),
    0,
    "principal components of train after standardization, at most as many as there are; 0: none",
)
FOLDS = Hyperparameter(
    "folds",
    Range(2, whole=True, also=(0,)),
    0,
    "with k > 0 the trial's score is the mean over k folds of train",
)

#: What every probe takes.
COMMON = named(POOLING, LAYER, CLASSIFIER, STANDARDIZE, PCA, FOLDS)

#: What linear models take.
STRENGTH = Hyperparameter(
    "C", POSITIVE, 1.0, "weight of the loss against the penalty: the larger, the less regularised"
)


@dataclass(frozen=True)
class Request:
    """How a probe is asked for an estimator.

    Attributes
    ----------
    params : mapping
        The configuration; a hyperparameter that is absent has its default.
    labels : ndarray
        What the estimator will be fitted to, as `Probe.build` describes it.
    bound : ndarray, shape (N,), int64
        Rows that share a number are not to be divided; see `engine.methods.probes.parts`.
    """

    params: Mapping[str, Any]
    kind: Kind
    labels: npt.NDArray[Any]
    bound: npt.NDArray[np.int64]
    seed: int


@dataclass(frozen=True)
class Batch:
    """Fits of one probe to the same labels.

    Attributes
    ----------
    designs : tuple of ndarray, shape (N, H), float32
        One per request; requests that share one hold the same object.
    labels : ndarray
        As `Probe.build` describes them.
    weights : tuple of ndarray or None
        Weights of the rows, one per request, in the shape of `labels`.
    """

    requests: tuple[Request, ...]
    designs: tuple[npt.NDArray[np.float32], ...]
    labels: npt.NDArray[Any]
    weights: tuple[Weights, ...]


@dataclass(frozen=True)
class Probe:
    """A classifier or regressor on embeddings.

    Attributes
    ----------
    name : str
        What a space's ``classifier`` calls it.
    summary : str
        One line for people.
    parameters : mapping
        Name -> hyperparameter, beside `COMMON`. One that several probes take can be the same in
        all.
    build : callable
        ``build(request) -> estimator``, unfitted, in scikit-learn's manner: ``fit(X, y)``, or
        ``fit(X, y, sample_weight)`` where the probe takes ``class_weight``; then ``predict_proba``
        or, for regression, ``predict``. Labels are class numbers 0 to K - 1 that all occur,
        numbers of mean 0 and standard deviation 1, or, for a native multilabel one, (N, K) of 0/1.
    of_classes, of_numbers : bool
        Whether it takes tasks whose labels are classes, or hold or not; and numbers.
    standardize : bool
        Whether features are brought to mean 0 and standard deviation 1 where a configuration does
        not say.
    native_multilabel : bool
        Whether one estimator takes all labels; else each label has one of its own.
    count : callable
        ``count(estimator) -> int``, numbers that the fit adjusted; 0 for none that could be told.
    suffix : str
        Ending of the file that an estimator is written to.
    save, load : callable
        ``save(estimator, path)`` and ``load(path)``, without pickle, of equal scores.
    fit_many : callable or None
        ``fit_many(batch) -> list of fitted estimators``, together and faster than one by one.
    """

    name: str
    summary: str
    parameters: Mapping[str, Any]
    build: Callable[[Request], Any]
    of_classes: bool = True
    of_numbers: bool = True
    standardize: bool = True
    native_multilabel: bool = False
    count: Callable[[Any], int] = lambda _: 0
    suffix: str = ".skops"
    save: Callable[[Any, Path], None] = save_skops
    load: Callable[[Path], Any] = load_skops
    fit_many: Callable[[Batch], Sequence[Any]] | None = None

    def takes(self, kind: Kind) -> bool:
        """Whether it can be fitted to a kind of task."""
        return self.of_numbers if kind.numeric else self.of_classes

    @property
    def kinds(self) -> tuple[str, ...]:
        """Kinds of tasks that it takes, by name."""
        return tuple(kind.name for kind in kinds().values() if self.takes(kind))


def coefficients(estimator: Any) -> int:
    """Weights and intercepts of a fitted linear model of scikit-learn."""
    import numpy as np

    return int(np.size(estimator.coef_) + np.size(estimator.intercept_))


@cache
def probes() -> dict[str, Probe]:
    """All registered probes by name: of the files of this folder, and of plug-ins."""
    return with_plugins("probes", Probe, declared("engine.methods.probes", Probe))


def find_probe(name: str) -> Probe:
    """Probe of a name.

    Raises
    ------
    UserError
        If no probe has that name; tells the nearest one.
    """
    known = probes()
    if name not in known:
        raise UserError(f"classifier '{name}' is unknown; {nearest(name, known)}")
    return known[name]


def hyperparameters() -> dict[str, Hyperparameter[Any]]:
    """Those of all probes together; the default of one that several take is its probe's affair."""
    merged = {**COMMON, CLASSIFIER.name: replace(CLASSIFIER, values=tuple(probes()))}
    for probe in probes().values():
        for name, own in probe.parameters.items():
            merged[name] = own if merged.get(name, own) == own else replace(own, default=None)
    return merged
