"""A probe fitted to a task of any kind: labels in, scores (N, K) out, and both ways to disk."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.basics.errors import UserError
from engine.basics.files import write_text
from engine.kinds import Kind, find_kind
from engine.methods.base import InfeasibleError
from engine.methods.class_weights import CLASS_WEIGHT, balanced_weights
from engine.methods.probes.base import (
    CLASSIFIER,
    COMMON,
    PCA,
    STANDARDIZE,
    Batch,
    Probe,
    Request,
    find_probe,
    probes,
)
from engine.methods.probes.persistence import load_skops, save_skops

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Scores = npt.NDArray[np.float64]
    Features = npt.NDArray[np.float32]

FORMAT = 1
#: Of a configuration that names none, on classes or labels and on numbers.
DEFAULT_CLASSIFIER, DEFAULT_REGRESSOR = "logistic_regression", "ridge"

#: By which class probabilities in float32 may miss the sum 1.
ROUNDING = 1e-5

ABOUT, PREPARATION = "probe.json", "preparation.skops"


@dataclass(frozen=True)
class Configuration:
    """A probe with its hyperparameters."""

    probe: Probe
    params: Mapping[str, Any]
    seed: int


@dataclass(frozen=True)
class FittedProbe:
    """A fitted probe.

    Attributes
    ----------
    width : int
        Columns K of the scores.
    columns : tuple of int
        Column of each class or label that was fitted.
    constants : mapping
        Column of a label that was the same in all train rows -> that label.
    center, scale : float
        Mean and standard deviation of the train values of a regression.
    preparation : Pipeline or None
        Of scikit-learn: standardization, principal components.
    estimators : tuple
        One, or one per label.
    """

    probe: Probe
    kind: Kind
    width: int
    columns: tuple[int, ...]
    constants: Mapping[int, int]
    center: float
    scale: float
    preparation: Any
    estimators: tuple[Any, ...]

    @property
    def parameters(self) -> int:
        """Numbers that the fit adjusted; 0 where the model is not parametric."""
        return sum(self.probe.count(estimator) for estimator in self.estimators)

    def scores(self, features: npt.NDArray[Any]) -> Scores:
        """Class probabilities, a probability per label, or values, shape (N, K).

        Parameters
        ----------
        features : ndarray, shape (N, H)

        Raises
        ------
        InfeasibleError
            If the model refuses them, or a score is not finite.
        """
        import numpy as np

        X = _prepared(self.preparation, features)
        result = np.zeros((len(X), self.width))
        for column, label in self.constants.items():
            result[:, column] = label
        try:
            if self.kind.numeric:
                # In float64, lest a small spread around a large mean is rounded away.
                values = np.asarray(self.estimators[0].predict(X), dtype=np.float64)
                result[:, 0] = values * self.scale + self.center
            elif self.kind.exclusive or self.probe.native_multilabel:
                result[:, self.columns] = self.estimators[0].predict_proba(X)
            else:
                for column, estimator in zip(self.columns, self.estimators, strict=True):
                    result[:, column] = estimator.predict_proba(X)[:, 1]
        except ValueError as error:
            raise _refused(self.probe, X, str(error)) from None
        if not np.isfinite(result).all():
            raise _refused(self.probe, X, "scores are not finite")
        return _normalized(result) if self.kind.exclusive else result

    def save(self, folder: Path, more: Mapping[str, Any]) -> None:
        """Write the model's files, and what else is to be known of it."""
        for number, estimator in enumerate(self.estimators):
            self.probe.save(estimator, folder / f"estimator-{number}{self.probe.suffix}")
        if self.preparation is not None:
            save_skops(self.preparation, folder / PREPARATION)
        about = {
            "format": FORMAT,
            "classifier": self.probe.name,
            "kind": self.kind.name,
            "width": self.width,
            "columns": list(self.columns),
            "constants": list(self.constants.items()),
            "center": self.center,
            "scale": self.scale,
            "estimators": len(self.estimators),
            "prepared": self.preparation is not None,
            **more,
        }
        # Last: a folder that has it is whole.
        write_text(folder / ABOUT, json.dumps(about, indent=1))


