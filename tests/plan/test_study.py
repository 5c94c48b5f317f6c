"""Study files: keys, overrides, paths, and every mistake as one line."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engine.basics.errors import UserError
from engine.basics.yaml_files import dump_yaml
from engine.plan.paths import PROJECT, find_study, resolve_path, study_names
from engine.plan.study import Study, load_study
from engine.records import EncoderSpec, TaskSpec

SPACE = {"method": "probe", "parameters": {"pooling": {"constant": "mean"}}}
SPACE["default"] = {"pooling": "mean"}
MINIMAL: dict[str, Any] = {
    "name": "mine",
    "encoders": ["kmer"],
    "tasks": ["splice_junctions"],
    "methods": {"probe": SPACE},
}


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory that is not the project."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def load(changes: dict[str, Any] | None = None, overrides: tuple[str, ...] = ()) -> Study:
    path = Path("s.yaml")
    path.write_text(dump_yaml({**MINIMAL, **(changes or {})}), encoding="utf-8")
    return load_study(path, overrides)


def refused(changes: dict[str, Any] | None = None, overrides: tuple[str, ...] = ()) -> str:
    with pytest.raises(UserError) as caught:
        load(changes, overrides)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_what_is_left_out_has_the_documented_default():
    study = load()
    assert study.metric is None
    assert (study.trials_per_cell, study.seeds) == (16, (0, 1, 2))
    assert (study.compare.family, study.compare.correction) == ("per_task", "holm")
    assert study.compare.equivalence_margin == 0.01
    assert (study.search.sampler, study.search.early_stopping) == ("tpe", "asha")
    assert study.tracking.enabled
    assert study.store is None


def test_an_override_sets_a_key_to_a_yaml_value():
    study = load(overrides=("trials_per_cell=4", "seeds=[7]", "metric=mcc"))
    assert (study.trials_per_cell, study.seeds, study.metric) == (4, (7,), "mcc")


def test_a_dotted_override_leaves_the_other_keys_of_its_section():
    study = load({"compare": {"family": "whole_study"}}, ("compare.correction=by",))
    assert (study.compare.family, study.compare.correction) == ("whole_study", "by")


def test_an_override_makes_the_section_that_the_file_lacks():
    study = load(overrides=("search.reduction_factor=1e1", "tracking.enabled=false"))
    assert study.search.reduction_factor == 10.0
    assert not study.tracking.enabled


def test_the_last_of_equal_overrides_wins_and_an_empty_one_is_null():
    assert load(overrides=("metric=mcc", "metric=")).metric is None
    assert load(overrides=("metric=mcc", "metric=f1")).metric == "f1"


def test_an_override_may_hold_equal_signs_and_flow_mappings():
    study = load(overrides=("tasks=[{name: a=b, path: /data/x.csv, metric: auprc}]",))
    assert study.tasks == (TaskSpec("a=b", "/data/x.csv", "auprc"),)


@pytest.mark.parametrize(
    ("override", "parts"),
    [
        ("trials_per_cell", ["--set trials_per_cell: write it as key=value"]),
        ("=4", ["--set =4: write it as key=value"]),
        ("tasks=[a", ["--set tasks=[a: line 1 not valid YAML"]),
        ("name.first=x", ["--set name.first=x: 'name' has no keys"]),
        ("encoders.0.name=x", ["'encoders' has no keys"]),
        ("trials_per_cel=4", ["trials_per_cel: unknown key", "'trials_per_cell'?"]),
        ("compare.corection=bh", ["compare.corection: unknown key", "'correction'?"]),
        ("trials_per_cell=0", ["trials_per_cell: 0:", "greater than or equal to 1"]),
        ("trials_per_cell=many", ["trials_per_cell: 'many':", "integer"]),
    ],
)
def test_a_wrong_override_is_one_line(override: str, parts: list[str]):
    message = refused(overrides=(override,))
    for part in parts:
        assert part in message


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        ({"trails_per_cell": 4}, ["trails_per_cell: unknown key", "'trials_per_cell'?"]),
        ({"compare": {"corection": "bh"}}, ["compare.corection: unknown key", "'correction'?"]),
        ({"compare": {"correction": "bonferoni"}}, ["compare.correction: 'bonferoni'", "'holm'"]),
        ({"compare": {"equivalence_margin": 1}}, ["compare.equivalence_margin: 1"]),
        ({"search": {"samplr": "tpe"}}, ["search.samplr: unknown key", "'sampler'?"]),
        ({"search": {"seed": -1}}, ["search.seed: -1"]),
        ({"resources": {"cpus_per_trial": 0}}, ["resources.cpus_per_trial: 0"]),
        ({"tracking": {"url": "x"}}, ["tracking.url: unknown key", "'uri'?"]),
        ({"encoders": []}, ["encoders: []"]),
        ({"encoders": [{"nam": "kmer"}]}, ["encoders.0.nam: unknown key", "'name'?"]),
        ({"encoders": [{"name": "kmer", "weight": "x"}]}, ["encoders.0.weight", "'weights'?"]),
        ({"encoders": [4]}, ["encoders.0: 4"]),
        ({"tasks": [{"name": "a", "pth": "x.csv"}]}, ["tasks.0.pth: unknown key", "'path'?"]),
        ({"tasks": [{"metric": "mcc"}]}, ["tasks: give each task a name, a path, or both"]),
        ({"methods": {}}, ["methods: {}"]),
        ({"name": "a b"}, ["name: 'a b'"]),
        ({"name": "../up"}, ["name: '../up'"]),
        ({"seeds": []}, ["seeds: []"]),
        ({"seeds": [-1]}, ["seeds.0: -1", "greater than or equal to 0"]),
        ({"seeds": [2**32]}, ["seeds.0: 4294967296"]),
        ({"seeds": [0.5]}, ["seeds.0: 0.5"]),
        ({"seeds": [0, 1, 0]}, ["seeds: '0' is listed twice"]),
        ({"encoders": ["kmer", "kmer"]}, ["encoders: 'kmer' is listed twice", "another `name`"]),
        (
            {"tasks": ["a", {"name": "a", "path": "x.csv"}]},
            ["tasks: 'a' is listed twice", "another `name`"],
        ),
        (
            {"methods": {"probe": {**SPACE, "paramters": {}}}},
            ["s.yaml: methods.probe: paramters: unknown key", "'parameters'?"],
        ),
    ],
)
def test_a_mistake_is_one_line_that_names_file_and_key(changes: dict[str, Any], parts: list[str]):
    message = refused(changes)
    for part in ("s.yaml: ", *parts):
        assert part in message


def test_a_missing_key_is_told():
    Path("s.yaml").write_text("name: a\n")
    with pytest.raises(UserError, match=r"^s\.yaml: encoders: this key is missing$"):
        load_study(Path("s.yaml"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "s.yaml: the study file is empty"),
        ("- a\n- b\n", "s.yaml: a study is a mapping of keys"),
        ("just words", "s.yaml: a study is a mapping of keys"),
        ("name: a\nencoders: [kmer\ntasks: []\n", "s.yaml: line 3 not valid YAML"),
        ("name: a\nname: b\n", "s.yaml: line 2 not valid YAML: key 'name' is given twice"),
    ],
)
def test_a_file_that_is_no_study_is_told(text: str, message: str):
    Path("s.yaml").write_text(text)
    with pytest.raises(UserError) as caught:
        load_study(Path("s.yaml"))
    assert str(caught.value).startswith(message)


def test_a_missing_study_names_the_nearest_file():
    Path("splice.yaml").touch()
    with pytest.raises(UserError, match=r"^splce.yaml: no such study file; .*'splice.yaml'\?"):
        load_study(Path("splce.yaml"))


def test_a_missing_search_space_names_the_nearest_file():
    Path("probe.yaml").touch()
    message = refused({"methods": {"probe": "prob.yaml"}})
    assert message == "prob.yaml: no such search space file; did you mean 'probe.yaml'?"


def test_an_exponent_is_a_number():
    Path("s.yaml").write_text(
        dump_yaml(MINIMAL) + "compare: {equivalence_margin: 1e-4}\n", encoding="utf-8"
    )
    assert load_study(Path("s.yaml")).compare.equivalence_margin == 1e-4


def test_weights_of_one_card_are_told_apart_by_name():
    random = {"name": "tiny-bert", "weights": "random"}
    study = load({"encoders": ["tiny-bert", random, {**random, "seed": 5}]})
    assert study.encoders == (
        EncoderSpec("tiny-bert", "tiny-bert", "hub", 0),
        EncoderSpec("tiny-bert@random", "tiny-bert", "random", 0),
        EncoderSpec("tiny-bert@random5", "tiny-bert", "random", 5),
    )


def test_an_encoder_of_ones_own_names_its_family():
    study = load({"encoders": [{"name": "ours", "family": "tiny-bert", "weights": "/w"}]})
    assert study.encoders == (EncoderSpec("ours", "tiny-bert", "/w", 0),)


def test_a_checkpoint_of_the_hub_is_no_path():
    study = load({"encoders": [{"name": "ours", "family": "dnabert2", "weights": "hub:a/b@v1"}]})
    assert study.encoders == (EncoderSpec("ours", "dnabert2", "hub:a/b@v1", 0),)
    assert study.to_dict()["encoders"][0]["weights"] == "hub:a/b@v1"


def test_a_task_with_a_path_only_is_called_after_the_file():
    study = load({"tasks": [{"path": "/data/mine.csv.gz"}]})
    assert study.tasks == (TaskSpec("mine", "/data/mine.csv.gz"),)


EVERYTHING: dict[str, Any] = {
    "name": "everything-1.0",
    "description": "1e-4 is text here: Größe, yes, [brackets]",
    "encoders": [
        "tiny-bert",
        {"name": "tiny-bert", "weights": "random", "seed": 3},
        {"name": "ours", "family": "tiny-hyena", "weights": "checkpoint"},
    ],
    "tasks": [
        "splice_junctions",
        {"path": "mine.csv", "metric": "mcc", "group": "g", "seed": 4},
        {"name": "other", "path": "/abs/other.parquet"},
    ],
    "methods": {
        "probe": "search_spaces/probe.yaml",
        "lora": "search_spaces/lora.yaml",
        "inline": {
            "method": "probe",
            "parameters": {
                "pooling": {"choice": ["mean", "1e3"]},
                "C": {"loguniform": [1e-5, 10], "when": {"pooling": ["1e3"]}},
            },
            "default": {"pooling": "mean", "C": 1e-4},
        },
    },
    "metric": "auprc",
    "trials_per_cell": 5,
    "seeds": [3, 1],
    "compare": {"family": "whole_study", "correction": "none", "equivalence_margin": 0.02},
    "search": {"sampler": "random", "seed": 9, "early_stopping": False, "grace_epochs": 2},
    "resources": {"cpus_per_trial": 2, "gpus_per_trial": 0.25},
    "tracking": {"uri": "http://localhost:5000", "enabled": False},
    "store": "cache",
}


@pytest.mark.parametrize("changes", [{}, EVERYTHING], ids=["minimal", "everything"])
def test_the_resolved_study_is_a_study_file_of_the_same_study(
    elsewhere: Path, changes, monkeypatch
):
    study = load(changes)
    resolved = elsewhere / "out" / "study.yaml"
    resolved.parent.mkdir()
    resolved.write_text(dump_yaml(study.to_dict()), encoding="utf-8")
    # It means the same wherever it is read from.
    monkeypatch.chdir("/")
    again = load_study(resolved)
    assert again.to_dict() == study.to_dict()
    sources = {name: replace(space, source="") for name, space in study.methods.items()}
    for name, space in again.methods.items():
        assert replace(space, source="") == sources[name]
    assert replace(again, source="", methods={}) == replace(study, source="", methods={})


def test_a_relative_path_is_looked_for_here_then_beside_the_study_then_in_the_project(
    elsewhere: Path, tmp_path_factory: pytest.TempPathFactory
):
    folder = tmp_path_factory.mktemp("study")
    given = "search_spaces/probe.yaml"
    assert resolve_path(given, folder) == str(PROJECT / given)
    for base in (folder, elsewhere):
        (base / "search_spaces").mkdir()
        (base / given).touch()
        assert resolve_path(given, folder) == str(base / given)


def test_the_store_is_made_here_wherever_the_study_stands(elsewhere: Path):
    assert (PROJECT / "studies").is_dir()  # the project's folder of that name is not meant
    assert load({"store": "studies"}).store == str(elsewhere / "studies")


def test_a_path_that_is_nowhere_is_told_as_if_it_were_here(elsewhere: Path):
    assert resolve_path("no/such.csv", elsewhere / "studies") == str(elsewhere / "no/such.csv")


def test_home_and_absolute_paths_are_taken_as_they_are(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("HOME", "/home/someone")
    assert resolve_path("/data/x.csv", elsewhere) == "/data/x.csv"
    assert resolve_path("~/x.csv", elsewhere) == "/home/someone/x.csv"


def test_a_study_is_found_by_path_or_by_the_name_of_a_shipped_one():
    assert find_study("demo") == study_names()["demo"]
    Path("demo").touch()
    assert find_study("demo") == Path("demo")  # a file here comes first
    with pytest.raises(UserError, match=r"'dem0' is neither a file nor shipped; .*'demo'\?"):
        find_study("dem0")
    assert find_study("no.yaml") == Path("no.yaml")  # its reader tells the nearest file


@pytest.mark.parametrize("name", sorted(study_names()))
def test_a_shipped_study_is_valid_from_any_folder(name: str):
    assert load_study(study_names()[name]).name == name
