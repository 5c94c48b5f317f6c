"""The quick form: a study from options alone, or one with some of its keys changed by them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from engine.basics import invocation
from engine.basics.yaml_files import dump_yaml
from engine.commands.quick import Quick, chosen_study, study_name
from engine.plan.source import Source
from engine.records import EncoderSpec
from tests.commands.conftest import assert_told, study
from tests.conftest import REPOSITORY, Run

WEIGHTS = REPOSITORY / "engine" / "encoders" / "weights" / "tiny-bert"


def test_the_options_are_the_study(run: Run) -> None:
    done = run(
        *("-e", "kmer", "-e", str(WEIGHTS), "-t", "mine.csv", "-t", "splice_junctions"),
        *("-m", "probe", "--method", "probes/ridge", "-n", "4", "--seed", "3", "--seed", "5"),
        "--dry-run",
    )
    assert (done.code, done.err) == (0, "")
    assert "8 cells (2 encoders, 2 tasks, 2 methods) x 4 trials = 32 trials" in done.out
    assert "then 2 seeds each" in done.out
    assert "output in runs/mine-splice_junctions" in done.out


def test_a_folder_is_an_encoder_called_after_it_on_the_code_that_its_configuration_tells() -> None:
    quick = Quick(encoders=[str(WEIGHTS)], tasks=["splice_junctions"])
    (encoder,) = chosen_study(None, quick, ()).encoders
    assert encoder == EncoderSpec("tiny-bert", "tiny-bert", str(WEIGHTS))


def test_what_the_options_mean_is_a_study_file(run: Run, tmp_path: Path) -> None:
    quick = Quick(["kmer"], ["mine.csv"], ["probe"], 4, [3])
    resolved = chosen_study(None, quick, ["metric=mcc"]).to_dict()
    assert resolved["tasks"][0]["path"] == str(tmp_path / "mine.csv")
    assert resolved["methods"]["probe"]["method"] == "probe"
    keys = ("name", "trials_per_cell", "seeds", "metric")
    assert [resolved[key] for key in keys] == ["mine", 4, [3], "mcc"]
    Path("again.yaml").write_text(dump_yaml(resolved))
    assert chosen_study("again.yaml", Quick(), ()).to_dict() == resolved


def test_without_a_method_frozen_embeddings_are_probed() -> None:
    assert list(chosen_study(None, Quick(["kmer"], ["splice_junctions"]), ()).methods) == ["probe"]


def test_options_change_the_study_that_is_named_and_set_changes_both(run: Run) -> None:
    study("two.yaml", encoders=["kmer", "onehot"], skip=["onehot/*/*"])
    chosen = chosen_study("two.yaml", Quick(["kmer3"], trials=9, seeds=[1]), ["seeds=[4]"])
    assert [encoder.name for encoder in chosen.encoders] == ["kmer3"]
    assert (chosen.name, chosen.trials_per_cell, chosen.seeds) == ("mine", 9, (4,))
    # What the file leaves out may be gone with what the options took away.
    assert run("two.yaml", "-e", "kmer3", "--dry-run").code == 0


def test_trials_and_seeds_alone_are_those_of_the_demo() -> None:
    chosen = chosen_study(None, Quick(trials=2, seeds=[0]), ())
    assert (chosen.name, chosen.trials_per_cell, len(chosen.encoders)) == ("demo", 2, 5)


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["-e", "dnabret2", "-t", "mine.csv"], ["error: -e dnabret2: ", "'dnabert2'?"]),
        (["-e", "kmer", "-t", "splice_juncs"], ["error: -t splice_juncs: ", "'splice_junctions'?"]),
        (["-e", "kmer", "-t", "mine.csv", "-m", "lor"], ["error: -m lor: ", "'lora'?"]),
        (["-e", "kmer", "-t", "mine.csv", "-m", "no.yaml"], ["no.yaml: no such search space"]),
        (["-e", "kmer", "-t", "mien.csv"], ["mien.csv: no such file", "'mine.csv'?"]),
        (["-e", "./nowhere", "-t", "mine.csv"], ["-e ./nowhere: ", "no such folder"]),
        (["-e", "kmer"], ["-t: name at least one task"]),
        (["-t", "mine.csv"], ["-e: name at least one encoder"]),
        (["-e", "kmer", "-e", "kmer", "-t", "mine.csv"], ["-e kmer: 'kmer' is listed twice"]),
        (["mine.yaml", "-n", "0"], ["error: -n 0: ", "greater than or equal to 1"]),
        (["mine.yaml", "--seed", "-1"], ["error: --seed -1: "]),
        (["mine.yaml", "--set", "trials=3"], ["error: --set trials=3: trials: unknown key"]),
        (["mine.yaml", "--set", "metric=aurok"], ["error: --set metric=aurok: ", "'auroc'?"]),
        (["mine.yaml", "--set", "skip=[x/y/z]"], ["error: --set skip=[x/y/z]: ", "no cell"]),
        (["mine.yaml", "--set", "search={floor: 9}"], ["--set search={floor: 9}: search.floor: "]),
    ],
)
def test_a_mistake_names_the_option(run: Run, arguments: list[str], parts: list[str]) -> None:
    done = run(*arguments, "--dry-run")
    assert_told(done, parts)
    assert "mine.yaml: " not in done.err


def test_a_study_is_called_after_its_tasks() -> None:
    assert study_name(["data/my file.csv.gz", "feng2024/4mC_E.coli"]) == "my-file-4mC_E.coli"
    assert study_name(["~"]) == "study"
    assert len(study_name(["a" * 90])) == 80


def test_a_key_is_where_the_innermost_option_said_it() -> None:
    source = Source("s.yaml", {"search": "--set search={}", "encoders.1": "-e b"})
    assert source.at("search.seed") == "--set search={}: search.seed"
    assert source.at("encoders.0.name") == "s.yaml: encoders.0.name"
    assert source.at("encoders.1.name") == "-e b: name"
    named = source.naming("encoders", ["a", "nt-2.5b"])
    assert named.of("encoders", "nt-2.5b") == named.at("encoders.nt-2.5b") == "-e b"
    assert named.of("encoders", "a") == "s.yaml: encoders"


def test_messages_name_the_command_that_was_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/usr/bin/dnasweep", "a b.yaml"])
    assert (invocation.program(), invocation.as_typed(sys.argv)) == (
        "dnasweep",
        "dnasweep 'a b.yaml'",
    )
    monkeypatch.setattr(sys, "argv", ["run_search.py", "a.yaml"])
    assert invocation.program() == "python run_search.py"
    assert invocation.as_typed(sys.argv) == "python run_search.py a.yaml"


def test_the_version_is_one_line(run: Run) -> None:
    done = run("--version")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("dnasweep 0.")
