"""The contracts of a package outside this repository: kept by a sound one, and found broken."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.basics.test_plugins import example, installed, run

__all__ = ["example"]


def test_its_own_suite_finds_that_it_keeps_the_contracts(example: Path) -> None:
    suite = str(example / "tests" / "test_contract.py")
    done = run(
        example, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(example), suite
    )
    assert done.returncode == 0, done.stdout
    assert "41 passed" in done.stdout


@pytest.mark.slow
def test_a_broken_promise_fails_its_check(example: Path, tmp_path: Path) -> None:
    """Features that depend on the batch, under the name of the sound ones."""
    folder = tmp_path / "broken"
    (folder / "dnasweep_example").mkdir(parents=True)
    sound = (example / "dnasweep_example" / "gc.py").read_text()
    (folder / "bad.py").write_text(sound.replace("/ max(len(s), 1)", "/ len(sequences)"))
    installed(folder, "bad", {"encoders": "bad"})
    code = "from engine.testing import encoders\nfor check in encoders.checks('gc'): check()"
    done = run(folder, "-c", code)
    assert done.returncode == 1
    assert "a_row_of_features_does_not_depend_on_the_others" in done.stderr
