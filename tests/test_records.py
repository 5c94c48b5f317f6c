"""Records: identity by content, and a way through JSON without loss."""

import math
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine.records import Cell, EncoderSpec, TaskSpec, TrialRecord, TrialResult, TrialSpec

SPEC = TrialSpec(
    cell=Cell("tiny-bert@random", "splice", "probe"),
    number=3,
    method="probe",
    params={"C": 0.1, "pooling": "mean", "standardize": True},
    encoder=EncoderSpec("tiny-bert@random", "tiny-bert", "random", 1),
    task=TaskSpec("splice", "/data/splice.csv", "mcc", "splicing", 7),
    encoder_fingerprint="e1",
    task_fingerprint="t1",
    metric="auroc",
    seed=0,
    store="/store",
    embeddings={"train": "k1", "validation": "k2"},
)
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
params = st.dictionaries(st.text(), scalars, max_size=5)


def test_a_cell_is_read_as_three_names_and_written_as_one_file_name():
    cell = Cell("org/model", "feng2024/4mC", "probe")
    assert cell.id == "org/model/feng2024/4mC/probe"
    assert cell.slug.startswith("org_model--feng2024_4mC--probe--")
    assert "/" not in cell.slug
    assert Cell("tiny-bert", "splice_junctions", "lora").slug == "tiny-bert--splice_junctions--lora"


@example([("a-", "b", "c"), ("a", "-b", "c"), ("a/b", "t", "m"), ("a_b", "t", "m")])
@given(st.lists(st.tuples(*[st.text("ab/_-", min_size=1, max_size=6)] * 3), unique=True))
def test_no_two_cells_have_one_file_name(names: list[tuple[str, str, str]]):
    """A winner would be written over another's."""
    assert len({Cell(*parts).slug for parts in names}) == len(names)


@given(params)
def test_a_spec_goes_through_json_without_loss(values: dict):
    spec = replace(SPEC, params=values)
    back = TrialSpec.from_json(spec.to_json())
    assert back == spec
    assert isinstance(back.cell, Cell)
    assert back.key == spec.key


@pytest.mark.parametrize(
    "other",
    [
        {"params": {**SPEC.params, "C": 0.2}},
        {"params": {**SPEC.params, "standardize": 1}},
        {"method": "lora"},
        {"encoder_fingerprint": "e2"},
        {"task_fingerprint": "t2"},
        {"metric": "mcc"},
        {"seed": 1},
    ],
)
def test_whatever_determines_the_score_changes_the_key(other: dict):
    assert replace(SPEC, **other).key != SPEC.key


@pytest.mark.parametrize(
    "other",
    [
        {"number": 9},
        {"cell": Cell("a", "b", "c")},
        {"store": "/elsewhere"},
        {"embeddings": {}},
        {"encoder": EncoderSpec("ours", "tiny-bert", "/checkpoint")},
        {"task": TaskSpec("renamed", "/moved.csv")},
        {"params": dict(reversed(SPEC.params.items()))},
    ],
)
def test_what_does_not_determine_the_score_leaves_the_key(other: dict):
    assert replace(SPEC, **other).key == SPEC.key


@given(
    params,
    st.lists(st.floats(0, 1), max_size=5),
    st.sampled_from(["complete", "pruned", "failed", "infeasible"]),
    st.none() | st.text(),
)
def test_a_finished_trial_goes_through_json_without_loss(values, curve, status, error):
    result = TrialResult(status, None, {"auroc": 0.5}, tuple(curve), 1.5, 10, error)
    record = TrialRecord(SPEC.cell, "cell-key", 3, SPEC.key, values, result, duplicate_of=1)
    back = TrialRecord.from_json(record.to_json())
    assert back == record
    assert isinstance(back.cell, Cell)
    assert isinstance(back.result.curve, tuple)


def test_a_score_that_is_not_a_number_survives_json():
    record = TrialRecord(SPEC.cell, "k", 0, "k", {}, TrialResult("failed", math.nan))
    assert math.isnan(TrialRecord.from_json(record.to_json()).result.score)
