"""The shipped search spaces: accepted by the plan, and their default points train."""

from collections.abc import Callable
from pathlib import Path

import pytest

from engine.basics.errors import UserError
from engine.basics.yaml_files import dump_yaml, read_yaml
from engine.plan.cells import make_plan
from engine.plan.space import parse_space
from engine.plan.study import load_study
from engine.records import TrialSpec
from engine.trial import run_trial
from tests.conftest import REPOSITORY
from tests.methods.support import fine_tuning_methods

SPACES = {
    path.stem: parse_space(read_yaml(path, "search space"), str(path))
    for path in sorted((REPOSITORY / "search_spaces").glob("*.yaml"))
}
TRAINED = [name for name, space in SPACES.items() if space.method in fine_tuning_methods()]


def study(folder: Path, motif_file: Path, given: dict[str, object]) -> Path:
    content = {"name": "s", "encoders": ["tiny-bert", "onehot"], "methods": given}
    content["tasks"] = [{"path": str(motif_file)}]
    (folder / "s.yaml").write_text(dump_yaml(content))
    return folder / "s.yaml"


def test_every_shipped_space_is_accepted(
    in_repository: Path, tmp_path: Path, motif_file: Path
) -> None:
    given = {name: f"search_spaces/{name}.yaml" for name in SPACES}
    made = make_plan(load_study(study(tmp_path, motif_file, given)))
    assert {plan.cell.method for plan in made.cells} == set(SPACES)


def test_every_method_that_trains_a_network_has_a_space() -> None:
    assert {SPACES[name].method for name in TRAINED} == set(fine_tuning_methods())


def pooled_by_attention(method: str) -> dict[str, object]:
    return {
        "method": method,
        "parameters": {"pooling": {"choice": ["attention", "mean"]}},
        "default": {"pooling": "attention"},
    }


def test_attention_is_a_pooling_of_methods_that_train(tmp_path: Path, motif_file: Path) -> None:
    """No encoder stores it: it is learned."""
    made = make_plan(load_study(study(tmp_path, motif_file, {"m": pooled_by_attention("bitfit")})))
    assert [plan.space.default["pooling"] for plan in made.cells] == ["attention"]
    assert not made.poolings("tiny-bert", "motif")
    with pytest.raises(UserError, match="'attention' is no pooling"):
        make_plan(load_study(study(tmp_path, motif_file, {"m": pooled_by_attention("probe")})))


@pytest.mark.slow
@pytest.mark.parametrize("name", TRAINED)
def test_the_default_point_trains(name: str, spec_of: Callable[..., TrialSpec]) -> None:
    space = SPACES[name]
    result = run_trial(spec_of(space.method, {**space.default_point(), "epochs": 1}))
    assert result.error is None
    assert result.cost.keys() >= {"examples_per_second", "tokens_per_second", "peak_memory_bytes"}
    assert result.cost["peak_memory_bytes"] > 2**20
    assert result.cost["tokens_per_second"] > result.cost["examples_per_second"] > 0
