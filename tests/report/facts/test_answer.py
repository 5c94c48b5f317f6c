import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engine.report.facts.answer import answer
from engine.report.facts.duels import Duel
from engine.report.facts.standings import Standing, leaderboard
from engine.report.finished_run import read_run

DUEL = Duel(
    delta=0.012,
    ci_low=0.003,
    ci_high=0.021,
    p=0.002,
    log10_p=math.log10(0.002),
    p_adjusted=0.004,
    verdict="significant",
    seeds_agree="3/3",
    seed=0,
    test="DeLong",
    correction="holm",
    family="per_task",
    note="",
)


@pytest.fixture(scope="module")
def cells(demo_run: Path, truth: Any) -> list[Standing]:
    """Three cells of which the first is best; the tests say how the others stand to it."""
    first, second, third = leaderboard(read_run(demo_run))[truth.splice][:3]
    return [
        replace(first, encoder="A", method="lora", mean=0.972),
        replace(second, encoder="B", method="probe", status="behind", against_best=DUEL),
        replace(third, encoder="C", method="probe", status="behind", against_best=DUEL),
    ]


def test_a_winner_is_named_with_its_lead_interval_p_and_seeds(cells: list[Standing]) -> None:
    found = answer("t", cells)
    assert found.outcome == "winner"
    assert found.tied == ()
    assert found.sentence == (
        "A · lora is best (0.972 AUROC), a significant 0.012 ahead of B · probe (95 % CI 0.003 to "
        "0.021, Holm p = 0.004; 3/3 seeds agree); it is significantly ahead of both other cells."
    )


def test_a_lead_that_is_not_significant_makes_a_tie_and_names_all_of_it(
    cells: list[Standing],
) -> None:
    open_duel = replace(DUEL, ci_low=-0.003, p_adjusted=0.31, verdict="not significant")
    tied = [replace(cell, status="tied", against_best=open_duel) for cell in cells[1:]]
    found = answer("t", [cells[0], *tied])
    assert found.outcome == "tie"
    assert found.tied == ("B · probe", "C · probe")
    assert found.sentence == (
        "A · lora scores highest (0.972 AUROC), but its lead of 0.012 over B · probe is not "
        "significant (95 % CI −0.003 to 0.021, Holm p = 0.31); it cannot be told apart from "
        "C · probe either."
    )


def test_a_tie_further_down_is_not_hidden_by_a_significant_runner_up(cells: list[Standing]) -> None:
    tied = replace(cells[2], status="tied", against_best=replace(DUEL, verdict="not significant"))
    found = answer("t", [cells[0], cells[1], tied])
    assert found.outcome == "tie"
    assert "a significant 0.012 ahead of B · probe" in found.rest
    assert "it cannot be told apart from C · probe;" in found.rest
    assert found.rest.endswith("it is significantly ahead of the other cell.")


def test_an_unstable_lead_is_no_win(cells: list[Standing]) -> None:
    duel = replace(DUEL, verdict="unstable over seeds", seeds_agree="2/3")
    found = answer("t", [cells[0], replace(cells[1], status="unstable", against_best=duel)])
    assert found.outcome == "tie"
    assert "its lead of 0.012 over B · probe is not stable" in found.rest
    assert "2/3 seeds agree" in found.rest


def test_a_first_seed_that_contradicts_the_mean_is_said(cells: list[Standing]) -> None:
    duel = replace(DUEL, delta=-0.002, verdict="not significant")
    found = answer("t", [cells[0], replace(cells[1], status="tied", against_best=duel)])
    assert "on average over seeds, but with seed 0 it is 0.002 behind B · probe" in found.rest


def test_equal_models_are_level_and_not_ahead(cells: list[Standing]) -> None:
    duel = replace(DUEL, delta=0.0, p=1.0, p_adjusted=1.0, verdict="not significant")
    found = answer("t", [cells[0], replace(cells[1], status="tied", against_best=duel)])
    assert ", level with B · probe (" in found.rest
    assert "lead" not in found.rest


