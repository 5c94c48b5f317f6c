"""Embedding: every row once, in its order, whatever the batches."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.embedding import embed, length_batches, max_bases, truncate
from engine.encoders import Encoder, load_encoder

RNG = np.random.default_rng(0)


def sequences(lengths: list[int], letters: str = "ACGT") -> list[str]:
    return ["".join(RNG.choice(list(letters), n)) for n in lengths]


@pytest.fixture(scope="module", params=["tiny-bert", "tiny-hyena"])
def encoder(request: pytest.FixtureRequest) -> Encoder:
    loaded = load_encoder(request.param, weights="random")
    assert isinstance(loaded, Encoder)
    return loaded


lengths = st.lists(st.integers(0, 500), max_size=60)


@given(lengths, st.floats(1, 2000))
def test_batches_cover_every_row_once_within_the_budget(rows: list[int], budget: float):
    sizes = np.array(rows, dtype=np.int64)
    batches = list(length_batches(sizes, budget))
    covered = np.concatenate(batches) if batches else np.array([], dtype=np.int64)
    assert sorted(covered.tolist()) == list(range(len(rows)))
    for batch in batches:
        assert len(batch) == 1 or len(batch) * sizes[batch].max() <= budget


@given(lengths.filter(len), st.floats(1, 2000))
def test_the_longest_come_first_and_no_batch_could_hold_the_next_row(rows, budget):
    sizes = np.array(rows, dtype=np.int64)
    batches = list(length_batches(sizes, budget))
    flat = sizes[np.concatenate(batches)]
    assert (np.diff(flat) <= 0).all()
    for batch in batches[:-1]:
        assert (len(batch) + 1) * max(1, sizes[batch[0]]) > budget


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
    tokenize = type(encoder.tokenizer).__call__

    def counted(self, batch):
        batches.append(len(batch))
        return tokenize(self, batch)

    monkeypatch.setattr(type(encoder.tokenizer), "__call__", counted)
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


def test_a_sequence_that_is_too_long_is_cut_to_its_centre_and_counted(encoder: Encoder):
    short = replace(encoder, max_tokens=2 + round(12 * encoder.tokens_per_base))
    assert max_bases(short) == 12
    given = ["AAAACCCCGGGGTTTTAAAA", "ACGTACGTACGT", "AAAACCCCGGGGT"]
    kept, cut = truncate(short, given)
    assert kept == [
        "CCCCGGGGTTTT",
        "ACGTACGTACGT",
        "AAAACCCCGGGG",
    ]  # 4 off either end; none; 0 and 1
    assert cut == 2
    np.testing.assert_array_equal(embed(short, given)["mean", -1], embed(encoder, kept)["mean", -1])


@given(st.lists(st.text("ACGT", max_size=40), max_size=8), st.integers(3, 8))
def test_what_is_kept_stands_in_the_middle(encoder: Encoder, given: list[str], tokens: int):
    short = replace(encoder, max_tokens=tokens)
    kept, cut = truncate(short, given)
    assert cut == sum(len(s) > max_bases(short) for s in given)
    for whole, part in zip(given, kept, strict=True):
        assert len(part) == min(len(whole), max_bases(short))
        left = (len(whole) - len(part)) // 2
        assert whole[left : left + len(part)] == part


def test_no_sequences_give_no_rows(encoder: Encoder):
    assert embed(encoder, [])["mean", -1].shape == (0, encoder.hidden_size)


@pytest.mark.parametrize("name", ["kmer", "onehot"])
def test_a_feature_encoder_gives_its_features_in_parts_or_whole(name: str, monkeypatch):
    encoder = load_encoder(name, max_bases=20)
    given = sequences([20, 5, 12, 20, 1])
    monkeypatch.setattr("engine.embedding.FEATURE_ROWS", 2)
    values = embed(encoder, given, ("features",))["features", -1]
    np.testing.assert_array_equal(values, encoder.features(given))
    assert values.dtype == np.float32
    assert embed(encoder, [], ("features",))["features", -1].shape == (0, encoder.hidden_size)


def test_what_an_encoder_lacks_is_an_error(encoder: Encoder):
    kmer = load_encoder("kmer")
    with pytest.raises(ValueError, match=r"'kmer' has no hidden states to pool; .*'features'"):
        embed(kmer, ["ACGT"], ("mean",))
    with pytest.raises(ValueError, match=r"layers \(3,\): only the last hidden state"):
        embed(encoder, ["ACGT"], layers=(3,))
    with pytest.raises(ValueError, match="unknown pooling 'median'"):
        embed(encoder, ["ACGT"], ("median",))
    with pytest.raises(ValueError, match="no summary token"):
        embed(replace(encoder, summary_index=None), ["ACGT"], ("summary",))
