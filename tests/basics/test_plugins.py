"""What other packages add: the package of docs/plugins.md, found and held to the contracts."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from engine.basics.errors import UserError
from engine.basics.plugins import Registry
from tests.conftest import REPOSITORY

BLOCK = re.compile(r"^```\w+\n# ([\w./]+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
#: One file: a kind of task, and its metric.
ORDINAL = "dnasweep_example.ordinal"
GROUPS = ("encoders", "probes", "methods", "metrics", "sections")


def write_package(folder: Path) -> Path:
    """The package that docs/plugins.md shows."""
    text = (REPOSITORY / "docs" / "plugins.md").read_text(encoding="utf-8")
    for name, content in BLOCK.findall(text):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    (folder / "dnasweep_example" / "__init__.py").touch()
    return folder


def installed(folder: Path, package: str, points: dict[str, str]) -> Path:
    """Metadata of a package whose code lies in a folder; group -> what its entry point names."""
    metadata = folder / f"{package}-0.1.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 0.1\n")
    lines = [f"[dnasweep.{group}]\nmine = {value}\n" for group, value in points.items()]
    (metadata / "entry_points.txt").write_text("\n".join(lines))
    return folder


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python in the repository with a folder on its path."""
    path = os.pathsep.join([str(folder), str(REPOSITORY)])
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=REPOSITORY,
        env=os.environ | {"PYTHONPATH": path, "COLUMNS": "300"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_package(tmp_path_factory.mktemp("example"))
    modules = ("gc", "lda", "nearest_mean", "g_mean", "licences")
    points = {g: f"dnasweep_example.{m}" for g, m in zip(GROUPS, modules, strict=True)}
    installed(folder, "dnasweep_ordinal", dict.fromkeys(("kinds", "metrics"), ORDINAL))
    return installed(folder, "dnasweep_example", points)


def test_what_a_package_declares_is_listed_and_planned(example: Path, tmp_path: Path) -> None:
    assert "gc " in run(example, "run_search.py", "list", "encoders").stdout
    assert "nearest_mean" in run(example, "run_search.py", "list", "methods", "--json").stdout
    spaces = (
        "methods={a: {method: nearest_mean, parameters: {pooling: {constant: features}}, "
        "default: {pooling: features}}, b: {method: probe, parameters: {pooling: {constant: "
        "features}, classifier: {constant: lda}}, default: {pooling: features, classifier: lda}}}"
    )
    quick = ("-e", "gc", "-t", "promoters_ecoli", "--set", spaces, "--set", "metric=g_mean")
    done = run(example, "run_search.py", *quick, "--dry-run", "--out", str(tmp_path / "out"))
    assert done.stderr == ""
    assert "2 cells" in done.stdout


@pytest.mark.parametrize(
    ("content", "value", "parts"),
    [
        (None, "nowhere", ["cannot be imported (ModuleNotFoundError: No module named 'nowhere')"]),
        ("import torhc", "broken", ["cannot be imported (ModuleNotFoundError: "]),
        ("def f(:", "broken", ["cannot be imported (SyntaxError: "]),
        ("1 / 0", "broken", ["cannot be imported (ZeroDivisionError: "]),
        ("CARDS = ()", "broken", ["broken declares no EncoderCard"]),
        ("CARDS = (3,)", "broken", ["broken declares no EncoderCard"]),
        ("CARDS = ()", "broken:CARDS", ["name the module alone, 'broken'"]),
        (
            "from dataclasses import replace\nfrom engine.encoders.families.onehot import CARDS\n"
            "MINE = replace(CARDS[0], licence='MIT')",
            "broken",
            ["the name 'onehot' is taken; give it another"],
        ),
    ],
)
def test_a_broken_plug_in_is_one_line_that_names_it(
    tmp_path: Path, content: str | None, value: str, parts: list[str]
) -> None:
    if content is not None:
        (tmp_path / "broken.py").write_text(content)
    installed(tmp_path, "broken_package", {"encoders": value})
    done = run(tmp_path, "run_search.py", "list", "encoders")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    where = "error: package 'broken_package': entry point dnasweep.encoders: mine"
    for part in (where, *parts):
        assert part in done.stderr


def test_a_section_stands_at_its_place_in_the_report(example: Path) -> None:
    code = "from engine.report.sections import subjects; print(*(s.name for s in subjects()))"
    names = run(example, "-c", code).stdout.split()
    assert names.index("cost") < names.index("licences") < names.index("claims")


def test_two_packages_cannot_take_one_name(example: Path, tmp_path: Path) -> None:
    installed(tmp_path, "second", {"metrics": "second_metric"})
    source = (example / "dnasweep_example" / "g_mean.py").read_text()
    (tmp_path / "second_metric.py").write_text(source)
    path = Path(f"{example}{os.pathsep}{tmp_path}")
    done = run(path, "run_search.py", "--set", "metric=mmc", "--dry-run")
    assert done.returncode == 2
    assert "the name 'g_mean' is taken" in done.stderr


def test_what_an_encoder_of_a_package_remembers_follows_its_code(example: Path) -> None:
    code = (
        "from engine.encoders.registry import cards, code_of; "
        "print(len(code_of(cards()['kmer'])), *code_of(cards()['gc'])[-2:])"
    )
    count, *files = run(example, "-c", code).stdout.split()
    assert int(count) > 20
    assert all(str(example / "dnasweep_example") in file for file in files)


def test_what_is_made_in_a_process_is_registered_once_by_its_name() -> None:
    class One(NamedTuple):
        name: str
        value: int

    registry = Registry("none", One, {"a": One("a", 1)}.copy)
    mine = One("b", 2)
    registry.register(mine)
    registry.register(mine)
    assert (dict(registry), registry["b"], len(registry)) == (
        {"a": One("a", 1), "b": mine},
        mine,
        2,
    )
    for none in (None, 3, One("", 1)):
        with pytest.raises(UserError, match="register a One with a name"):
            registry.register(none)
    for taken in (One("a", 3), One("b", 3)):
        with pytest.raises(UserError, match=f"the name '{taken.name}' is taken"):
            registry.register(taken)