@pytest.mark.parametrize("duel", [None, replace(DUEL, p_adjusted=math.nan, verdict="no test")])
def test_a_pair_that_was_not_tested_is_not_called_significant(
    cells: list[Standing], duel: Duel | None
) -> None:
    found = answer("t", [cells[0], replace(cells[1], status="not compared", against_best=duel)])
    assert found.outcome == "untested"
    assert "a difference that was not tested" in found.rest
    assert "significant" not in found.rest


def test_a_single_cell_has_a_score_and_nothing_to_beat(cells: list[Standing]) -> None:
    found = answer("t", cells[:1])
    assert found.outcome == "alone"
    assert found.sentence.startswith("A · lora reaches 0.972 AUROC (95 % CI ")
    assert "nothing" not in found.sentence
    assert "no other cell has a score" in found.sentence


def test_a_task_that_no_cell_finished_says_so(cells: list[Standing]) -> None:
    assert answer("t", []).sentence == "No cell of this task produced a fitted model."
    assert answer("t", [replace(cells[0], status="no score")]).outcome == "none"


def test_a_lead_of_methods_says_where_the_fitted_models_disagree(cells: list[Standing]) -> None:
    duel = replace(DUEL, of_methods=True, agreement="mixed", models_p=0.2)
    found = answer("t", [cells[0], replace(cells[1], against_best=duel)])
    assert "a significant 0.012 ahead of B · probe over seeds" in found.rest
    assert "mixed: the two models of seed 0 do not differ significantly" in found.rest
    assert "seeds agree" not in found.rest


def test_equivalence_is_named_with_its_margin(cells: list[Standing]) -> None:
    duel = replace(DUEL, of_methods=True, equivalent=True, margin=0.01, verdict="not significant")
    found = answer("t", [cells[0], replace(cells[1], status="equivalent", against_best=duel)])
    assert found.outcome == "tie"
    assert "equivalent to B · probe within ±0.01" in found.rest


def test_an_underflowed_p_value_is_given_as_a_bound(cells: list[Standing]) -> None:
    duel = replace(DUEL, p=0.0, log10_p=-320.0, p_adjusted=0.0)
    found = answer("t", [cells[0], replace(cells[1], against_best=duel)])
    assert "Holm p < 1e-300" in found.rest
    raw = replace(duel, correction="none", log10_adjusted=-320.0)
    found = answer("t", [cells[0], replace(cells[1], against_best=raw)])
    assert "unadjusted p = 1e-320" in found.rest


def test_many_ties_are_counted_and_not_all_spelled_out(cells: list[Standing]) -> None:
    duel = replace(DUEL, verdict="not significant")
    tied = [replace(cells[1], encoder=f"E{i}", status="tied", against_best=duel) for i in range(9)]
    found = answer("t", [cells[0], *tied])
    assert len(found.tied) == 9
    assert "E1 · probe, E2 · probe and 6 others either" in found.rest


def test_of_a_loss_the_best_score_is_not_the_highest(cells: list[Standing]) -> None:
    level = replace(DUEL, verdict="not significant", p_adjusted=0.4)
    losses = [replace(cells[0], metric="mse"), replace(cells[1], metric="mse", status="tied")]
    said = answer("t", [losses[0], replace(losses[1], against_best=level)]).sentence
    assert said.startswith("A · lora scores best (0.972 MSE)")


def test_a_cell_that_was_not_compared_makes_a_sentence(cells: list[Standing]) -> None:
    alone = replace(cells[2], status="not compared", against_best=None)
    assert "C · probe is not compared with it" in answer("t", [*cells[:2], alone]).sentence


def test_a_lead_may_be_significant_and_too_small_to_matter(cells: list[Standing]) -> None:
    duel = replace(DUEL, of_methods=True, equivalent=True, margin=0.02)
    said = answer("t", [cells[0], replace(cells[1], against_best=duel)]).sentence
    assert (
        "a significant 0.012 ahead of B · probe over seeds, less than the margin of ±0.02" in said
    )
