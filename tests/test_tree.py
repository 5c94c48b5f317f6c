"""The tests stand in the engine's rooms, and no file is too long to be read in one go."""

from __future__ import annotations

from pathlib import Path

from tests.conftest import REPOSITORY

ENGINE, TESTS = REPOSITORY / "engine", REPOSITORY / "tests"

#: Folders of tests whose subject is not one room of the engine.
ELSEWHERE = {"dnasweep"}

LONGEST = 400


def folders(root: Path) -> set[str]:
    """Folders that hold Python files, relative to a root; data beside them are nobody's room."""
    return {path.parent.relative_to(root).as_posix() for path in root.rglob("*.py")} - {"."}


def test_every_folder_of_tests_has_its_room_in_the_engine():
    assert folders(TESTS) - folders(ENGINE) <= ELSEWHERE


def test_every_room_of_the_engine_has_tests():
    tested = {path.name.removeprefix("test_").removesuffix(".py") for path in TESTS.iterdir()}
    assert {name.split("/")[0] for name in folders(ENGINE)} <= tested


def test_no_file_is_longer_than_a_reader_takes_in():
    lengths = {
        path.relative_to(REPOSITORY).as_posix(): len(path.read_text("utf-8").splitlines())
        for root in (ENGINE, TESTS)
        for path in root.rglob("*.py")
    }
    assert {name: lines for name, lines in lengths.items() if lines > LONGEST} == {}
