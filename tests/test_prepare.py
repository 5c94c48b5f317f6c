"""The embedding stage: once into the store, again only when something changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.embedding import embed
from engine.encoders import Encoder, load_encoder
from engine.encoders.checkpoint import write_folder
from engine.encoders.tiny import build
from engine.errors import UserError
from engine.prepare import PrepareRequest, prepare, recall
from engine.records import EncoderSpec, TaskSpec
from engine.store import Store
from engine.tasks import Task, load_task

RANDOM = EncoderSpec("tiny-bert@random", "tiny-bert", "random", 3)
SIZES = {
    "vocabulary_size": 4105,
    "hidden_size": 8,
    "layers": 1,
    "heads": 2,
    "mlp_size": 8,
    "max_tokens": 4,
}
ROWS = [f"AAC{'ACGT'[i % 4]}{'ACGT'[i // 4 % 4]}{'G' * (5 + i)}T" for i in range(40)]


@pytest.fixture
def spec(tmp_path: Path) -> TaskSpec:
    file = tmp_path / "mine.csv"
    file.write_text("sequence,label\n" + "".join(f"{s},{i % 2}\n" for i, s in enumerate(ROWS)))
    return TaskSpec("mine", str(file))


@pytest.fixture
def request_of(spec: TaskSpec) -> Callable[..., PrepareRequest]:
    def request(encoder: EncoderSpec = RANDOM, **changes: object) -> PrepareRequest:
        made = PrepareRequest(
            encoder, spec, load_task(spec).fingerprint, ("max", "mean"), ("train", "validation")
        )
        return replace(made, **changes)

    return request


@pytest.fixture
def root(tmp_path: Path) -> str:
    return str(tmp_path / "store")


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A folder of weights of a network that is smaller still: it takes 12 bases."""
    folder = tmp_path / "weights"
    torch.manual_seed(0)
    config = {"encoder": "tiny-bert", "sizes": SIZES}
    write_folder(folder, config, build("tiny-bert", SIZES), torch.float32)
    return folder


