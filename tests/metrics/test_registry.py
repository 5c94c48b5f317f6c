"""Which metric fits which kind of task."""

import numpy as np
import pytest

from engine.basics.errors import UserError
from engine.kinds import find_kind, kinds
from engine.metrics import METRICS, compute, compute_all, metrics_of

CLASSES = ([0, 1, 0, 1], np.full((4, 2), 0.5))
LABELS = ([[0, 1], [1, 0], [1, 1], [0, 0]], np.full((4, 2), 0.5))
NUMBERS = ([0.1, 0.2, 0.3, 0.4], np.arange(4.0)[:, None])
OF_KIND = {"classification": CLASSES, "multilabel": LABELS, "regression": NUMBERS}


def test_metrics_stand_under_their_names_and_fit_these_kinds():
    assert all(METRICS[name].name == name for name in METRICS)
    assert metrics_of(find_kind("classification")) == (
        *("auroc", "auprc", "mcc", "f1", "accuracy", "balanced_accuracy", "log_loss", "brier"),
    )
    assert metrics_of(find_kind("multilabel")) == ("auroc", "auprc", "f1", "f1_micro", "hamming")
    assert metrics_of(find_kind("regression")) == ("spearman", "pearson", "r2", "mse", "rmse")
    losses = {name for name, metric in METRICS.items() if not metric.greater_is_better}
    assert losses == {"log_loss", "brier", "hamming", "mse", "rmse"}


def test_every_kind_has_a_default_that_fits_it():
    assert all(METRICS[kind.metric].fits(kind) for kind in kinds().values())


@pytest.mark.parametrize("kind", OF_KIND)
def test_all_metrics_of_a_kind_are_computed(kind):
    y, scores = OF_KIND[kind]
    known = find_kind(kind)
    assert tuple(compute_all(y, scores, known)) == metrics_of(known)


@pytest.mark.parametrize("kind", OF_KIND)
def test_a_metric_of_another_kind_is_refused(kind):
    for name in METRICS.keys() - set(metrics_of(find_kind(kind))):
        with pytest.raises(ValueError, match=f"^{name} is no metric of a {kind} task$"):
            compute(name, *OF_KIND[kind], find_kind(kind))


def test_an_unknown_metric_is_a_user_error_that_names_the_nearest():
    with pytest.raises(UserError, match="unknown metric 'aurok': did you mean 'auroc'"):
        compute("aurok", *CLASSES, find_kind("classification"))
