"""The embedding stage: what it leaves does not depend on which worker was first."""

from pathlib import Path

import pytest
from rich.console import Console

from engine.embedding.stored import prepare
from engine.plan.cells import make_plan
from engine.plan.study import load_study
from engine.stages import embed as stage
from engine.stages.progress import View
from engine.stages.run import Run


def test_what_was_prepared_stands_in_the_order_of_the_plan(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sets = ["encoders=[kmer, onehot]", "methods={probe: probe}", "skip=[]", f"store={tmp_path}/s"]
    run = Run(
        make_plan(load_study(Path("studies/demo.yaml"), sets)),
        tmp_path / "out",
        None,
        False,
        View(Console(quiet=True)),
    )

    def last_first(run, requests):
        for request in reversed(requests):
            yield request, prepare(request, run.store)

    monkeypatch.setattr(stage, "_embedded", last_first)
    pairs = list(dict.fromkeys((p.cell.encoder, p.cell.task) for p in run.plan.cells))
    stage.embed(run, pairs, ("train", "validation"))
    assert len(pairs) == 4
    assert list(run.prepared) == pairs
