"""The embedding stage: once into the store, again only when something changed."""

from __future__ import annotations

import pickle
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.basics.errors import UserError
from engine.embedding import stored as module
from engine.embedding.embed import embed
from engine.embedding.stored import PrepareRequest, prepare, recall_prepared
from engine.encoders import Encoder, load_encoder
from engine.encoders.checkpoint import write_folder
from engine.encoders.families.tiny import build
from engine.records import EncoderSpec, TaskSpec
from engine.store import Draft, Store
from engine.tasks import Task, load_task
from tests.conftest import REPOSITORY

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
            encoder,
            spec,
            load_task(spec).fingerprint,
            ("max", "mean"),
            (-1,),
            ("train", "validation"),
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

        monkeypatch.setattr("engine.embedding.stored.embed_shards", ran)

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
        assert stored.keys() == {"max@-1", "mean@-1"}
        for pooling in ("max", "mean"):
            np.testing.assert_allclose(stored[f"{pooling}@-1"], expected[pooling, -1], atol=1e-5)
    assert prepared.forwards == len(task.train.sequences) + len(task.validation.sequences)
    assert prepared.encoder_fingerprint.startswith(f"{encoder.fingerprint}:float32:center:")
    assert prepared.hidden_size == 128
    assert prepared.parameters == sum(p.numel() for p in encoder.network.parameters())
    assert prepared.truncated == 0


def test_a_run_that_was_cut_off_goes_on_and_gives_the_same_bits(
    request_of, root, tmp_path, monkeypatch
):
    """Killed after some shards: those are not computed again, whatever was under way is."""
    monkeypatch.setattr("engine.embedding.embed.SHARD_ROWS", 4)
    whole = prepare(request_of(), str(tmp_path / "other"))
    add = Draft.add
    rows: list[int] = []

    def killed(self, number, given, arrays):
        if number == 3:
            raise KeyboardInterrupt
        rows.extend(given.tolist())
        add(self, number, given, arrays)

    with monkeypatch.context() as patch:
        patch.setattr(Draft, "add", killed)
        with pytest.raises(KeyboardInterrupt):
            prepare(request_of(), root)
    assert rows == list(range(12))
    assert recall_prepared(request_of(), Store(root)) is None
    again = prepare(request_of(), root)
    assert again == replace(whole, forwards=whole.forwards - len(rows))
    for key in whole.embeddings.values():
        expected, found = Store(str(tmp_path / "other")).load(key), Store(root).load(key)
        assert expected is not None
        assert found is not None
        for name, values in expected.items():
            np.testing.assert_array_equal(values, found[name])


def test_what_a_killed_process_embedded_is_not_embedded_again(
    request_of, root, tmp_path, monkeypatch
):
    """SIGKILL in the middle of a split: no handler runs, no file is closed."""
    script = f"""
import os, pickle, signal, sys
import engine.embedding
from engine.embedding.stored import prepare
from engine.store import Draft
engine.embedding.embed.SHARD_ROWS = 4
add = Draft.add
def killed(self, number, rows, arrays):
    add(self, number, rows, arrays)
    if number == 4:
        os.kill(os.getpid(), signal.SIGKILL)
Draft.add = killed
prepare(pickle.load(open(sys.argv[1], 'rb')), {root!r})
"""
    (tmp_path / "request").write_bytes(pickle.dumps(request_of()))
    command = [sys.executable, "-c", script, str(tmp_path / "request")]
    ended = subprocess.run(command, cwd=REPOSITORY, check=False, capture_output=True)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    monkeypatch.setattr("engine.embedding.embed.SHARD_ROWS", 4)
    whole = prepare(request_of(), str(tmp_path / "other"))
    again = prepare(request_of(), root)
    assert again.forwards == whole.forwards - 20
    for key in whole.embeddings.values():
        expected, found = Store(str(tmp_path / "other")).load(key), Store(root).load(key)
        assert expected is not None
        assert found is not None
        for name, values in expected.items():
            np.testing.assert_array_equal(values, found[name])


def test_sequences_that_are_too_long_are_counted_after_a_cut_off_too(
    request_of, root, weights, tmp_path, monkeypatch
):
    monkeypatch.setattr("engine.embedding.embed.SHARD_ROWS", 4)
    ours = EncoderSpec("ours", "tiny-bert", str(weights))
    whole = prepare(request_of(ours), str(tmp_path / "other"))
    done = prepare(request_of(ours), root)
    key = done.embeddings["train"]
    stored = Store(root).load(key)
    assert stored is not None
    draft = Store(root).draft(key)
    draft.add(0, np.arange(4), {name: values[:4] for name, values in stored.items()})
    Store(root).discard(key)
    Store(root).discard(request_of(ours).key)
    assert prepare(request_of(ours), root).truncated == whole.truncated > 0


def test_layers_and_truncation_are_part_of_what_is_stored(request_of, root):
    plain = prepare(request_of(), root)
    layers = prepare(request_of(layers=(0, -1)), root)
    chunked = prepare(request_of(replace(RANDOM, truncate="chunk")), root)
    both = prepare(request_of(replace(RANDOM, both_strands=True)), root)
    half = prepare(request_of(replace(RANDOM, stored_as="float16")), root)
    prepared = (plain, layers, chunked, both, half)
    assert len({p.embeddings["train"] for p in prepared}) == 5
    # The same trials on other values are other trials; other layers are other hyperparameters.
    assert len({p.encoder_fingerprint for p in prepared}) == 4
    stored = Store(root).load(layers.embeddings["train"])
    assert stored is not None
    assert stored.keys() == {"max@-1", "mean@-1", "max@0", "mean@0"}
    halves = Store(root).load(half.embeddings["train"])
    assert halves is not None
    assert {values.dtype for values in halves.values()} == {np.dtype("float16")}


