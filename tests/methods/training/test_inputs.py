import numpy as np

from engine.encoders import Encoder, load_encoder
from engine.methods.training.inputs import Inputs, shuffled_batches


def test_batches_hold_every_row_once_and_differ_between_epochs() -> None:
    lengths = np.array([1 + i % 50 for i in range(333)])
    rng = np.random.default_rng(0)
    first = list(shuffled_batches(lengths, 16, rng))
    second = list(shuffled_batches(lengths, 16, rng))
    assert sorted(np.concatenate(first)) == list(range(333))
    assert [b.tolist() for b in first] != [b.tolist() for b in second]


def test_only_the_rows_that_do_not_divide_make_a_smaller_batch() -> None:
    """As many batches as the learning rate's schedule counts: ceil(rows / batch size)."""
    for rows, batch_size in ((1, 16), (16, 16), (333, 16), (1025, 32), (3, 1)):
        batches = list(
            shuffled_batches(np.ones(rows, np.int64), batch_size, np.random.default_rng())
        )
        sizes = sorted(len(batch) for batch in batches)
        full, rest = divmod(rows, batch_size)
        assert sizes == [rest] * bool(rest) + [batch_size] * full


def test_the_size_of_a_row_counts_all_its_windows() -> None:
    encoder = load_encoder("tiny-hyena", weights="random")
    assert isinstance(encoder, Encoder)
    ends = int(encoder.tokenize(["A"]).special_tokens_mask.sum())
    given = Inputs.of(encoder, ["ACGTACG", "AC"], "error")
    assert given.sizes.tolist() == [7 + ends, 2 + ends]
