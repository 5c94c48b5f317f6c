"""Windows: tokenized once, within the encoder's tokens, every base where it belongs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.basics.errors import UserError
from engine.embedding.windows import length_batches, reverse_complement, too_long, windows
from engine.encoders import Encoder, load_encoder

RNG = np.random.default_rng(0)
NAMES = ["tiny-bert", "tiny-hyena", "dnabert2"]
ENCODERS: dict[str, Encoder] = {}


def shortened(name: str, tokens: int) -> Encoder:
    """An encoder of random weights that takes few tokens; its network does not matter here."""
    if name not in ENCODERS:
        loaded = load_encoder(name if name != "dnabert2" else "tiny-bert", weights="random")
        assert isinstance(loaded, Encoder)
        if name == "dnabert2":
            from engine.encoders.tokenizers.published import stand_in

            loaded = replace(loaded, tokenizer=stand_in())
        ENCODERS[name] = loaded
    return replace(ENCODERS[name], max_tokens=tokens)


def alone(encoder: Encoder, sequence: str) -> list[int]:
    return encoder.tokenize([sequence]).input_ids[0].tolist()


lengths = st.lists(st.integers(0, 500), max_size=60)
dna = st.text("ACGTN", max_size=80)


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


@pytest.mark.parametrize("name", NAMES)
@given(st.lists(dna, max_size=6))
@settings(deadline=None, max_examples=30)
def test_a_short_sequence_is_one_window_of_its_own_tokens(name: str, given: list[str]):
    encoder = shortened(name, 4096)
    made = windows(encoder, given, "error")
    assert made.owners.tolist() == list(range(len(given)))
    assert made.cut == ()
    for sequence, ids in zip(given, made.input_ids, strict=True):
        assert ids.tolist() == alone(encoder, sequence)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("truncate", ["center", "start", "chunk"])
@given(st.lists(dna, max_size=6), st.integers(4, 12))
@settings(deadline=None, max_examples=30)
def test_no_window_is_too_long_and_what_was_cut_is_told(
    name: str, truncate: str, given: list[str], tokens: int
):
    encoder = shortened(name, tokens)
    made = windows(encoder, given, truncate)
    assert (made.counts <= tokens).all()
    assert (np.diff(made.owners) >= 0).all()
    assert set(made.owners.tolist()) == set(range(len(given)))
    long = tuple(row for row, s in enumerate(given) if len(alone(encoder, s)) > tokens)
    assert made.cut == long
    assert too_long(encoder, given) == len(long)


def test_one_token_a_base_is_cut_to_the_base():
    # 12 bases and an end token.
    encoder = shortened("tiny-hyena", 13)
    sequence = "AAAACCCCGGGGTTTTAAAA"
    centre = windows(encoder, [sequence], "center")
    start = windows(encoder, [sequence], "start")
    assert centre.input_ids[0].tolist() == alone(encoder, "CCCCGGGGTTTT")
    assert start.input_ids[0].tolist() == alone(encoder, "AAAACCCCGGGG")


def test_six_mers_fill_the_window():
    # A class token and four 6-mers: 24 bases from the middle of 60, between its 6-mers.
    encoder = shortened("tiny-bert", 5)
    sequence = "".join(RNG.choice(list("ACGT"), 60))
    made = windows(encoder, [sequence], "center")
    assert made.input_ids[0].tolist() == alone(encoder, sequence[18:42])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("truncate", ["center", "start"])
def test_what_is_cut_fills_the_window(name: str, truncate: str):
    made = windows(shortened(name, 11), ["ACGTNACGTAGCTAGCNAGGCTAGG" * 9], truncate)
    assert made.counts.tolist() == [11]


def test_a_stretch_of_n_takes_a_token_a_base_and_is_still_within_the_limit():
    encoder = shortened("tiny-bert", 12)
    sequence = "ACGTAC" * 10 + "N" * 30 + "ACGTAC" * 10
    (ids,) = windows(encoder, [sequence], "center").input_ids
    assert len(ids) == 12
    assert set(ids[1:].tolist()) == set(alone(encoder, "N")[1:])


@pytest.mark.parametrize("name", NAMES)
@given(dna.filter(lambda s: len(s) > 30), st.integers(4, 12))
@settings(deadline=None, max_examples=30)
def test_chunks_hold_every_token_in_order_and_are_about_equal(name: str, dna: str, tokens: int):
    encoder = shortened(name, tokens)
    made = windows(encoder, [dna], "chunk")
    whole = windows(shortened(name, 4096), [dna])
    bases = [ids[~special] for ids, special in zip(made.input_ids, made.special, strict=True)]
    assert torch.equal(torch.cat(bases), whole.input_ids[0][~whole.special[0]])
    assert np.ptp([len(part) for part in bases]) <= 1
    room = tokens - int(whole.special[0].sum())
    assert len(bases) == -(-int((~whole.special[0]).sum()) // room)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("truncate", ["center", "start", "chunk"])
def test_a_window_starts_and_ends_as_a_sequence_does(name: str, truncate: str):
    short = alone(shortened(name, 4096), "ACGTAC")
    made = windows(shortened(name, 6), ["ACGTACGTAGCTAGCTAGGCTAGGCTAGGATTATTATATCCCAC"], truncate)
    for ids in made.input_ids:
        assert ids[0] == short[0] or name == "tiny-hyena"
        assert ids[-1] == short[-1] or name == "tiny-bert"


def test_an_error_names_the_row_the_tokens_and_the_ways_out():
    encoder = shortened("tiny-hyena", 9)
    with pytest.raises(
        UserError, match=r"sequence 12 has 11 tokens and tiny-hyena takes 9; .*truncate: center"
    ):
        windows(encoder, ["ACGT", "ACGTACGTAC"], "error", first_row=10)


def test_an_unknown_truncation_is_refused():
    with pytest.raises(ValueError, match="unknown truncation 'end'; one of center, start"):
        windows(shortened("tiny-bert", 9), ["ACGT"], "end")


@pytest.mark.parametrize("name", NAMES)
def test_a_batch_is_what_the_tokenizer_makes_of_it(name: str):
    encoder = shortened(name, 4096)
    given = ["ACGTNACGTACGTAC", "A", "ACGTACGTACGTACGTACGTAGG"]
    made, expected = windows(encoder, given).batch([2, 0]), encoder.tokenize([given[2], given[0]])
    mask = expected.attention_mask.bool()
    assert torch.equal(made.attention_mask, expected.attention_mask)
    assert torch.equal(made.special_tokens_mask, expected.special_tokens_mask)
    assert torch.equal(made.input_ids[mask], expected.input_ids[mask])
    assert {t.dtype for t in made} == {torch.int64}


@given(st.text("ACGTNRYKMSWBDHVacgtn"))
def test_the_other_strand_of_the_other_strand_is_the_sequence(sequence: str):
    assert reverse_complement(reverse_complement(sequence)) == sequence


def test_the_other_strand_pairs_bases():
    assert reverse_complement("AACGTTRN") == "NYAACGTT"
    assert reverse_complement("ACGU") == "ACGT"
