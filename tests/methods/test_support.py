"""Every fine-tuning method on every form of network: three steps of training, or why not."""

from collections.abc import Callable
from functools import cache, partial

import pytest

from engine.encoders import Encoder, cards
from engine.testing.networks import copied
from tests.conftest import REPOSITORY
from tests.methods.support import columns, outcome, read, render, rows, small_encoder

DOCUMENT = REPOSITORY / "docs" / "methods.md"

#: Encoder that each method is tried on in the fast step: together, one of most families.
FAST = dict(
    zip(
        columns(),
        (
            *("nt-v2-50m", "hyenadna-tiny-1k", "dnabert2", "caduceus-ps-1k", "moderngena-base"),
            *("gpn-brassicales", "dnabert-3", "gena-lm-bert-base", "caduceus-ph-1k"),
            *("genomeocean-100m", "hyenadna-tiny-1k", "tiny-hyena", "tiny-bert"),
        ),
        strict=True,
    )
)
PAIRS = [(row, column) for row in rows() for column in columns()]


@pytest.fixture(scope="module")
def encoder_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Encoder]:
    """A copy of an encoder by its name, to be changed; each is loaded once."""
    loaded = cache(partial(small_encoder, folder=tmp_path_factory.mktemp("small")))
    return lambda name: copied(loaded(name))


@pytest.fixture(scope="module")
def documented() -> dict[tuple[str, str], str]:
    """Outcome of each pair as docs/methods.md tells it."""
    return read(DOCUMENT.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("row", "column"),
    [
        pair if FAST[pair[1]] == pair[0] else pytest.param(*pair, marks=pytest.mark.slow)
        for pair in PAIRS
    ],
)
def test_a_method_does_what_the_table_says(
    row: str,
    column: str,
    encoder_of: Callable,
    documented: dict[tuple[str, str], str],
    record_property: Callable[[str, object], None],
) -> None:
    found = outcome(row, column, encoder_of)
    # The summary of the run prints the table from these; see conftest.py.
    record_property("support", (row, column, found))
    assert documented[row, column] == found


def test_the_table_is_whole(documented: dict[tuple[str, str], str]) -> None:
    assert set(documented) == set(PAIRS)


def test_a_table_is_read_as_it_was_written(documented: dict[tuple[str, str], str]) -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    assert render(documented).strip() in text
    assert [*documented] == PAIRS


def test_every_family_that_has_a_network_has_a_row() -> None:
    families = {card.family for card in cards().values() if card.kind == "network"}
    assert {cards()[row].family for row in rows()} == families


def test_the_fast_step_sees_every_method_work_once() -> None:
    assert set(FAST) == set(columns())
    assert set(FAST.values()) <= set(rows())
