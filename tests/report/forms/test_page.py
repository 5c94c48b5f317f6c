"""The question a study asks, and that either form of the page can write every kind of block."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import pytest

from engine.report.facts.answer import Answer
from engine.report.finished_run import read_run
from engine.report.forms.blocks import Block
from engine.report.forms.html import TEMPLATES, render_html
from engine.report.forms.markdown import written
from engine.report.forms.page import Page, TaskAnswer, compose, question

Maker = Callable[..., Path]


@pytest.mark.parametrize("kind", get_args(Block), ids=lambda kind: kind.__name__)
def test_every_kind_of_block_has_both_forms(kind: type) -> None:
    macros = (TEMPLATES / "macros.html.j2").read_text(encoding="utf-8")
    assert f"{{% macro {kind.__name__.lower()}(" in macros
    assert written.dispatch(kind) is not written.dispatch(object)


def test_a_study_of_one_cell_asks_for_no_difference(make_run: Maker) -> None:
    out = make_run(cells={("a", "probe"): (0.9,)}, tasks=("t",), per_cell=2)
    text = (out / "study.yaml").read_text().replace("  lora: search_spaces/lora.yaml\n", "")
    (out / "study.yaml").write_text(text)
    assert question(read_run(out)) == "How good is a, adapted by probe, on t?"


def test_warnings_of_many_tasks_are_under_their_mark() -> None:
    said = Answer("t", "none", "", "No cell of this task produced a fitted model.", ())
    tasks = [TaskAnswer(f"t{n}", said, ["Rows leak.", "Rows are short."][:n]) for n in range(4)]
    text = render_html(Page("n", "", "q?", [], "", tasks, []))
    assert 'title="Rows leak.\nRows are short." aria-label="warnings about its data: 2"' in text
    assert text.count("warnings about its data") == 3


@pytest.mark.usefixtures("unsaved")
def test_the_answer_over_all_tasks_counts_those_with_one_winner(make_run: Maker) -> None:
    # At a standard error of about 0.006: one task with a clear winner, four without.
    tasks = ("t", "u", "v", "w", "x")
    cells = {("a", "probe"): (0.9, 0.9, 0.9, 0.9, 0.9), ("b", "probe"): (0.8, 0.9, 0.9, 0.9, 0.9)}
    out = make_run(cells=cells, tasks=tasks, per_cell=2)
    page = compose(read_run(out), out / "figures")
    assert page.across.startswith("1 task of 5 has one winner. Over 5 tasks")


@pytest.mark.usefixtures("unsaved")
def test_answers_of_many_tasks_are_folded_and_none_is_lost(make_run: Maker) -> None:
    tasks = tuple(f"task{place}" for place in range(14))
    out = make_run(cells={("a", "probe"): (0.9,) * 14}, tasks=tasks, per_cell=2)
    html = render_html(compose(read_run(out), out / "figures"))
    first, _, folded = html.partition('<details class="more">')
    assert "The other 2 tasks" in folded
    shown = [re.findall(r'href="#task-(\d+)">task', part) for part in (first, folded)]
    assert shown == [[str(n) for n in range(1, 15)] + [str(n) for n in range(1, 13)], ["13", "14"]]
