"""Overlapping k-mers: published order, unknown tokens, letters."""

import pytest
import torch

from engine.basics.errors import UserError
from engine.encoders.families.dnabert import KS
from engine.encoders.tokenizers.overlapping import OverlappingKmers, published_order


def test_published_order_counts_a_t_c_g():
    # From bert-config-3/vocab.txt of jerryji1993/DNABERT.
    assert published_order(3)[:12] == (
        *("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"),
        *("AAA", "AAT", "AAC", "AAG", "ATA", "ATT", "ATC"),
    )
    assert published_order(3)[-2:] == ("GGC", "GGG")
    assert [len(published_order(k)) for k in KS] == [69, 261, 1029, 4101]


def test_a_kmer_with_n_is_unknown_and_a_short_sequence_is_one_unknown():
    batch = OverlappingKmers(published_order(3))(["AAANAAT", "AC", "", "AAA"])
    assert batch.input_ids.tolist() == [
        [2, 5, 1, 1, 1, 6, 3],
        [2, 1, 3, 0, 0, 0, 0],
        [2, 3, 0, 0, 0, 0, 0],
        [2, 5, 3, 0, 0, 0, 0],
    ]
    assert batch.attention_mask.sum(1).tolist() == [7, 3, 2, 3]
    assert batch.special_tokens_mask.tolist() == [
        [1, 0, 0, 0, 0, 0, 1],
        [1, 0, 1, 1, 1, 1, 1],
        [1, 1, 1, 1, 1, 1, 1],
        [1, 0, 1, 1, 1, 1, 1],
    ]


def test_an_empty_batch_has_no_rows():
    assert OverlappingKmers(published_order(3))([]).input_ids.shape[0] == 0


def test_letters_are_read_as_documented():
    tokenizer = OverlappingKmers(published_order(4))
    left, right = tokenizer(["acguRYSWKMBDHVNacgtac"]), tokenizer(["ACGTNNNNNNNNNNNACGTAC"])
    assert torch.equal(left.input_ids, right.input_ids)
    with pytest.raises(UserError, match="sequence 1 of the batch has 'X'"):
        tokenizer(["ACGT", "AXGT"])


def test_fingerprint_follows_vocabulary_and_front():
    three, four = (OverlappingKmers(published_order(k)) for k in (3, 4))
    other = OverlappingKmers(published_order(3), ("[CLS]", "[MASK]"))
    assert len({t.fingerprint for t in (three, four, other)}) == 3
