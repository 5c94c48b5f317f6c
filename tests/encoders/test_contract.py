"""What every encoder owes, whichever file it came from: cards, hidden states, features.

Other files of the suite: ``test_contract_training.py``, ``test_contract_backends.py``.
"""

import dataclasses
import subprocess
import sys

import pytest
import torch

from engine.encoders import Encoder, cards, find_card, load_encoder
from engine.encoders.checkpoint import state_hash
from engine.testing import networks as networks_owe
from engine.testing.encoders import FEATURES, a_card_says_what_it_is
from engine.testing.networks import SEQUENCES, on, tokenized
from engine.testing.rounding import NO_FLOAT64, assert_close
from tests.encoders.contract import (
    cannot_run,
    every_network,
    network_names,
    networks,
    runs,
    shipped,
    small_folders,
    stand_in,
)

NETWORKS = network_names()

every_name = pytest.mark.parametrize("name", networks())
every_shipped = pytest.mark.parametrize("name", [name for name in NETWORKS if shipped(name)])

# Equivariant to the reverse complement; one of each vocabulary.
EQUIVARIANT = ("caduceus-ps-1k", "plantcaduceus-l20")
LONG_RANGE = ("hyenadna", "caduceus")


def test_the_registry_is_light():
    # Names must be told at once, so finding every card may not import torch.
    code = "import sys, engine.encoders as e; e.cards(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("name", NETWORKS)
def test_the_suite_runs_over_every_network(name):
    if reason := cannot_run(find_card(name)):
        pytest.skip(reason)
    assert shipped(name) or name in small_folders(), (
        f"'{name}' is in no contract test: declare SMALL['{name}'] in a tests/encoders/small*.py"
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", [n for n in filter(runs, NETWORKS) if stand_in(n) != n])
def test_a_card_that_is_left_out_is_the_network_of_the_one_that_stands_for_it(name, weights):
    """Only its name and its limit are its own; else its folder needs a function of its own."""
    own, other = (load_encoder(n, weights=weights(n)) for n in (name, stand_in(name)))
    assert own.fingerprint.startswith(f"{name}:")
    assert repr(own.network) == repr(other.network)
    assert own.tokenizer.fingerprint == other.tokenizer.fingerprint
    assert (own.merge_strands is None) == (other.merge_strands is None)
    for field in dataclasses.fields(Encoder):
        if field.name not in ("name", "network", "tokenizer", "max_tokens", "merge_strands"):
            assert getattr(own, field.name) == getattr(other, field.name), field.name
    for field in ("adaptable", "poolings"):
        assert getattr(find_card(name), field) == getattr(find_card(stand_in(name)), field)


def test_no_small_folder_is_left_without_a_card():
    assert small_folders().keys() <= cards().keys()


@pytest.mark.parametrize("name", list(cards()))
def test_a_card_says_what_it_is(name):
    card = find_card(name)
    assert card.name == name
    a_card_says_what_it_is(card)


@every_shipped
def test_card_states_the_sizes(name):
    # Published cards: each family's test of the published size.
    card, encoder = find_card(name), load_encoder(name, weights="random")
    assert sum(p.numel() for p in encoder.network.parameters()) == card.parameters
    assert encoder.hidden_size == card.hidden_size
    assert encoder.max_tokens == card.max_tokens
    assert ("summary" in card.poolings) == (encoder.summary_index is not None)


@every_shipped
def test_random_weights_follow_the_seed(name):
    torch.manual_seed(99)
    before = torch.get_rng_state()
    one, same = (load_encoder(name, weights="random", seed=1) for _ in range(2))
    assert torch.equal(before, torch.get_rng_state())
    other = load_encoder(name, weights="random", seed=2)
    assert one.weights_hash == same.weights_hash == state_hash(one.network)
    assert one.fingerprint == same.fingerprint != other.fingerprint
    assert one.weights_hash != other.weights_hash


@pytest.mark.parametrize("claim", networks_owe.CLAIMS, ids=lambda claim: claim.__name__)
@every_network()
def test_a_network_keeps(encoder, claim):
    kernels = claim is networks_owe.attention_does_not_depend_on_the_kernel
    if kernels and not networks_owe.uses_attention(encoder):
        pytest.skip("no attention of torch in this network")
    exact = claim is networks_owe.padding_changes_no_layer_in_float64
    if exact and encoder.name in NO_FLOAT64:
        pytest.skip(f"'{encoder.name}' has no float64: {NO_FLOAT64[encoder.name]}")
    claim(encoder)


@pytest.mark.parametrize("claim", networks_owe.CLAIMS_ON_DEVICES, ids=lambda claim: claim.__name__)
@every_network()
def test_a_network_keeps_on_every_device(encoder, claim, device):
    claim(on(encoder, device))


@pytest.mark.parametrize("claim", FEATURES, ids=lambda claim: claim.__name__)
@pytest.mark.parametrize(
    "name", [name for name, card in cards().items() if card.kind == "features"]
)
def test_features_keep(name, claim):
    claim(name)


@every_network(lambda name: find_card(name).family in LONG_RANGE)
def test_ten_thousand_bases(encoder):
    # tiny-hyena: test_tiny.py, up to its limit.
    tokens = encoder.tokenize(["ACGTTGCATG" * 1000])
    with torch.no_grad():
        hidden = encoder(tokens.input_ids, tokens.attention_mask)
    length = 10_000 + int(tokens.special_tokens_mask.sum())
    assert hidden.shape == (1, length, encoder.hidden_size)
    assert torch.isfinite(hidden).all()


@every_network(lambda name: name in EQUIVARIANT)
def test_reverse_complement_gives_reversed_states_of_every_layer(encoder):
    # The whole row turns around, a special token with it: tokens that stand for no base are their
    # own complement. For the last state and both strands' channels, see test_caduceus.py.
    ids, mask = tokenized(encoder, SEQUENCES)
    complement = encoder.network.get_input_embeddings().complement_map
    other = ids.clone()
    for row, length in zip(other, mask.sum(1), strict=True):
        row[:length] = complement[row[:length]].flip(0)
    numbers = range(encoder.depth + 1)
    with torch.no_grad():
        first = encoder.layer_states(ids, mask, numbers)
        second = encoder.layer_states(other, mask, numbers)
    for left, right in zip(first, second, strict=True):
        for row, mirrored, length in zip(left, right, mask.sum(1), strict=True):
            assert_close(mirrored[:length].flip(0), row[:length])


@every_network(lambda name: name in EQUIVARIANT)
def test_what_enters_the_first_layer_is_the_mean_of_a_base_and_its_complement(encoder):
    ids, mask = tokenized(encoder, SEQUENCES)
    words = encoder.network.get_input_embeddings()
    with torch.no_grad():
        (entering,) = encoder.layer_states(ids, mask, (0,))
        mean = (words.embedding(ids) + words.embedding(words.complement_map[ids])) / 2
    assert_close(entering[mask.bool()], mean[mask.bool()])


@every_name
def test_fingerprint_names_the_encoder(name, weights):
    encoder = load_encoder(name, weights=weights(name))
    networks_owe.fingerprint_names_the_encoder(encoder, name)
