"""The shipped search spaces say what their methods take, and what the published study did."""

import random
from pathlib import Path

import pytest

from engine.basics.yaml_files import read_yaml
from engine.kinds import find_kind
from engine.methods import find_method, methods
from engine.methods.probes import probes
from engine.methods.probes.fitted import configuration
from engine.plan.space import Scalar, Space, parse_space
from engine.search.samplers import grid

FOLDER = Path(__file__).resolve().parents[2] / "search_spaces"
SPACES = sorted(str(path.relative_to(FOLDER)) for path in FOLDER.rglob("*.yaml"))
OF_PROBES = [name for name in SPACES if "method: probe" in (FOLDER / name).read_text()]


def space(name: str) -> Space:
    return parse_space(read_yaml(FOLDER / name, "search space"), name)


class Dice:
    """Proposes at random."""

    def __init__(self, seed: int):
        self.random = random.Random(seed)

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:
        return self.random.uniform(low, high)

    def suggest_int(self, name: str, low: int, high: int, *, log: bool = False) -> int:
        return self.random.randint(low, high)

    def suggest_categorical(self, name: str, choices: tuple[Scalar, ...]) -> Scalar:
        return self.random.choice(choices)


@pytest.mark.parametrize("name", SPACES)
def test_a_space_declares_what_its_method_takes(name: str) -> None:
    read = space(name)
    method = find_method(read.method, name)
    for parameter in read.parameters:
        parameter.check(method.parameters[parameter.name].values, name)


@pytest.mark.parametrize("name", OF_PROBES)
def test_every_configuration_of_a_probe_space_is_one_that_its_classifier_takes(name: str) -> None:
    read = space(name)
    for params in [read.default_point(), *(read.draw(Dice(seed)) for seed in range(100))]:
        kinds = probes()[str(params["classifier"])].kinds
        kind = "classification" if "classification" in kinds else "regression"
        configuration(params, find_kind(kind), 0)


def test_every_probe_has_a_space_of_its_own_over_its_hyperparameters() -> None:
    for name, probe in probes().items():
        read = space(f"probes/{name}.yaml")
        assert read.default["classifier"] == name
        assert {p.name for p in read.parameters} & set(probe.parameters)


def test_every_method_has_a_space() -> None:
    assert {space(name).method for name in SPACES} >= {"probe", "lora", "cnn"}
    assert {space(name).method for name in SPACES} <= set(methods())


# ChongWuLab/dna_foundation_benchmark, job_scripts/classify_cadph.py.
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "feng2024_rf.yaml",
            {
                "n_estimators": [1000, 500, 200],
                "max_features": ["sqrt", "log2"],
                "max_depth": [20, None],
                "min_samples_split": [2, 5],
            },
        ),
        ("feng2025_nb.yaml", {"var_smoothing": [1e-10, 1e-9, 1e-8]}),
        (
            "feng2025_elasticnet.yaml",
            {"C": [0.1, 1, 10], "l1_ratio": [0.1, 0.5, 0.9], "class_weight": ["none", "balanced"]},
        ),
    ],
)
def test_the_grid_is_the_published_one(name: str, expected: dict[str, list[Scalar]]) -> None:
    points = grid(space(name))
    size = 1
    for key, values in expected.items():
        assert {point[key] for point in points} == set(values)
        size *= len(values)
    assert len(points) == size
    assert {point["folds"] for point in points} == {4}
