"""Expected values follow from how conftest makes the run: see its docstring."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from engine.report.facts.duels import duels
from engine.report.facts.searches import best_so_far, searches
from engine.report.facts.standings import Standing, leaderboard, rank_table
from engine.report.finished_run import read_run

Maker = Callable[..., Path]


@pytest.fixture(scope="module")
def board(demo_run: Path) -> dict[str, list[Standing]]:
    return leaderboard(read_run(demo_run))


def test_every_cell_is_ranked_by_its_mean_over_seeds(
    board: dict[str, list[Standing]], truth: Any
) -> None:
    for place, task in enumerate((truth.splice, truth.promoters)):
        order = sorted(truth.cells, key=lambda cell: -truth.cells[cell][place])
        assert [(s.encoder, s.method) for s in board[task]] == order
        assert [s.rank for s in board[task]] == [1, 2, 3, 4, 5, 6, 7]


def test_mean_and_deviation_are_those_of_three_evenly_spaced_seeds(
    board: dict[str, list[Standing]], truth: Any
) -> None:
    for standing in board[truth.splice]:
        assert standing.mean == pytest.approx(truth.cells[standing.encoder, standing.method][0])
        assert standing.sd == pytest.approx(truth.spread)
        assert [seed for seed, _ in standing.by_seed] == [0, 1, 2]


def test_interval_is_that_of_the_first_seed_and_not_of_the_mean(
    board: dict[str, list[Standing]], truth: Any
) -> None:
    best = board[truth.splice][0]
    assert best.ci_low == pytest.approx(0.972 - truth.spread - 0.012)
    assert best.ci_high == pytest.approx(0.972 - truth.spread + 0.010)


def test_first_seed_is_the_studys_first_and_not_the_smallest(make_run: Maker, truth: Any) -> None:
    out = make_run(cells={("kmer", "probe"): (0.9,)}, tasks=("t",))
    study = (out / "study.yaml").read_text().replace("- 0\n- 1\n- 2", "- 2\n- 0\n- 1")
    (out / "study.yaml").write_text(study)
    (standing,) = leaderboard(read_run(out))["t"]
    assert standing.by_seed[0] == (2, pytest.approx(0.9 + truth.spread))
    assert standing.ci_high == pytest.approx(0.9 + truth.spread + 0.010)


def test_gain_compares_the_seeds_that_have_both_models(
    board: dict[str, list[Standing]], truth: Any
) -> None:
    # The untuned models are of seeds 0 and 1, so their plain mean is half a spread lower than that
    # of three seeds; the gain must not inherit it.
    for standing in board[truth.promoters]:
        assert standing.default_seeds == 2
        assert standing.default == pytest.approx(standing.mean - truth.gain - truth.spread / 2)
        assert standing.gain == pytest.approx(truth.gain)


def test_drop_is_validation_minus_test(board: dict[str, list[Standing]]) -> None:
    assert all(s.drop == pytest.approx(0.01) for cells in board.values() for s in cells)


def test_status_follows_the_verdict_against_the_best(
    board: dict[str, list[Standing]], truth: Any
) -> None:
    statuses = {standing.label: standing.status for standing in board[truth.splice]}
    assert statuses == {
        "tiny-bert · lora": "best",
        "onehot · probe": "tied",
        "tiny-hyena · lora": "tied",
        "tiny-bert · probe": "behind",
        "tiny-hyena · probe": "behind",
        "kmer · probe": "behind",
        "tiny-bert-random · probe": "behind",
    }


def test_a_duel_reads_the_same_from_both_sides(demo_run: Path, truth: Any) -> None:
    tested = duels(read_run(demo_run))
    a, b = "tiny-bert/promoters/lora", "kmer/promoters/probe"
    assert tested[a, b].delta == pytest.approx(0.951 - 0.958)
    assert tested[b, a].delta == pytest.approx(0.958 - 0.951)
    assert tested[b, a].ci_low == pytest.approx(0.007 - truth.half_interval)
    assert tested[a, b].p_adjusted == tested[b, a].p_adjusted


def test_a_duel_is_of_the_earliest_seed_of_the_study(make_run: Maker) -> None:
    out = make_run(cells={("a", "probe"): (0.9,), ("b", "probe"): (0.8,)}, tasks=("t",))
    rows = pd.read_csv(out / "comparisons.csv")
    later = rows.assign(seed=2, delta=0.5)
    pd.concat([later, rows]).to_csv(out / "comparisons.csv", index=False)
    duel = duels(read_run(out))["a/t/probe", "b/t/probe"]
    assert (duel.seed, duel.delta) == (0, pytest.approx(0.1))


def test_comparisons_of_another_metric_do_not_count(make_run: Maker) -> None:
    out = make_run(cells={("a", "probe"): (0.9,), ("b", "probe"): (0.8,)}, tasks=("t",))
    pd.read_csv(out / "comparisons.csv").assign(metric="mcc").to_csv(
        out / "comparisons.csv", index=False
    )
    run = read_run(out)
    assert duels(run) == {}
    assert [s.status for s in leaderboard(run)["t"]] == ["best", "not compared"]


@pytest.mark.parametrize(
    ("verdict", "delta", "status"),
    [
        ("significant", 0.1, "behind"),
        ("significant", -0.1, "unstable"),
        ("unstable over seeds", 0.1, "unstable"),
        ("not significant", 0.1, "tied"),
    ],
)
def test_a_cell_is_behind_only_by_a_significant_difference_in_the_best_ones_favour(
    make_run: Maker, verdict: str, delta: float, status: str
) -> None:
    out = make_run(cells={("a", "probe"): (0.9,), ("b", "probe"): (0.8,)}, tasks=("t",))
    rows = pd.read_csv(out / "comparisons.csv")
    rows.assign(verdict=verdict, delta=delta).to_csv(out / "comparisons.csv", index=False)
    assert leaderboard(read_run(out))["t"][1].status == status


def test_a_pair_without_a_p_value_is_not_compared(make_run: Maker) -> None:
    out = make_run(cells={("a", "probe"): (0.9,), ("b", "probe"): (0.8,)}, tasks=("t",))
    rows = pd.read_csv(out / "comparisons.csv")
    rows = rows.assign(p=math.nan, p_adjusted=math.nan, log10_p=math.nan, verdict="no test")
    rows.to_csv(out / "comparisons.csv", index=False)
    assert leaderboard(read_run(out))["t"][1].status == "not compared"


def test_a_loss_ranks_the_smallest_first_and_counts_differences_for_the_better(
    make_run: Maker, truth: Any
) -> None:
    cells = {("a", "probe"): (0.9,), ("b", "probe"): (0.8,)}
    run = read_run(make_run(cells=cells, tasks=("t",), metric="log_loss"))
    best, second = leaderboard(run)["t"]
    assert (best.encoder, second.status) == ("b", "behind")
    assert second.against_best is not None
    assert second.against_best.delta == pytest.approx(0.1)
    assert second.against_best.ci_low == pytest.approx(0.1 - truth.half_interval)
    # The gain lowers the untuned value, so by a loss tuning made it worse.
    assert best.gain == pytest.approx(-truth.gain)
    assert best.drop == pytest.approx(-0.01)


def test_equal_means_share_a_rank_and_average_it_over_tasks(make_run: Maker) -> None:
    cells = {("a", "probe"): (0.9, 0.9), ("b", "probe"): (0.9, 0.8), ("c", "probe"): (0.7, 0.7)}
    board = leaderboard(read_run(make_run(cells=cells, tasks=("t", "u"))))
    assert [standing.rank for standing in board["t"]] == [1, 1, 3]
    ranks = rank_table(board)
    assert ranks.loc[("a", "probe"), "t"] == 1.5
    assert ranks.mean(axis=1).to_list() == [1.25, 1.75, 3.0]


def test_cells_that_miss_a_task_come_last_in_the_ranks(make_run: Maker) -> None:
    cells = {("a", "probe"): (0.9, 0.9), ("b", "probe"): (0.8, 0.8)}
    out = make_run(cells=cells, tasks=("t", "u"))
    scores = pd.read_csv(out / "scores.csv")
    scores[scores["cell"] != "a/u/probe"].to_csv(out / "scores.csv", index=False)
    ranks = rank_table(leaderboard(read_run(out)))
    assert list(ranks.index) == [("b", "probe"), ("a", "probe")]
    assert math.isnan(ranks.loc[("a", "probe"), "u"])


def test_a_cell_whose_refits_gave_no_value_is_last_and_without_score(make_run: Maker) -> None:
    cells = {("a", "probe"): (0.9,), ("b", "probe"): (0.8,)}
    out = make_run(cells=cells, tasks=("t",))
    scores = pd.read_csv(out / "scores.csv")
    scores.loc[scores["encoder"] == "a", "value"] = math.nan
    scores.to_csv(out / "scores.csv", index=False)
    board = leaderboard(read_run(out))["t"]
    assert [(s.encoder, s.rank, s.status) for s in board] == [
        ("b", 1, "best"),
        ("a", 2, "no score"),
    ]


def test_trials_are_counted_by_status(demo_run: Path, truth: Any) -> None:
    run = read_run(demo_run)
    found = searches(run)
    assert [len(cells) for cells in found.values()] == [7, 7]
    for search in found[truth.splice]:
        trials = run.trials[run.trials["cell"] == search.cell]
        assert search.total == len(trials) == 12
        assert search.counts.get("failed", 0) == (trials["status"] == "failed").sum()
        top = truth.cells[search.encoder, search.method][0] + 0.01
        assert search.best == pytest.approx(top)
        assert search.default == pytest.approx(top - truth.gain)


def test_best_so_far_keeps_only_complete_improvements() -> None:
    trials = pd.DataFrame(
        {
            "number": [3, 0, 1, 2, 4, 5],
            "score": [0.8, 0.5, 0.9, 0.4, math.nan, 0.7],
            "status": ["complete", "complete", "pruned", "complete", "failed", "complete"],
        }
    )
    assert best_so_far(trials) == ([0, 3], [0.5, 0.8])
    assert best_so_far(trials, sign=-1) == ([0, 2], [0.5, 0.4])
