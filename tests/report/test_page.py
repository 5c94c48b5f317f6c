"""The question a study asks, and that either form of the page can write every kind of block."""

from collections.abc import Callable
from pathlib import Path
from typing import get_args

import pytest

from engine.report.blocks import Block
from engine.report.html import TEMPLATES
from engine.report.markdown import written
from engine.report.page import question
from engine.report.run import read_run

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