def test_a_layer_that_is_not_there_is_one_line(request_of, root):
    with pytest.raises(UserError, match=r"tiny-bert@random: layer 9: .* hidden states 0 to 4"):
        prepare(request_of(layers=(9,)), root)


def test_requests_of_one_encoder_load_it_once(request_of, root, monkeypatch):
    loads: list[str] = []
    load = module.load_encoder
    monkeypatch.setattr(
        module, "load_encoder", lambda name, **rest: loads.append(name) or load(name, **rest)
    )
    module._kept.clear()
    prepare(request_of(), root)
    prepare(request_of(splits=("test",)), root)
    prepare(request_of(EncoderSpec("kmer", "kmer"), poolings=("features",)), root)
    assert loads == ["tiny-bert", "kmer"]
    assert len(module._kept) == 1


def test_parts_of_another_plan_of_shards_are_not_taken_for_parts_of_this_one(
    request_of, root, tmp_path, monkeypatch
):
    whole = prepare(request_of(), str(tmp_path / "other"))

    def killed(self, number, rows, arrays):
        add(self, number, rows, arrays)
        raise KeyboardInterrupt

    add = Draft.add
    with monkeypatch.context() as patch:
        patch.setattr("engine.embedding.embed.SHARD_ROWS", 4)
        patch.setattr(module, "SHARD_PLAN", "of an earlier version")
        patch.setattr(Draft, "add", killed)
        with pytest.raises(KeyboardInterrupt):
            prepare(request_of(), root)
    assert prepare(request_of(), root) == whole


def test_another_configuration_of_the_same_weights_is_another_encoder(request_of, root, weights):
    """Heads change no tensor, but every value."""
    ours = EncoderSpec("ours", "tiny-bert", str(weights))
    first = prepare(request_of(ours), root)
    config = weights / "config.json"
    config.write_text(config.read_text().replace('"heads": 2', '"heads": 4'))
    module._kept.clear()
    second = prepare(request_of(ours), root)
    assert second.encoder_fingerprint != first.encoder_fingerprint
    assert second.forwards == first.forwards > 0


def test_the_test_split_is_embedded_in_the_precision_of_the_others(request_of, root):
    first = prepare(request_of(precision="bfloat16"), root)
    assert first.precision == "bfloat16"
    last = prepare(request_of(splits=("test",), precision=first.precision), root)
    assert last.encoder_fingerprint == first.encoder_fingerprint
    assert last.encoder_fingerprint != prepare(request_of(), root).encoder_fingerprint


def test_a_second_call_does_not_run_the_encoder(request_of, root, encoder_must_not_run):
    first = prepare(request_of(), root)
    encoder_must_not_run()
    second = prepare(request_of(), root)
    assert second == replace(first, forwards=0)


def test_a_second_run_recalls_without_loading_the_encoder(request_of, root, monkeypatch):
    first = prepare(request_of(), root)
    monkeypatch.setattr("engine.embedding.stored.load_encoder", None)
    assert recall_prepared(request_of(), Store(Path(root))) == replace(first, forwards=0)


def test_what_was_never_prepared_is_not_recalled(request_of, root):
    assert recall_prepared(request_of(), Store(Path(root))) is None


def test_without_reuse_the_encoder_runs_again(request_of, root):
    first = prepare(request_of(), root)
    again = prepare(request_of(), root, reuse=False)
    assert again == first
    assert again.forwards > 0


def test_damaged_arrays_are_not_recalled_and_are_made_anew(request_of, root):
    first = prepare(request_of(), root)
    store = Store(Path(root))
    array = store.path(first.embeddings["train"]) / "mean@-1.npy"
    content = bytearray(array.read_bytes())
    content[-1] ^= 1
    array.write_bytes(content)
    assert recall_prepared(request_of(), store) is None
    again = prepare(request_of(), root)
    assert 0 < again.forwards < first.forwards  # train only
    assert recall_prepared(request_of(), store) == replace(first, forwards=0)


def test_test_rows_are_read_only_when_they_are_asked_for(request_of, root, spec, monkeypatch):
    opened = []
    unseal = Task.unseal_test

    def noted(task: Task):
        opened.append(task.name)
        return unseal(task)

    monkeypatch.setattr(Task, "unseal_test", noted)
    prepare(request_of(), root)
    recall_prepared(request_of(), Store(Path(root)))
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
    assert recall_prepared(request_of(poolings=()), Store(Path(root))) == prepared


def test_a_baseline_of_features_is_stored_too(request_of, root):
    kmer = EncoderSpec("kmer", "kmer")
    prepared = prepare(request_of(kmer, poolings=("features",)), root)
    stored = Store(Path(root)).load(prepared.embeddings["train"])
    assert stored is not None
    assert stored["features@-1"].shape[1] == prepared.hidden_size
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
    # A class token, six letters a token, the rest one each; four tokens at most.
    assert prepared.truncated == sum(1 + len(s) // 6 + len(s) % 6 > 4 for s in rows) > 0


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
    assert recall_prepared(planned, Store(Path(root))) is None
