"""The stand-in for a published byte-pair vocabulary."""

from engine.encoders.tokenizers.published import stand_in
from tests.encoders.small import SPECIAL


def test_stand_in_cuts_five_mers():
    batch = stand_in(SPECIAL)(["AAAAAAC", "N"])
    # 5 special tokens, 4 + 16 + 64 + 256 shorter k-mers, then AAAAA; AC is the second 2-mer.
    assert batch.input_ids.tolist() == [[1, 345, 10, 2], [1, 0, 2, 3]]
    assert batch.special_tokens_mask.tolist() == [[1, 0, 0, 1], [1, 0, 1, 1]]


def test_stand_in_fits_the_published_vocabulary():
    batch = stand_in(SPECIAL)(["T" * 5])
    assert int(batch.input_ids.max()) == 5 + 4 + 16 + 64 + 256 + 1024 - 1 < 4096