@pytest.fixture
def encoder_must_not_run(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    def forbid() -> None:
        def ran(*_: object) -> None:
            raise AssertionError("the encoder ran")

        monkeypatch.setattr("engine.prepare.embed", ran)

    return forbid


def test_the_store_holds_the_embeddings_of_every_split_in_its_order(request_of, root, spec):
    prepared = prepare(request_of(), root)
    encoder = load_encoder("tiny-bert", weights="random", seed=3)
    assert isinstance(encoder, Encoder)
    task = load_task(spec)
    assert prepared.embeddings.keys() == {"train", "validation"}
    for name, split in (("train", task.train), ("validation", task.validation)):
        stored = Store(Path(root)).load(prepared.embeddings[name])
        assert stored is not None
        expected = embed(encoder, split.sequences, ("max", "mean"))
        assert stored.keys() == {"max", "mean"}
        for pooling, values in stored.items():
            np.testing.assert_allclose(values, expected[pooling, -1], atol=1e-5)
    assert prepared.forwards == len(task.train.sequences) + len(task.validation.sequences)
    assert prepared.encoder_fingerprint == encoder.fingerprint
    assert prepared.hidden_size == 128
    assert prepared.parameters == sum(p.numel() for p in encoder.network.parameters())
    assert prepared.truncated == 0


def test_a_second_call_does_not_run_the_encoder(request_of, root, encoder_must_not_run):
    first = prepare(request_of(), root)
    encoder_must_not_run()
    second = prepare(request_of(), root)
    assert second == replace(first, forwards=0)


def test_a_second_run_recalls_without_loading_the_encoder(request_of, root, monkeypatch):
    first = prepare(request_of(), root)
    monkeypatch.setattr("engine.prepare.load_encoder", None)
    assert recall(request_of(), Store(Path(root))) == replace(first, forwards=0)


def test_what_was_never_prepared_is_not_recalled(request_of, root):
    assert recall(request_of(), Store(Path(root))) is None


def test_without_reuse_the_encoder_runs_again(request_of, root):
    first = prepare(request_of(), root)
    again = prepare(request_of(), root, reuse=False)
    assert again == first
    assert again.forwards > 0


def test_damaged_arrays_are_not_recalled_and_are_made_anew(request_of, root):
    first = prepare(request_of(), root)
    store = Store(Path(root))
    array = store.path(first.embeddings["train"]) / "mean.npy"
    content = bytearray(array.read_bytes())
    content[-1] ^= 1
    array.write_bytes(content)
    assert recall(request_of(), store) is None
    again = prepare(request_of(), root)
    assert 0 < again.forwards < first.forwards  # train only
    assert recall(request_of(), store) == replace(first, forwards=0)


def test_test_rows_are_read_only_when_they_are_asked_for(request_of, root, spec, monkeypatch):
    opened = []
    unseal = Task.unseal_test

    def noted(task: Task):
        opened.append(task.name)
        return unseal(task)

    monkeypatch.setattr(Task, "unseal_test", noted)
    prepare(request_of(), root)
    recall(request_of(), Store(Path(root)))
    assert opened == []
    prepared = prepare(request_of(splits=("test",)), root)
    assert opened == ["mine"]
    assert prepared.embeddings.keys() == {"test"}
    assert prepared.forwards == sum(load_task(spec).counts["test"].values())


def test_an_encoder_that_nothing_probes_is_identified_and_not_run(
    request_of, root, encoder_must_not_run
):
    encoder_must_not_run()
    prepared = prepare(request_of(poolings=()), root)
    assert (dict(prepared.embeddings), prepared.forwards) == ({}, 0)
    assert prepared.encoder_fingerprint.startswith("tiny-bert:")
    assert recall(request_of(poolings=()), Store(Path(root))) == prepared


def test_a_baseline_of_features_is_stored_too(request_of, root):
    kmer = EncoderSpec("kmer", "kmer")
    prepared = prepare(request_of(kmer, poolings=("features",)), root)
    stored = Store(Path(root)).load(prepared.embeddings["train"])
    assert stored is not None
    assert stored["features"].shape[1] == prepared.hidden_size
    assert (prepared.parameters, prepared.truncated) == (0, 0)


def test_onehot_is_sized_by_the_longest_sequence_of_the_task(request_of, root, spec):
    onehot = EncoderSpec("onehot", "onehot")
    prepared = prepare(request_of(onehot, poolings=("features",)), root)
    assert prepared.hidden_size == 4 * load_task(spec).max_bases


def test_local_weights_are_loaded_and_cut_sequences_are_counted(request_of, root, weights, spec):
    ours = EncoderSpec("ours", "tiny-bert", str(weights))
    prepared = prepare(request_of(ours), root)
    assert prepared.hidden_size == 8
    task = load_task(spec)
    rows = task.train.sequences + task.validation.sequences
    assert prepared.truncated == sum(len(s) > 12 for s in rows) > 0


def test_another_fingerprint_of_the_task_is_another_request(request_of):
    assert request_of(task_fingerprint="other").key != request_of().key


@pytest.mark.parametrize(
    "changes",
    [
        {"encoder": replace(RANDOM, seed=4)},
        {"encoder": replace(RANDOM, card="tiny-hyena")},
        {"poolings": ("mean",)},
        {"splits": ("test",)},
    ],
)
def test_whatever_changes_the_arrays_is_another_request(request_of, changes):
    assert request_of(**changes).key != request_of().key


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_changed_local_weights_are_another_request(request_of, weights, name):
    ours = EncoderSpec("ours", "tiny-bert", str(weights))
    before = request_of(ours).key
    assert request_of(ours).key == before
    with (weights / name).open("ab") as handle:
        handle.write(b" ")
    assert request_of(ours).key != before


def test_data_that_changed_since_the_plan_are_refused(request_of, root, spec):
    planned = request_of()
    file = Path(str(spec.path))
    file.write_text(file.read_text().replace("AACAA", "AACTT", 1))
    with pytest.raises(UserError, match=r"mine\.csv: the data changed while the study ran"):
        prepare(planned, root)
    assert recall(planned, Store(Path(root))) is None
