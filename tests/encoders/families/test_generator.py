"""GENERator: tokens are the published 6-mers, in the published ids."""

import itertools

import pytest

from engine.basics.errors import UserError
from engine.encoders import load_encoder
from engine.encoders.families import generator
from engine.testing.networks import SEQUENCES
from tests.encoders.small_causal import (
    GENERATOR_V1,
    GENERATOR_V2,
    SMALL,
)


@pytest.fixture
def written(tmp_path):
    def write(name):
        SMALL[name](tmp_path)
        return tmp_path

    return write


def published_ids(sequence, *, separator):
    """The published rule, letter by letter: pieces of six, else what is left; unknown is 0."""
    kmers = ["".join(kmer) for kmer in itertools.product("ATCG", repeat=6)]
    ids = {kmer: 32 + index for index, kmer in enumerate(kmers)}
    pieces = [sequence[at : at + 6] for at in range(0, len(sequence), 6)]
    return [1, *(ids.get(piece, 0) for piece in pieces), *([1] if separator else [])]


@pytest.mark.parametrize("name", [GENERATOR_V1[0], GENERATOR_V2[0]])
def test_six_mers_have_the_published_ids(written, name):
    encoder, separator = load_encoder(name, weights=written(name)), "-v2-" in name
    sequences = [*SEQUENCES, "", "A", "N", "ACGTNACGTACG", "ACGTAC" * 5]
    batch = encoder.tokenize(sequences)
    for row, sequence in enumerate(sequences):
        expected = published_ids(sequence, separator=separator)
        width, bases = len(expected), -(-len(sequence) // 6)
        assert batch.input_ids[row, :width].tolist() == expected
        assert set(batch.input_ids[row, width:].tolist()) <= {3}
        assert batch.attention_mask[row].nonzero().flatten().tolist() == list(range(width))
        is_base = (1 - batch.special_tokens_mask[row]).nonzero().flatten().tolist()
        assert is_base == list(range(1, bases + 1))


@pytest.mark.parametrize(
    ("sequence", "ids"),
    # Ids that another project recorded from the published tokenizer, begin token in front.
    [("ACGTNACGTNAC", [1, 0, 0]), ("AAAAAATTTTTT", [1, 32, 1397])],
)
def test_six_mers_recorded_elsewhere(sequence, ids):
    tokenizer = generator.GeneratorTokenizer(generator.published_vocabulary(), separator=False)
    assert tokenizer([sequence]).input_ids.tolist() == [ids]


def test_no_sequence_is_an_empty_batch():
    tokenizer = generator.GeneratorTokenizer(generator.published_vocabulary(), separator=True)
    assert len(tokenizer([]).input_ids) == 0


def test_fingerprint_follows_separator_and_vocabulary():
    vocabulary = generator.published_vocabulary()
    other = (*vocabulary[:31], "<other>", *vocabulary[32:])
    made = [
        generator.GeneratorTokenizer(vocabulary, separator=False),
        generator.GeneratorTokenizer(vocabulary, separator=True),
        generator.GeneratorTokenizer(other, separator=False),
    ]
    assert len({tokenizer.fingerprint for tokenizer in made}) == 3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (None, "no such file"),
        (lambda text: text.replace("<s> 1\n", "<s> 7\n"), "line 2 is '<s> 7', not 'TOKEN 1'"),
        (lambda text: text.replace("AAAAAA ", "AAAAAX "), "no token 'AAAAAA' \\(1 missing\\)"),
        (lambda text: "A\n" + text, "line 1 is 'A', not 'TOKEN 0'"),
    ],
)
def test_a_damaged_vocabulary_is_told(written, change, message):
    folder = written(GENERATOR_V1[0])
    path = folder / "vocab.txt"
    path.unlink() if change is None else path.write_text(change(path.read_text()))
    with pytest.raises(UserError, match=message):
        load_encoder(GENERATOR_V1[0], weights=folder)
