"""What a network takes is told from its shapes, and near what torch then allocates."""

from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.profiler import ProfilerActivity, profile

from engine.embedding.pooling import pool
from engine.encoders import Encoder, cards, load_encoder
from engine.methods import lora
from engine.plan.footprint import Bytes, footprint


def allocated(work: Callable[[], object]) -> int:
    """Most bytes that torch's own allocator has given out at once while something ran."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as seen:
        work()
    events = [e for e in seen.profiler.kineto_results.events() if e.name() == "[memory]"]
    now = most = 0
    for event in sorted(events, key=lambda e: e.start_ns()):
        now += event.nbytes()
        most = max(most, now)
    return most


def adapted(name: str, everywhere: bool) -> Encoder:
    encoder = load_encoder(name, weights="random")
    assert isinstance(encoder, Encoder)
    lora.attach(encoder, {"rank": 8, "targets": "all_linear" if everywhere else "default"}, 1)
    encoder.network.train()
    return encoder


def step(encoder: Encoder, rows: int, tokens: int, *, train: bool, half: bool = False) -> None:
    ids = torch.full((rows, tokens), 5)
    mask = torch.ones_like(ids)
    mask[-1, -1] = 0
    with torch.set_grad_enabled(train):
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            hidden = encoder(ids, mask)
        pooled = pool(hidden, mask, torch.zeros_like(ids), "mean", None)
    if train:
        pooled.sum().backward()
        encoder.network.zero_grad()


@pytest.mark.parametrize(
    ("name", "everywhere"),
    [
        ("tiny-bert", False),
        pytest.param("tiny-bert", True, marks=pytest.mark.slow),
        pytest.param("tiny-hyena", True, marks=pytest.mark.slow),
    ],
)
def test_an_estimate_is_near_what_torch_allocates(name: str, everywhere: bool) -> None:
    encoder, taken = (
        adapted(name, everywhere),
        footprint(name, "adapters", 8, everywhere, half=False),
    )
    assert taken is not None
    for rows, tokens in ((8, 128), (4, 512)):
        trained = allocated(lambda r=rows, t=tokens: step(encoder, r, t, train=True))
        assert 0.9 <= taken.training.of(rows, tokens) / trained <= 1.2
        scored = allocated(lambda r=rows, t=tokens: step(encoder, r, t, train=False))
        assert 0.9 <= taken.evaluation.of(rows, tokens) / scored <= 1.2


@pytest.mark.slow
def test_training_in_half_precision_is_told_apart() -> None:
    encoder, taken = (
        adapted("tiny-bert", True),
        footprint("tiny-bert", "adapters", 8, True, half=True),
    )
    assert taken is not None
    trained = allocated(lambda: step(encoder, 8, 256, train=True, half=True))
    assert 0.9 <= taken.training.of(8, 256) / trained <= 1.2


@pytest.mark.slow
def test_checkpointed_gradients_take_what_torch_allocates_with_them() -> None:
    encoder, taken = (
        adapted("tiny-bert", True),
        footprint("tiny-bert", "adapters", 8, True, half=False),
    )
    assert taken is not None
    encoder.checkpoint_gradients()
    trained = allocated(lambda: step(encoder, 8, 256, train=True))
    assert 0.8 <= taken.checkpointed.of(8, 256) / trained <= 1.5
    assert taken.checkpointed.of(8, 256) < 0.6 * taken.training.of(8, 256)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "rows", "tokens"), [("nt-v2-50m", 4, 64), ("dnabert2", 2, 128)])
def test_an_estimate_of_a_published_size_is_near_what_torch_allocates(
    name: str, rows: int, tokens: int
) -> None:
    encoder, taken = adapted(name, False), footprint(name, "adapters", 8, False, half=False)
    assert taken is not None
    trained = allocated(lambda: step(encoder, rows, tokens, train=True))
    assert 0.8 <= taken.training.of(rows, tokens) / trained <= 1.5
    scored = allocated(lambda: step(encoder, rows, tokens, train=False))
    assert 0.8 <= taken.evaluation.of(rows, tokens) / scored <= 1.5


@pytest.mark.slow
def test_the_numbers_of_a_network_are_those_of_its_card() -> None:
    everything = footprint("tiny-bert", "everything", 8, False, half=False)
    adapters = footprint("tiny-bert", "adapters", 8, False, half=False)
    assert everything is not None
    assert adapters is not None
    assert everything.weights == everything.trained == cards()["tiny-bert"].parameters
    # Four layers, each with qkv (128 to 384) and attention_out (128 to 128).
    assert adapters.trained == 4 * 8 * ((128 + 384) + (128 + 128))
    assert adapters.weights == everything.weights + adapters.trained


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["hyenadna-tiny-1k", "caduceus-ps-1k", "dnabert-3", "gpn-brassicales", "grover"]
)
def test_other_families_are_told_too(name: str) -> None:
    taken = footprint(name, "adapters", 8, False, half=True)
    assert taken is not None
    assert taken.training.of(8, 128) > taken.evaluation.of(8, 128) > 0


@pytest.mark.slow
def test_a_network_of_billions_is_told_without_its_weights() -> None:
    taken = footprint("nt-2.5b-multi-species", "adapters", 8, False, half=True)
    assert taken is not None
    # 2.5 billion numbers of four bytes would not be read in a test.
    assert taken.weights > 2_400_000_000
    # Of each frozen matrix, a copy in bfloat16 is kept for the backward pass.
    assert taken.training.fixed == pytest.approx(2 * taken.weights, rel=0.1)


@pytest.mark.slow
def test_what_cannot_be_told_is_none() -> None:
    assert footprint("transformers", "adapters", 8, False, half=False) is None
    assert footprint("mistral-dna-1m", "adapters", 8, False, half=False) is None


def test_bytes_are_counted_by_rows_tokens_and_their_square() -> None:
    one, two = Bytes(10.0, 1.0, 2.0, 0.5), Bytes(11.0, 1.0, 5.0, 0.5)
    assert one.of(3, 4) == 10 + 1 * 4 + 3 * (2 * 4 + 0.5 * 16)
    assert one.grown(two, 10) == Bytes(20.0, 1.0, 32.0, 0.5)


@given(*(st.integers(0, 10**6) for _ in range(4)))
def test_a_polynomial_is_found_from_four_tries(
    fixed: int, shared: int, linear: int, square: int
) -> None:
    true = Bytes(fixed, shared, linear, square)
    found = Bytes.fitted({(r, t): true.of(r, t) for r in (1, 2) for t in (64, 256)}, True)
    assert found.of(7, 300) == pytest.approx(true.of(7, 300))


def test_a_move_of_the_peak_is_not_read_as_a_square() -> None:
    """Per row 10 bytes a token, or a matrix of 1,000 bytes where that is more."""
    tried = {(r, t): float(max(1000, 10 * r * t)) for r in (1, 2) for t in (64, 256)}
    found = Bytes.fitted(tried, squares=False)
    assert found.of(4, 100_000) == pytest.approx(4 * 10 * 100_000, rel=0.01)
