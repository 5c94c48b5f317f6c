"""Tokenizers against a plain scan of the letters, and by hand."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.basics.errors import UserError
from engine.encoders.tokenizers.tiny_tokens import BaseTokenizer, SixMerTokenizer

IUPAC = "ACGTUNRYSWKMBDHV"
texts = st.text(alphabet=IUPAC + IUPAC.lower(), max_size=40)
mostly_acgt = st.text(alphabet="ACGTACGTACGTACGTN", max_size=60)
batches = st.lists(texts | mostly_acgt, min_size=1, max_size=6)
quick = settings(max_examples=50, deadline=None)  # no deadline: machines are shared
tokenizers = pytest.mark.parametrize("tokenizer", [SixMerTokenizer(), BaseTokenizer()])


def plain(sequence):
    """The letters as the documentation says they are read."""
    upper = sequence.upper().replace("U", "T")
    return "".join(letter if letter in "ACGT" else "N" for letter in upper)


def scan(letters):
    """The rule of Nucleotide Transformer, one letter after the other."""
    tokens, place = [], 0
    while place < len(letters):
        piece = letters[place : place + 6]
        tokens.append(piece if len(piece) == 6 and "N" not in piece else piece[0])
        place += len(tokens[-1])
    return tokens


def decode(tokenizer, batch, row):
    ids = batch.input_ids[row][batch.special_tokens_mask[row] == 0]
    return [tokenizer.vocabulary[i] for i in ids]


@quick
@given(batches)
def test_six_mers_are_those_of_a_scan_from_the_left(sequences):
    tokenizer = SixMerTokenizer()
    batch = tokenizer(sequences)
    for row, sequence in enumerate(sequences):
        assert decode(tokenizer, batch, row) == scan(plain(sequence))


@tokenizers
@quick
@given(sequences=batches)
def test_tokens_cover_exactly_the_bases(tokenizer, sequences):
    batch = tokenizer(sequences)
    for row, sequence in enumerate(sequences):
        assert "".join(decode(tokenizer, batch, row)) == plain(sequence)


@tokenizers
@quick
@given(sequences=batches)
def test_padding_is_on_the_right_and_special(tokenizer, sequences):
    batch = tokenizer(sequences)
    lengths = batch.attention_mask.sum(1)
    place = torch.arange(batch.input_ids.shape[1])
    assert torch.equal(batch.attention_mask, (place < lengths[:, None]).long())
    assert int(lengths.max()) == batch.input_ids.shape[1]
    padding = batch.attention_mask == 0
    assert (batch.input_ids[padding] == 0).all()
    assert (batch.special_tokens_mask[padding] == 1).all()
    # One special token each: CLS or end.
    assert ((batch.special_tokens_mask == 1) & ~padding).sum(1).tolist() == [1] * len(sequences)


@tokenizers
@quick
@given(sequences=batches)
def test_a_row_does_not_depend_on_the_others(tokenizer, sequences):
    batch = tokenizer(sequences)
    for row, sequence in enumerate(sequences):
        alone = tokenizer([sequence])
        width = alone.input_ids.shape[1]
        assert torch.equal(batch.input_ids[row, :width], alone.input_ids[0])


def test_six_mer_ids_by_hand():
    # Vocabulary: 4 special tokens, 4096 6-mers from AAAAAA to TTTTTT, then A, C, G, T, N.
    batch = SixMerTokenizer()(["AAAAAA" + "AAC" + "N", "TTTTTT", ""])
    assert batch.input_ids.tolist() == [
        [1, 4, 4100, 4100, 4101, 4104],
        [1, 4099, 0, 0, 0, 0],
        [1, 0, 0, 0, 0, 0],
    ]


def test_base_ids_by_hand():
    batch = BaseTokenizer()(["acgun", "R"])
    assert batch.input_ids.tolist() == [[3, 4, 5, 6, 7, 2], [7, 2, 0, 0, 0, 0]]
    assert batch.special_tokens_mask.tolist() == [[0, 0, 0, 0, 0, 1], [0, 1, 1, 1, 1, 1]]


@tokenizers
def test_vocabulary_has_no_token_twice(tokenizer):
    assert len(set(tokenizer.vocabulary)) == len(tokenizer.vocabulary)


def test_vocabulary_of_six_mers():
    assert len(SixMerTokenizer().vocabulary) == 4 + 4**6 + 5


@tokenizers
def test_no_sequence_is_an_empty_batch(tokenizer):
    assert tokenizer([]).input_ids.shape == (0, 0)


@tokenizers
@pytest.mark.parametrize("bad", ["ACXGT", "AC-GT", "AC GT", "ACé", "AC\0GT", "AC\n"])
def test_other_letters_are_told_with_their_row(tokenizer, bad):
    with pytest.raises(UserError, match="sequence 1 of the batch") as told:
        tokenizer(["ACGT", bad, "ACGT"])
    assert "\n" not in str(told.value)


def test_fingerprints_differ_by_rules_and_vocabulary():
    prints = {
        SixMerTokenizer().fingerprint,
        BaseTokenizer().fingerprint,
        BaseTokenizer(("<pad>", "<end>", "<mask>", *"ACGT", "N")).fingerprint,
    }
    assert len(prints) == 3
    assert SixMerTokenizer().fingerprint == SixMerTokenizer().fingerprint
