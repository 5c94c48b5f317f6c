"""Embedding: every row once, in its order, whatever the batches."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from engine.basics.errors import UserError
from engine.embedding.embed import Recipe, embed, embed_shards
from engine.embedding.pooling import pool
from engine.embedding.windows import reverse_complement, windows
from engine.encoders import Encoder, load_encoder

RNG = np.random.default_rng(0)


def sequences(lengths: list[int], letters: str = "ACGT") -> list[str]:
    return ["".join(RNG.choice(list(letters), n)) for n in lengths]


@pytest.fixture(scope="module", params=["tiny-bert", "tiny-hyena"])
def encoder(request: pytest.FixtureRequest) -> Encoder:
    loaded = load_encoder(request.param, weights="random")
    assert isinstance(loaded, Encoder)
    return loaded


def test_a_batch_is_that_of_each_sequence_alone_in_the_order_given(encoder: Encoder):
    mixed = sequences([30, 7, 60, 1, 200, 30, 13, 59], "ACGTN")
    poolings = ("mean", "max", "summary")
    together = embed(encoder, mixed, poolings, token_budget=90)
    assert together.keys() == {(p, -1) for p in poolings}
    for pooling in poolings:
        values = together[pooling, -1]
        assert values.shape == (len(mixed), encoder.hidden_size)
        assert values.dtype == np.float32
        alone = [embed(encoder, [s], (pooling,))[pooling, -1][0] for s in mixed]
        np.testing.assert_allclose(values, np.stack(alone), atol=1e-5)


def test_the_budget_changes_batches_and_not_values(encoder: Encoder, monkeypatch):
    mixed = sequences([40] * 6 + [10] * 6)
    batches: list[int] = []
    forward = type(encoder.network).forward

    def counted(self, ids, *rest):
        batches.append(len(ids))
        return forward(self, ids, *rest)

    monkeypatch.setattr(type(encoder.network), "forward", counted)
    small = embed(encoder, mixed, token_budget=50)["mean", -1]
    assert len(batches) > 1
    assert sum(batches) == 12
    batches.clear()
    large = embed(encoder, mixed, token_budget=10**6)["mean", -1]
    assert batches == [12]
    np.testing.assert_allclose(small, large, atol=1e-5)


def test_lower_case_and_rna_are_the_same_sequence(encoder: Encoder):
    upper, lower, rna = embed(encoder, ["ACGTTACGTA", "acgttacgta", "ACGUUACGUA"])["mean", -1]
    np.testing.assert_allclose(lower, upper, atol=1e-6)
    np.testing.assert_allclose(rna, upper, atol=1e-6)


def test_a_sequence_that_is_too_long_is_cut_as_asked(encoder: Encoder):
    short = replace(encoder, max_tokens=1 + round(12 * encoder.tokens_per_base))
    long = "ACGTAA" + "CCCCGGGGTTTT" + "AAACGA"
    for truncate, kept in (("center", "CCCCGGGGTTTT"), ("start", "ACGTAACCCCGG")):
        cut = embed(short, [long, "AC"], truncate=truncate)["mean", -1]
        np.testing.assert_allclose(cut, embed(encoder, [kept, "AC"])["mean", -1], atol=1e-6)


def test_chunks_are_averaged(encoder: Encoder):
    short = replace(encoder, max_tokens=1 + round(12 * encoder.tokens_per_base))
    long = "AAAACCCCGGGG" + "ACGTTACGTAGG"
    for pooling in ("mean", "max", "summary"):
        whole = embed(short, ["AC", long], (pooling,), truncate="chunk")[pooling, -1]
        parts = embed(encoder, ["AC", long[:12], long[12:]], (pooling,))[pooling, -1]
        np.testing.assert_allclose(whole[0], parts[0], atol=1e-6)
        np.testing.assert_allclose(whole[1], parts[1:].mean(axis=0), atol=1e-6)


def test_strands_weigh_the_same_however_many_windows_they_have(encoder: Encoder, monkeypatch):
    """Byte pairs may cut a strand and its complement into another number of windows."""
    given = ["ACGTTACGTAGG" * 3]
    other = [reverse_complement(given[0])]
    short = replace(encoder, max_tokens=1 + round(12 * encoder.tokens_per_base))

    def uneven(of, strand, truncate, start):
        return windows(of if strand == other else short, strand, truncate, start)

    monkeypatch.setattr("engine.embedding.embed.windows", uneven)
    both = embed(encoder, given, truncate="chunk", both_strands=True)["mean", -1]
    monkeypatch.undo()
    ahead = embed(short, given, truncate="chunk")["mean", -1]
    np.testing.assert_allclose(both, (ahead + embed(encoder, other)["mean", -1]) / 2, atol=1e-6)


def test_what_half_precision_cannot_hold_is_an_error(encoder: Encoder):
    large = replace(
        load_encoder("kmer"), features=lambda sequences: np.full((len(sequences), 1364), 7e4, "f4")
    )
    with pytest.raises(UserError, match=r"float16 ends at 65,504 .* reaches 70,000"):
        embed(large, ["ACGT"], ("features",), dtype="float16")


def test_a_fault_names_the_row_in_the_order_given(encoder: Encoder):
    with pytest.raises(UserError, match=r"row 3: .*no IUPAC"):
        embed(encoder, ["ACGTACGTACGT", "ACG", "AC!T", "ACGTA"])
    short = replace(encoder, max_tokens=3)
    with pytest.raises(UserError, match="sequence 2 has"):
        embed(short, ["A", "ACGTACGTAAAAAAAAA"], truncate="error", both_strands=True)


def test_both_strands_are_averaged_and_so_a_strand_does_not_matter(encoder: Encoder):
    given = sequences([30, 7, 61])
    both = embed(encoder, given, both_strands=True)["mean", -1]
    other = [reverse_complement(s) for s in given]
    ahead, back = (embed(encoder, s)["mean", -1] for s in (given, other))
    np.testing.assert_allclose(both, (ahead + back) / 2, atol=1e-6)
    np.testing.assert_allclose(
        both, embed(encoder, other, both_strands=True)["mean", -1], atol=1e-6
    )


def test_every_layer_comes_from_one_forward_pass(encoder: Encoder, monkeypatch):
    calls: list[int] = []
    forward = type(encoder.network).forward
    monkeypatch.setattr(
        type(encoder.network),
        "forward",
        lambda self, ids, *rest: calls.append(len(ids)) or forward(self, ids, *rest),
    )
    given = sequences([30, 7, 61])
    every = embed(encoder, given, ("mean", "max", "std", "bins"), "all")
    assert sum(calls) == 3
    assert {layer for _, layer in every} == set(range(encoder.depth + 1))
    np.testing.assert_array_equal(
        every["max", encoder.depth], embed(encoder, given, ("max",))["max", -1]
    )
    tokens = encoder.tokenize(given)
    ids = encoder.network.get_input_embeddings()(tokens.input_ids)
    first = pool(ids, tokens.attention_mask, tokens.special_tokens_mask, "mean", None)
    np.testing.assert_allclose(every["mean", 0], first.detach().numpy(), atol=1e-6)


def test_shards_do_not_depend_on_where_one_starts(encoder: Encoder, monkeypatch):
    monkeypatch.setattr("engine.embedding.embed.SHARD_BASES", {"cpu": 100})
    given = sequences([40, 40, 40, 10, 95, 120, 3])
    recipe = Recipe(("mean", "max"))
    all_of_them = list(embed_shards(encoder, iter(given), recipe))
    assert [shard.rows.tolist() for shard in all_of_them] == [[0, 1], [2, 3], [4], [5], [6]]
    late = list(embed_shards(encoder, iter(given), recipe, skip={0, 1, 3}))
    assert [shard.number for shard in late] == [2, 4]
    for shard in late:
        for key, values in shard.arrays.items():
            np.testing.assert_array_equal(values, all_of_them[shard.number].arrays[key])
    whole = embed(encoder, given, ("mean", "max"))
    for shard in all_of_them:
        np.testing.assert_array_equal(whole["mean", -1][shard.rows], shard.arrays["mean", -1])


def test_a_batch_that_does_not_fit_is_halved_until_it_does(encoder: Encoder, monkeypatch):
    """And not further: the rows that wait are cut anew, within what was found to fit."""
    monkeypatch.setattr("engine.embedding.embed.SHARD_ROWS", 16)
    given = sequences([40] * 40)
    expected = embed(encoder, given)["mean", -1]
    tokens = encoder.tokenize([given[0]]).input_ids.numel()
    ran: list[int] = []
    failed: list[int] = []
    forward = type(encoder.network).forward

    def short_of_memory(self, ids, *rest):
        if len(ids) > 5:
            failed.append(len(ids))
            raise torch.OutOfMemoryError("CUDA out of memory")
        ran.append(len(ids))
        return forward(self, ids, *rest)

    monkeypatch.setattr(type(encoder.network), "forward", short_of_memory)
    values = embed(encoder, given, token_budget=16 * tokens)["mean", -1]
    assert failed == [16, 8]
    assert ran == [4] * 10
    np.testing.assert_allclose(values, expected, atol=1e-5)


def test_a_sequence_that_does_not_fit_alone_is_one_clear_line(encoder: Encoder, monkeypatch):
    def always(self, *_):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(type(encoder.network), "forward", always)
    with pytest.raises(UserError, match="tokens does not fit into memory alone"):
        embed(encoder, ["ACGTACGT"])


def test_half_precision_rounds_the_result_and_nothing_before_it(encoder: Encoder):
    given = sequences([30, 7])
    half = embed(encoder, given, dtype="float16")["mean", -1]
    assert half.dtype == np.float16
    np.testing.assert_array_equal(half, embed(encoder, given)["mean", -1].astype(np.float16))


def test_the_memory_of_a_stream_is_that_of_a_shard(encoder: Encoder, monkeypatch):
    """At most three shards are read before the first is handed on: one runs, two are tokenized."""
    monkeypatch.setattr("engine.embedding.embed.SHARD_ROWS", 4)
    read: list[int] = []

    def stream():
        for row in range(400):
            read.append(row)
            yield "ACGTACGT"

    for shard in embed_shards(encoder, stream(), Recipe()):
        assert len(read) <= 4 * (shard.number + 3)
    assert len(read) == 400


def test_no_sequences_give_no_rows(encoder: Encoder):
    assert embed(encoder, [])["mean", -1].shape == (0, encoder.hidden_size)


@pytest.mark.parametrize("name", ["kmer", "onehot"])
def test_a_feature_encoder_gives_its_features_in_parts_or_whole(name: str, monkeypatch):
    encoder = load_encoder(name, max_bases=20)
    given = sequences([20, 5, 12, 20, 1])
    monkeypatch.setattr("engine.embedding.embed.SHARD_ROWS", 2)
    values = embed(encoder, given, ("features",))["features", -1]
    np.testing.assert_array_equal(values, encoder.features(given))
    assert values.dtype == np.float32
    assert embed(encoder, [], ("features",))["features", -1].shape == (0, encoder.hidden_size)


def test_what_an_encoder_lacks_is_an_error(encoder: Encoder):
    kmer = load_encoder("kmer")
    with pytest.raises(ValueError, match=r"'kmer' has no hidden states to pool; .*'features'"):
        embed(kmer, ["ACGT"], ("mean",))
    with pytest.raises(ValueError, match=r"layer 99: .* has hidden states 0 to"):
        embed(encoder, ["ACGT"], layers=(99,))
    with pytest.raises(ValueError, match="unknown pooling 'median'"):
        embed(encoder, ["ACGT"], ("median",))
    with pytest.raises(ValueError, match="no summary token"):
        embed(replace(encoder, summary_index=None), ["ACGT"], ("summary",))
