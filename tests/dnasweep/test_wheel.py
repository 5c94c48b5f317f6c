"""The wheel: built, installed beside the packages of these tests, used from another folder."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.basics.test_plugins import write_package
from tests.conftest import REPOSITORY

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout, built from a copy, so that nothing is left in it."""
    source = tmp_path_factory.mktemp("source") / "dnasweep"
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=REPOSITORY, capture_output=True, text=True, check=True,
    ).stdout.split("\0")  # fmt: skip
    for name in filter(None, listed):
        file = REPOSITORY / name
        if not file.is_file() and not file.is_symlink():
            continue
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        if file.is_symlink():
            (source / name).symlink_to(os.readlink(file))
        else:
            (source / name).write_bytes(file.read_bytes())
    return built(source)


def built(source: Path) -> Path:
    """The wheel of a folder."""
    pip(sys.executable, "wheel", "--no-deps", "--no-build-isolation", "-w", "dist", ".", cwd=source)
    (wheel,) = (source / "dist").glob("*.whl")
    return wheel


def pip(python: str, *arguments: str, cwd: Path) -> None:
    command = [python, "-m", "pip", "--disable-pip-version-check", *arguments]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def environment_of(folder: Path, *packages: Path) -> Path:
    """Programs of a new environment that holds packages and sees those that run these tests."""
    venv.create(folder, with_pip=True, symlinks=True)
    places = sysconfig.get_paths(vars={"base": str(folder), "platbase": str(folder)})
    # Its own packages come first on the path.
    (Path(places["purelib"]) / "running.pth").write_text(sysconfig.get_path("purelib"))
    python = folder / "bin" / "python"
    pip(
        str(python), "install", "--no-deps", "--no-build-isolation", *map(str, packages), cwd=folder
    )
    return folder / "bin"


def run(*command: str | Path, cwd: Path) -> str:
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    return subprocess.run(
        list(map(str, command)), cwd=cwd, env=environment | {"COLUMNS": "200"},
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip


@pytest.fixture(scope="module")
def programs(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return environment_of(tmp_path_factory.mktemp("wheel") / "venv", wheel)


def test_it_holds_code_studies_spaces_and_data(wheel: Path) -> None:
    names = set(ZipFile(wheel).namelist())
    for folder, inside in (
        ("studies", "engine/plan/studies"),
        ("search_spaces", "engine/plan/search_spaces"),
        ("engine", "engine"),
        ("dnasweep", "dnasweep"),
    ):
        root = REPOSITORY / folder
        for file in root.rglob("*"):
            code = file.suffix in (".py", ".yaml", ".j2", ".css", ".js", ".csv", ".parquet")
            if file.is_file() and (code or file.name in ("py.typed", "model.safetensors")):
                assert f"{inside}/{file.relative_to(root).as_posix()}" in names
    assert not {name.split("/")[0] for name in names if "dist-info" not in name} - {
        "engine",
        "dnasweep",
    }


def test_the_command_runs_from_any_folder(programs: Path, tmp_path: Path) -> None:
    assert "tiny-bert" in run(programs / "dnasweep", "list", "encoders", cwd=tmp_path)
    assert "feng2024" in run(programs / "dnasweep", "list", "studies", cwd=tmp_path)
    assert "14 cells" in run(programs / "dnasweep", "--dry-run", cwd=tmp_path)
    for space in ("probe", "search_spaces/probe.yaml", "probes/ridge"):
        quick = ("-e", "kmer", "-t", "splice_junctions", "-m", space, "--dry-run")
        assert "1 cell " in run(programs / "dnasweep", *quick, cwd=tmp_path)
    assert run(programs / "dnasweep", "--version", cwd=tmp_path).startswith("dnasweep 0.")
    assert list(tmp_path.iterdir()) == []


def test_it_is_what_is_imported_and_reports_no_commit_of_another_checkout(
    programs: Path, tmp_path: Path
) -> None:
    subprocess.run(["git", "init", "-q", "."], cwd=tmp_path, check=True)
    code = (
        "import dnasweep, engine; from engine.basics.provenance import git_commit; "
        "print(engine.__file__, dnasweep.__file__, git_commit())"
    )
    engine, face, commit = run(programs / "python", "-c", code, cwd=tmp_path).split()
    assert str(programs.parent) in engine
    assert str(programs.parent) in face
    assert commit == os.environ.get("DNASWEEP_COMMIT", "None")


def test_a_package_beside_it_adds_what_its_entry_points_name(
    wheel: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    example = built(write_package(tmp_path_factory.mktemp("example")))
    programs = environment_of(tmp_path_factory.mktemp("both") / "venv", wheel, example)
    assert "gc " in run(programs / "dnasweep", "list", "encoders", cwd=tmp_path)
    assert "nearest_mean" in run(programs / "dnasweep", "list", "methods", "--json", cwd=tmp_path)
    quick = ("-e", "gc", "-t", "promoters_ecoli", "--set", "metric=g_mean", "--dry-run")
    assert "1 cell " in run(programs / "dnasweep", *quick, cwd=tmp_path)
