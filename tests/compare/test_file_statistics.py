"""Every metric and test of `compare`, against numbers from elsewhere."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import accuracy_score, log_loss, matthews_corrcoef, roc_auc_score
from statsmodels.stats.contingency_tables import mcnemar

from engine.compare.files import compare_files
from engine.compare.question import _hand_till_over
from engine.stats import hand_till_auc
from tests.compare.prediction_tables import IDS, LABEL, ROWS, csv, predictions, shown
from tests.stats.test_contrasts import MODELS, OUTCOME
from tests.stats.test_delong_proc import GOLDEN, read_cases, read_values

RNG = np.random.default_rng(5)
#: Probabilities of class 1 under a good and a poor model, with ties.
P, Q = (
    np.clip(np.round(0.5 + skill * (LABEL - 0.5) + RNG.normal(0, 0.3, ROWS), 2), 0, 1)
    for skill in (0.6, 0.2)
)
THREE = np.arange(ROWS) % 3


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("engine.compare.question.RESAMPLES", 400)


def both() -> Path:
    return csv("p.csv", label=LABEL, a=P, b=Q)


def three_classes() -> tuple[Path, Path, list[np.ndarray]]:
    """Two files of three classes, and their probabilities."""
    models = []
    for skill in (1.5, 0.5):
        likely = np.exp(RNG.normal(size=(ROWS, 3)) + skill * np.eye(3)[THREE])
        models.append(likely / likely.sum(axis=1, keepdims=True))
    files = [
        csv(f"{name}.csv", id=IDS, label=THREE, **{f"score_{k}": m[:, k] for k in range(3)})
        for name, m in zip("xy", models, strict=True)
    ]
    return *files, models


def test_values_are_those_of_scikit_learn() -> None:
    for metric, value in {
        "accuracy": lambda p: accuracy_score(LABEL, p > 0.5),
        "mcc": lambda p: matthews_corrcoef(LABEL, p > 0.5),
        "log_loss": lambda p: log_loss(LABEL, p),
        "partial_auroc": lambda p: roc_auc_score(LABEL, p, max_fpr=0.1),
    }.items():
        found = compare_files([both()], metric=metric)
        assert found.scores[metric].tolist() == pytest.approx([value(P), value(Q)], abs=1e-12)
        assert found.pairs["delta"][0] == pytest.approx(value(P) - value(Q), abs=1e-12)
        assert (found.pairs[f"{metric}_a"][0], found.pairs["test"][0]) == (
            found.scores[metric][0],
            "paired bootstrap",
        )
        assert "test: paired bootstrap" in shown(found)


def test_hand_till_is_the_one_versus_one_average_of_scikit_learn() -> None:
    x, y, models = three_classes()
    found = compare_files([x, y], metric="hand_till")
    expected = [roc_auc_score(THREE, m, multi_class="ovo", average="macro") for m in models]
    assert found.scores["hand_till"].tolist() == pytest.approx(expected, abs=1e-12)
    assert (found.scores["ci_low"] < found.scores["hand_till"]).all()
    assert found.pairs["p"][0] < 0.05
    # Many resamples at once have the values of each by itself.
    weights = RNG.integers(0, 3, size=(ROWS, 5)).astype(float)
    at_once = _hand_till_over(THREE, models[0])(weights)
    for drawn, value in zip(weights.T.astype(int), at_once, strict=True):
        rows = np.repeat(np.arange(ROWS), drawn)
        assert value == pytest.approx(hand_till_auc(THREE[rows], models[0][rows]), abs=1e-12)


@pytest.mark.parametrize("max_fpr", [0.1, 0.5])
def test_partial_areas_are_those_of_proc(max_fpr: float) -> None:
    cases = read_cases(GOLDEN / "cases.csv")
    lines = [
        line
        for line in read_values(GOLDEN / "partial.csv")
        if line["case"] in cases and len(cases[line["case"]][line["model"]][0]) > 20
    ][:6]
    assert lines
    for line in lines:
        labels, scores = cases[line["case"]][line["model"]]
        file = csv("g.csv", label=labels, s=scores)
        found = compare_files([file], metric="partial_auroc", max_fpr=max_fpr)
        theirs = float(line[f"up_to_{max_fpr:g}"])
        assert found.scores["partial_auroc"][0] == pytest.approx(theirs, abs=1e-12)
        assert f"AUROC to FPR {max_fpr:g}" in shown(found)


def test_mcnemar_is_that_of_statsmodels() -> None:
    found = compare_files([both()], metric="accuracy", test="mcnemar")
    right = [(p > 0.5) == (LABEL == 1) for p in (P, Q)]
    table = [[int(((right[0] == i) & (right[1] == j)).sum()) for j in (1, 0)] for i in (1, 0)]
    assert found.pairs["p"][0] == pytest.approx(mcnemar(table, exact=True).pvalue, rel=1e-9)
    assert found.pairs["delta"][0] == pytest.approx((table[0][1] - table[1][0]) / ROWS)
    assert found.pairs["test"][0] == "exact McNemar"
    assert "McNemar speaks of these fitted models" in shown(found)


def test_exchanged_answers_of_accuracy_are_the_binomial_of_those_that_differ() -> None:
    found = compare_files([both()], metric="accuracy", test="permutation")
    right = [(p > 0.5) == (LABEL == 1) for p in (P, Q)]
    wins, losses = int((right[0] & ~right[1]).sum()), int((right[1] & ~right[0]).sum())
    exact = stats.binomtest(wins, wins + losses).pvalue
    assert found.pairs["p"][0] == pytest.approx(exact, abs=3 * np.sqrt(exact / 400) + 1 / 400)
    assert np.isnan(found.pairs["se"][0])


def test_exchanged_ranks_of_the_auc_do_not_know_the_scale() -> None:
    stretched = csv("q.csv", label=LABEL, a=P, b=1000 * Q**3)
    plain = compare_files([both()], test="permutation").pairs
    other = compare_files([stretched], test="permutation").pairs
    assert plain["p"][0] == other["p"][0]
    assert plain["delta"][0] == pytest.approx(roc_auc_score(LABEL, P) - roc_auc_score(LABEL, Q))
    # Where no variance is seen there is still an answer: a perfect model against a constant one.
    # By counting, of the 2^10 ways to exchange 5 and 5 rows few are as far apart.
    perfect = csv("r.csv", label=[0] * 5 + [1] * 5, a=[0] * 5 + [1] * 5, b=[1] * 10)
    assert "no p-value" in shown(compare_files([perfect]))
    assert compare_files([perfect], test="permutation").pairs["p"][0] < 0.02


def test_a_bootstrap_has_the_standard_error_of_the_closed_form() -> None:
    found = compare_files([both()], metric="accuracy").pairs.iloc[0]
    apart = ((P > 0.5) == (LABEL == 1)) * 1.0 - ((Q > 0.5) == (LABEL == 1))
    # Rows are drawn within each class.
    variance = sum(apart[k == LABEL].var(ddof=1) * (k == LABEL).sum() for k in (0, 1)) / ROWS**2
    assert found["se"] == pytest.approx(np.sqrt(variance), rel=0.12)
    assert found["p"] == pytest.approx(2 * stats.t.sf(abs(found["z"]), found["df"]), rel=1e-9)
    by_area = compare_files([both()]).pairs.iloc[0]
    drawn = compare_files([both()], test="bootstrap").pairs.iloc[0]
    assert drawn["delta"] == pytest.approx(by_area["delta"], abs=1e-12)
    assert drawn["se"] == pytest.approx(by_area["se"], rel=0.12)


def test_different_rows_are_compared_as_proc_does() -> None:
    cases = read_cases(GOLDEN / "cases.csv")
    sides = {"two.sided": "two-sided", "greater": "greater", "less": "less"}
    lines = [
        line
        for line in read_values(GOLDEN / "values.csv")
        if line["design"] == "unpaired" and not np.isnan(float(line["statistic"]))
    ][::7]
    assert len(lines) > 10
    for line in lines:
        (y_a, a), (y_b, b) = (cases[line["case"]][model] for model in "ab")
        files = [csv("first.csv", label=y_a, a=a), csv("second.csv", label=y_b, a=b)]
        side = sides[line["alternative"]]
        found = compare_files(files, alternative=side, unpaired=True)
        if np.isinf(float(line["statistic"])):
            assert "no p-value" in found.pairs["note"][0]
            continue
        pair = found.pairs.iloc[0]
        assert (pair["a"], pair["b"], pair["test"]) == ("first", "second", "unpaired DeLong")
        assert pair["z"] == pytest.approx(float(line["statistic"]), rel=1e-9, abs=1e-12)
        assert pair["df"] == pytest.approx(float(line["df"]), rel=1e-9)
        assert pair["p"] == pytest.approx(float(line["p"]), rel=1e-9, abs=1e-300)
        assert "test: unpaired DeLong" in shown(found)


def test_each_model_of_one_file_meets_each_of_the_other() -> None:
    first = csv("first.csv", id=[f"f{i}" for i in range(ROWS)], label=LABEL, a=P, b=Q)
    second = csv(
        "second.csv", id=[f"g{i}" for i in range(30)], label=LABEL[:30], a=P[:30], c=Q[:30]
    )
    found = compare_files([first, second], unpaired=True)
    assert list(zip(found.pairs["a"], found.pairs["b"], strict=True)) == [
        ("first:a", "second:a"), ("first:a", "c"), ("b", "second:a"), ("b", "c"),
    ]  # fmt: skip
    assert found.scores["rows"].tolist() == [ROWS, ROWS, 30, 30]


def test_contrasts_are_those_that_sas_publishes() -> None:
    albumin, score, protein = MODELS
    file = csv("p.csv", label=OUTCOME, albumin=albumin, score=score, protein=protein)
    for terms, expected in {
        ("albumin=1", "score=-1"): (0.0108, 0.0953, -0.1761, 0.1976, 0.9102),
        ("protein=1", "score=-1"): (-0.0780, 0.1046, -0.2830, 0.1271, 0.4561),
    }.items():
        found = compare_files([file], contrast=terms)
        row = found.contrasts.iloc[0]
        ours = tuple(row[["delta", "se", "ci_low", "ci_high", "p"]])
        assert ours == pytest.approx(expected, abs=5.1e-5)
        assert f"contrast +1 {terms[0][:-2]} -1 score: " in shown(found)


def test_a_contrast_over_groups_of_two_models_is_their_test() -> None:
    genes = np.arange(ROWS) // 5
    file = csv("p.csv", label=LABEL, a=P, b=Q, gene=genes)
    found = compare_files([file], groups="gene", contrast=["a=1", "b=-1"])
    of_pair, of_contrast = found.pairs.iloc[0], found.contrasts.iloc[0]
    for name in ("delta", "se", "df", "p"):
        assert of_contrast[name] == pytest.approx(of_pair[name], rel=1e-9)
    assert of_pair["df"] < 12


def test_other_metrics_of_a_run_are_compared_over_its_seeds_too() -> None:
    found = compare_files([predictions()], metric="mcc")
    assert found.pairs["method_p"].notna().all()
    assert "The methods, over 2 seeds" in shown(found)
    alone = compare_files([predictions()], metric="mcc", test="permutation")
    assert alone.pairs["method_p"].isna().all()
    assert set(alone.pairs["method_note"]) == {"permutation: no claim about methods"}
    assert "of the models of the first seed" in shown(alone)


def test_groups_are_drawn_whole() -> None:
    genes = np.arange(ROWS) // 5
    file = csv("p.csv", label=LABEL, a=P, b=Q, gene=genes)
    found = compare_files([file], groups="gene", metric="accuracy")
    assert found.pairs["df"][0] == 11
    assert "Rows of one 'gene' count together (drawn whole" in shown(found)
