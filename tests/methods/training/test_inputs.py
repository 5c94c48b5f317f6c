from dataclasses import replace

import numpy as np

from engine.encoders import Encoder, load_encoder
from engine.methods.training.inputs import Inputs, epoch_batches


def test_batches_hold_every_row_once_and_differ_between_epochs_and_seeds() -> None:
    lengths = np.array([1 + i % 50 for i in range(333)])
    made = [epoch_batches(lengths, 16, 1, *draw) for draw in ((0, 0), (0, 1), (1, 0))]
    assert all(sorted(np.concatenate(batches)) == list(range(333)) for batches in made)
    orders = [np.concatenate(batches).tolist() for batches in made]
    assert orders[0] != orders[1] != orders[2] != orders[0]


def test_an_epoch_can_be_drawn_again() -> None:
    lengths = np.arange(100)
    first, again = (epoch_batches(lengths, 8, 2, 3, 7) for _ in range(2))
    assert [batch.tolist() for batch in first] == [batch.tolist() for batch in again]


def test_of_two_strands_each_sequence_comes_once_and_each_strand_half_of_the_time() -> None:
    lengths = np.tile(np.arange(500), 2)
    rows = np.concatenate(epoch_batches(lengths, 16, 2, 0, 0))
    assert sorted(rows % 500) == list(range(500))
    # 500 tosses of a coin: 250 and four standard deviations of 11.2.
    assert 205 < (rows >= 500).sum() < 295


def test_batches_pad_little() -> None:
    """Lengths of a batch lie near each other; in random batches a third would be padding."""
    lengths = np.random.default_rng(0).integers(1, 1000, 2000)
    batches = epoch_batches(lengths, 32, 1, 0, 0)
    padded = sum(len(rows) * lengths[rows].max() for rows in batches)
    assert lengths.sum() / padded > 0.95


def test_only_the_rows_that_do_not_divide_make_a_smaller_batch() -> None:
    """As many batches as the learning rate's schedule counts: ceil(rows / batch size)."""
    for rows, batch_size in ((1, 16), (16, 16), (333, 16), (1025, 32), (3, 1)):
        batches = epoch_batches(np.ones(rows, np.int64), batch_size, 1, 0, 0)
        sizes = sorted(len(batch) for batch in batches)
        full, rest = divmod(rows, batch_size)
        assert sizes == [rest] * bool(rest) + [batch_size] * full


def test_the_size_of_a_row_counts_all_its_windows() -> None:
    encoder = load_encoder("tiny-hyena", weights="random")
    assert isinstance(encoder, Encoder)
    ends = int(encoder.tokenize(["A"]).special_tokens_mask.sum())
    given = Inputs.of(encoder, ["ACGTACG", "AC"], "error")
    assert given.sizes.tolist() == [7 + ends, 2 + ends]
    assert given.attended.tolist() == given.sizes.tolist()


def test_tokens_are_counted_without_padding() -> None:
    encoder = load_encoder("tiny-bert", weights="random")
    assert isinstance(encoder, Encoder)
    short = replace(encoder, max_tokens=5)
    # Nine and two tokens of bases; CLS once a window.
    given = Inputs.of(short, ["ACGTAC" * 9, "ACGTAC" * 2], "chunk")
    assert given.windows.counts.tolist() == [4, 4, 4, 3]
    assert given.attended.tolist() == [9 + 3, 2 + 1]
    assert given.sizes.tolist() == [3 * 4, 3]
