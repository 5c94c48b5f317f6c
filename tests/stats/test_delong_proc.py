"""AUC, variance, covariance, intervals, statistics and p-values are those of R's pROC."""

import csv
import math
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from engine.stats import (
    ZeroVarianceError,
    auc_ci,
    auc_covariance,
    delong_test,
    delong_unpaired,
    partial_auc,
)

GOLDEN = Path(__file__).parent / "golden"
SCRIPT = GOLDEN / "make_proc_golden.R"
ALTERNATIVES = {"two.sided": "two-sided", "greater": "greater", "less": "less"}
TOLERANCE = 1e-10  # absolute up to 1, relative above


def read_cases(path):
    """{case: {model: (labels, scores)}}"""
    cases = {}
    with path.open(newline="") as file:
        for line in csv.DictReader(file):
            labels = np.array(line["labels"].split(), dtype=int)
            scores = np.array(line["scores"].split(), dtype=float)
            cases.setdefault(line["case"], {})[line["model"]] = (labels, scores)
    return cases


def read_values(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def error(ours, theirs):
    if math.isnan(theirs):
        return 0.0  # pROC has no such number
    return abs(ours - theirs) / max(1.0, abs(theirs))


def errors(models, line):
    """How far each of our numbers is from pROC's, for one line of values."""
    (y_a, a), (y_b, b) = models["a"], models["b"]
    theirs = {
        name: float(text)
        for name, text in line.items()
        if name not in ("case", "design", "alternative")
    }
    alternative = ALTERNATIVES[line["alternative"]]
    of_a, of_b = auc_ci(y_a, a), auc_ci(y_b, b)
    ours = {
        "auc_a": of_a.auc,
        "auc_b": of_b.auc,
        "var_a": of_a.se**2,
        "var_b": of_b.se**2,
        "a_low": of_a.ci_low,
        "a_high": of_a.ci_high,
        "b_low": of_b.ci_low,
        "b_high": of_b.ci_high,
    }
    paired = line["design"] == "paired"
    if paired:
        aucs, covariance = auc_covariance(y_a, [a, b])
        assert aucs.tolist() == [of_a.auc, of_b.auc]
        ours["cov"] = covariance[0, 1]

    def run():
        if paired:
            return delong_test(y_a, a, b, alternative)
        return delong_unpaired(y_a, a, y_b, b, alternative)

    if of_a.se == of_b.se == 0 and of_a.auc != of_b.auc:
        assert not math.isfinite(theirs["statistic"])
        with pytest.raises(ZeroVarianceError):
            run()
        return {name: error(value, theirs[name]) for name, value in ours.items()}
    test = run()
    assert test.delta == pytest.approx(of_a.auc - of_b.auc, abs=1e-14)
    ours |= {"p": test.p, "log10_p": test.log10_p}
    if paired:
        ours |= {"statistic": test.z, "ci_low": test.ci_low, "ci_high": test.ci_high}
        ours |= {"var_a": test.var_a, "var_b": test.var_b, "cov": test.cov}
    else:
        ours |= {"statistic": test.t, "df": test.df}
    if not math.isfinite(theirs["statistic"]):
        # two unpaired curves without variance or difference: 0 / 0 in pROC
        assert (test.t, test.se) == (0, 0)
    return {name: error(value, theirs[name]) for name, value in ours.items()}


def worst(cases, values):
    return max(
        (
            (value, line["case"], line["design"], line["alternative"], name)
            for line in values
            for name, value in errors(cases[line["case"]], line).items()
        ),
    )


CASES = read_cases(GOLDEN / "cases.csv")
VALUES = read_values(GOLDEN / "values.csv")


@pytest.mark.parametrize("case", CASES)
def test_agrees_with_golden_values_of_proc(case):
    lines = [line for line in VALUES if line["case"] == case]
    assert lines
    found = worst(CASES, lines)
    assert found[0] <= TOLERANCE, found


def test_golden_values_cover_what_they_should():
    assert len(CASES) >= 40
    assert {(line["design"], line["alternative"]) for line in VALUES} == {
        (design, alternative) for design in ("paired", "unpaired") for alternative in ALTERNATIVES
    }
    assert any(line["p"] == "0" and float(line["log10_p"]) < -400 for line in VALUES)


def test_agrees_with_golden_values_of_proc_on_200_random_cases():
    """Tiny, imbalanced, tied, separated and constant ones; made and valued by R."""
    cases = read_cases(GOLDEN / "random_cases.csv")
    values = read_values(GOLDEN / "random_values.csv")
    assert len(cases) == 200
    assert len(values) == 400
    assert {name.split()[-1] for name in cases} == {
        "any", "tiny", "imbalanced", "separated", "constant"
    }  # fmt: skip
    found = worst(cases, values)
    assert found[0] <= TOLERANCE, found


def test_partial_auc_is_that_of_proc():
    lines = read_values(GOLDEN / "partial.csv")
    assert len(lines) == 2 * len(CASES)
    for line in lines:
        y, scores = CASES[line["case"]][line["model"]]
        for max_fpr in (0.1, 0.5):
            theirs = float(line[f"up_to_{max_fpr}"])
            assert partial_auc(y, scores, max_fpr) == pytest.approx(theirs, abs=1e-12), line


def random_case(rng):
    """Sizes from 2 to 80 of a class, with or without ties, related or not."""
    y = rng.permutation(np.repeat([0, 1], rng.integers(2, 80, size=2)))
    decimals = rng.choice([0, 1, 8])
    common = rng.normal(size=len(y))
    weight = rng.choice([0.0, 0.5, 0.95])
    models = {}
    for model in ("a", "b"):
        noise = weight * common + (1 - weight) * rng.normal(size=len(y))
        models[model] = (y, np.round(noise + rng.uniform(-0.5, 2) * y, decimals))
    return models


def has_proc():
    if shutil.which("Rscript") is None:
        return False
    command = ["Rscript", "-e", "library(pROC)"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def test_agrees_with_proc_run_here_on_random_cases(tmp_path):
    if not has_proc():
        pytest.skip("R with pROC is not installed (Debian: r-base-core, r-cran-proc)")
    rng = np.random.default_rng(7)
    cases = {f"random {number}": random_case(rng) for number in range(20)}
    with (tmp_path / "cases.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["case", "model", "labels", "scores"])
        for case, models in cases.items():
            for model, (labels, scores) in models.items():
                texts = (" ".join(map(repr, numbers.tolist())) for numbers in (labels, scores))
                writer.writerow([case, model, *texts])
    subprocess.run(["Rscript", SCRIPT, tmp_path / "cases.csv", tmp_path / "values.csv"], check=True)
    values = read_values(tmp_path / "values.csv")
    assert len(values) == 20 * 6
    found = worst(read_cases(tmp_path / "cases.csv"), values)
    assert found[0] <= TOLERANCE, found