def load_fitted(folder: Path) -> tuple[FittedProbe, Mapping[str, Any]]:
    """Read what `FittedProbe.save` wrote: the model, and what is to be known of it.

    Raises
    ------
    UserError
        If the folder holds no such model.
    """
    file = folder / ABOUT
    if not file.is_file():
        raise UserError(f"{folder}: holds no fitted probe ({ABOUT} is missing)")
    about = json.loads(file.read_text(encoding="utf-8"))
    if about["format"] != FORMAT:
        raise UserError(
            f"{file}: format {about['format']} is not {FORMAT}, which this version reads; "
            "fit the model again"
        )
    probe = find_probe(about["classifier"])
    fitted = FittedProbe(
        probe=probe,
        kind=find_kind(about["kind"]),
        width=about["width"],
        columns=tuple(about["columns"]),
        constants=dict(about["constants"]),
        center=about["center"],
        scale=about["scale"],
        preparation=load_skops(folder / PREPARATION) if about["prepared"] else None,
        estimators=tuple(
            probe.load(folder / f"estimator-{number}{probe.suffix}")
            for number in range(about["estimators"])
        ),
    )
    return fitted, about


def configuration(params: Mapping[str, Any], kind: Kind, seed: int) -> Configuration:
    """The probe that hyperparameters describe.

    Raises
    ------
    InfeasibleError
        If it does not take tasks of that kind.
    UserError
        If it does not take one of the hyperparameters.
    """
    default = DEFAULT_REGRESSOR if kind.numeric else DEFAULT_CLASSIFIER
    probe = find_probe(CLASSIFIER.of(params) or default)
    if not probe.takes(kind):
        others = [other.name for other in probes().values() if other.takes(kind)]
        raise InfeasibleError(
            f"classifier '{probe.name}' takes {' and '.join(probe.kinds)}, and this task is "
            f"{kind.name}; valid: {', '.join(others)}"
        )
    for name in params:
        if name not in COMMON and name not in probe.parameters:
            taker = next((one.name for one in probes().values() if name in one.parameters), "...")
            raise UserError(
                f"classifier '{probe.name}' does not take '{name}': in the search space, give it "
                f"a condition, for example when: {{classifier: [{taker}]}}"
            )
    if kind.numeric and CLASS_WEIGHT.of(params) != "none":
        raise InfeasibleError(f"class_weight: a {kind.name} task has no classes; leave it out")
    return Configuration(probe, params, seed)


def fit_probes(
    configurations: Sequence[Configuration],
    features: Sequence[npt.NDArray[Any]],
    labels: npt.NDArray[Any],
    bound: npt.NDArray[np.int64],
    kind: Kind,
    width: int,
) -> list[FittedProbe]:
    """Fit configurations to the same labels, those of a batched probe together.

    Parameters
    ----------
    configurations : sequence of Configuration
    features : sequence of ndarray, shape (N, H)
        One per configuration; the same object where they read the same embeddings.
    labels : ndarray
        (N,) int64, (N, K) int64 of 0/1, or (N,) float64.
    bound : ndarray, shape (N,), int64
        Rows of one number are not divided where a probe sets a part of the rows aside.
    kind : Kind
    width : int
        Columns K of the scores: classes, labels, or 1.

    Raises
    ------
    InfeasibleError
        If the labels are of one class only, or a probe refuses the data.
    """
    target = _Target.of(labels, kind)
    prepared: dict[Any, tuple[Any, Features]] = {}
    keys = []
    for chosen, own in zip(configurations, features, strict=True):
        asked = STANDARDIZE.of(chosen.params)
        standardize = chosen.probe.standardize if asked is None else asked
        how = (standardize, int(PCA.of(chosen.params) or 0), chosen.seed)
        keys.append((id(own), *how))
        if keys[-1] not in prepared:
            pipeline = _preparation(own, *how)
            prepared[keys[-1]] = (pipeline, _prepared(pipeline, own))
    estimators: dict[int, tuple[Any, ...]] = {}
    for probe in {chosen.probe.name: chosen.probe for chosen in configurations}.values():
        own_numbers = [n for n, chosen in enumerate(configurations) if chosen.probe is probe]
        batch = Batch(
            tuple(
                Request(
                    configurations[n].params, kind, target.labels, bound, configurations[n].seed
                )
                for n in own_numbers
            ),
            tuple(prepared[keys[n]][1] for n in own_numbers),
            target.labels,
            tuple(_weights(configurations[n], target.labels) for n in own_numbers),
        )
        try:
            estimators.update(zip(own_numbers, _estimators(probe, batch), strict=True))
        except ValueError as error:
            raise _refused(probe, batch.designs[0], str(error)) from None
    return [
        FittedProbe(
            chosen.probe,
            kind,
            width,
            target.columns,
            target.constants,
            target.center,
            target.scale,
            prepared[keys[number]][0],
            estimators[number],
        )
        for number, chosen in enumerate(configurations)
    ]


