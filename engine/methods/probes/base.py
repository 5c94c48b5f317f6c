"""What a probe is, and how one is found by name.

A probe is one file in this folder that declares ``PROBE``; the registry finds it. Probe files are
light (no scikit-learn, no torch at import), so that hyperparameters are checked at once; a model
written here stands in ``models/``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.basics.errors import UserError, nearest
from engine.basics.plugins import with_plugins
from engine.methods.base import declared
from engine.methods.probes.persistence import load_skops, save_skops
from engine.methods.ranges import Range
from engine.records import TaskKind

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Weights = npt.NDArray[np.float64] | None

#: What every probe takes.
COMMON: Mapping[str, tuple[str | bool, ...]] = {
    "pooling": (),
    "layer": (),
    "classifier": (),
    "standardize": (True, False),
    "pca": (),
    "folds": (),
}

#: Those of them that are numbers, but for the layer.
RANGES: Mapping[str, Range] = {
    "pca": Range(0, whole=True, also=(None,)),
    "folds": Range(2, whole=True, also=(0,)),
}


@dataclass(frozen=True)
class Request:
    """How a probe is asked for an estimator.

    Attributes
    ----------
    params : mapping
        Hyperparameters; one that is absent has its default.
    kind : {"classification", "multilabel", "regression"}
    labels : ndarray
        What the estimator will be fitted to, as `Probe.build` describes it.
    bound : ndarray, shape (N,), int64
        Rows that share a number are not to be divided; see `engine.methods.probes.parts`.
    seed : int
    """

    params: Mapping[str, Any]
    kind: TaskKind
    labels: npt.NDArray[Any]
    bound: npt.NDArray[np.int64]
    seed: int


@dataclass(frozen=True)
class Batch:
    """Fits of one probe to the same labels.

    Attributes
    ----------
    requests : tuple of Request
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
    kinds : tuple of str
        Kinds of tasks that it takes.
    parameters : mapping
        Hyperparameters beside `COMMON` -> the values of those that are names of something. One that
        several probes take means the same in all.
    build : callable
        ``build(request) -> estimator``, unfitted, in scikit-learn's manner: ``fit(X, y)``, or
        ``fit(X, y, sample_weight)`` where the probe takes ``class_weight``; then ``predict_proba``
        or, for regression, ``predict``. Labels are class numbers 0 to K - 1 that all occur,
        numbers of mean 0 and standard deviation 1, or, for a native multilabel one, (N, K) of 0/1.
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
    ranges : mapping
        Hyperparameters that are numbers -> which they can be.
    """

    name: str
    summary: str
    kinds: tuple[TaskKind, ...]
    parameters: Mapping[str, tuple[str | bool, ...]]
    build: Callable[[Request], Any]
    standardize: bool = True
    native_multilabel: bool = False
    count: Callable[[Any], int] = lambda _: 0
    suffix: str = ".skops"
    save: Callable[[Any, Path], None] = save_skops
    load: Callable[[Path], Any] = load_skops
    fit_many: Callable[[Batch], Sequence[Any]] | None = None
    ranges: Mapping[str, Range] = field(default_factory=dict)


def coefficients(estimator: Any) -> int:
    """Weights and intercepts of a fitted linear model of scikit-learn."""
    import numpy as np

    return int(np.size(estimator.coef_) + np.size(estimator.intercept_))


@cache
def probes() -> dict[str, Probe]:
    """All registered probes by name: of the files of this folder, and of plug-ins."""
    return with_plugins("probes", Probe, declared("engine.methods.probes", "PROBE"))


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


def hyperparameters() -> dict[str, tuple[str | bool, ...]]:
    """Hyperparameters of all probes together -> the values of those that are names."""
    merged = {**COMMON, "classifier": tuple(probes())}
    for probe in probes().values():
        for name, values in probe.parameters.items():
            known = merged.get(name, ())
            merged[name] = (*known, *(value for value in values if value not in known))
    return merged


def ranges() -> dict[str, Range]:
    """Which numbers the hyperparameters of all probes can be; one name, one range in all."""
    merged = dict(RANGES)
    for probe in probes().values():
        merged.update(probe.ranges)
    return merged
