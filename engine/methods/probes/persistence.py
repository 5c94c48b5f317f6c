"""Fitted estimators on disk, without pickle.

skops writes the parts of an estimator of scikit-learn as JSON and plain arrays, and builds only
types of a list. What its own list lacks and ours need stands in `TRUSTED`: all from scikit-learn.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from engine.basics.errors import UserError
from engine.basics.files import replacing

TRUSTED = (
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.tree._tree.Tree",
)


def save_skops(estimator: Any, path: Path) -> None:
    """Write an estimator of scikit-learn."""
    import skops.io

    with replacing(path) as temporary:
        skops.io.dump(estimator, temporary)


def load_skops(path: Path) -> Any:
    """Read an estimator of scikit-learn.

    Raises
    ------
    UserError
        If the file holds a type that is not trusted: it is not one that we wrote.
    """
    import skops.io

    unknown = set(skops.io.get_untrusted_types(file=path)) - set(TRUSTED)
    if unknown:
        raise UserError(
            f"{path}: holds {sorted(unknown)[0]}, which no probe has, and is not read; "
            "take the model from whom you trust and save it anew"
        )
    return skops.io.load(path, trusted=list(TRUSTED))