@dataclass(frozen=True)
class _Target:
    """Labels as estimators take them, and how to read what they say; see `FittedProbe`."""

    labels: npt.NDArray[Any]
    columns: tuple[int, ...]
    constants: Mapping[int, int]
    center: float = 0.0
    scale: float = 1.0

    @staticmethod
    def of(labels: npt.NDArray[Any], kind: Kind) -> _Target:
        import numpy as np

        if kind.numeric:
            center, scale = kind.scale(labels)
            return _Target((labels - center) / scale, (0,), {}, center, scale)
        if kind.independent:
            varies = (labels != labels[0]).any(axis=0)
            if not varies.any():
                raise InfeasibleError("each label is the same in all rows to fit to")
            constants = {int(n): int(labels[0, n]) for n in np.flatnonzero(~varies)}
            return _Target(labels[:, varies], tuple(np.flatnonzero(varies).tolist()), constants)
        classes, numbers = np.unique(labels, return_inverse=True)
        if len(classes) < 2:
            raise InfeasibleError(f"all {len(labels)} rows to fit to are of one class")
        return _Target(numbers, tuple(classes.tolist()), {})


def _estimators(probe: Probe, batch: Batch) -> list[tuple[Any, ...]]:
    """Fitted estimators of each request: one, or one per label."""
    if probe.fit_many is not None:
        return [(estimator,) for estimator in probe.fit_many(batch)]
    fitted = []
    for request, X, weights in zip(batch.requests, batch.designs, batch.weights, strict=True):
        whole = batch.labels.ndim == 1 or probe.native_multilabel
        parts = [(batch.labels, weights)] if whole else _by_label(batch.labels, weights)
        fitted.append(
            tuple(_fit(probe.build(replace(request, labels=y)), X, y, w) for y, w in parts)
        )
    return fitted


def _by_label(labels: Any, weights: Any) -> list[tuple[Any, Any]]:
    numbers = range(labels.shape[1])
    return [(labels[:, n], None if weights is None else weights[:, n]) for n in numbers]


def _fit(estimator: Any, X: Any, y: Any, weights: Any) -> Any:
    return estimator.fit(X, y) if weights is None else estimator.fit(X, y, sample_weight=weights)


def _weights(chosen: Configuration, labels: npt.NDArray[Any]) -> Scores | None:
    return balanced_weights(labels) if CLASS_WEIGHT.of(chosen.params) == "balanced" else None


def _preparation(features: Any, standardize: bool, components: int, seed: int) -> Any:
    """Fitted standardization and principal components, or none."""
    from sklearn.decomposition import PCA
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    # No more components than there can be: one space serves encoders of any width.
    components = min(components, *features.shape)
    steps = [StandardScaler()] if standardize else []
    if components:
        steps.append(PCA(components, random_state=seed))
    return make_pipeline(*steps).fit(_floats(features)) if steps else None


def _prepared(preparation: Any, features: npt.NDArray[Any]) -> Features:
    import numpy as np

    X = _floats(features)
    return X if preparation is None else np.asarray(preparation.transform(X), dtype=np.float32)


def _floats(features: npt.NDArray[Any]) -> Features:
    import numpy as np

    return np.asarray(features, dtype=np.float32)


def _normalized(chances: Scores) -> Scores:
    """Rows that sum to 1; those that do so to rounding are left, so that equal ones stay equal.

    Naive Bayes is sure of every class of a row whose likelihoods are beyond what floats tell apart.
    """
    import numpy as np

    total = chances.sum(axis=1, keepdims=True)
    return np.where(np.abs(total - 1) > ROUNDING, chances / total, chances)


def _refused(probe: Probe, X: Features, why: str) -> InfeasibleError:
    rows, width = X.shape
    line = why.splitlines()[0]
    return InfeasibleError(f"classifier '{probe.name}' on {rows} rows of {width}: {line}")
