"""What every encoder owes, whichever file it came from: cards, hidden states, features.

Other files of the suite: ``test_contract_training.py``, ``test_contract_backends.py``.
"""

import dataclasses
import subprocess
import sys

import numpy as np
import pytest
import torch

from engine.basics.errors import UserError
from engine.encoders import Encoder, FeatureEncoder, cards, find_card, load_encoder
from engine.encoders.checkpoint import state_hash
from tests.encoders.contract import (
    CLOSE_IN_FLOAT64,
    SEQUENCES,
    assert_close,
    cannot_run,
    every_network,
    in_float64,
    network_names,
    networks,
    on,
    runs,
    shipped,
    small_folders,
    stand_in,
    state_tolerance,
    states,
    tokenized,
)

NETWORKS = network_names()
FEATURES = [name for name, card in cards().items() if card.kind == "features"]

every_name = pytest.mark.parametrize("name", networks())
every_shipped = pytest.mark.parametrize("name", [name for name in NETWORKS if shipped(name)])
features = pytest.mark.parametrize("name", FEATURES)

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
    assert card.kind in ("network", "features")
    assert card.poolings
    assert card.tokens
    assert card.licence
    assert card.source


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


@every_network()
def test_shape_is_batch_tokens_hidden(encoder):
    tokens = encoder.tokenize(SEQUENCES)
    hidden = encoder(tokens.input_ids, tokens.attention_mask)
    assert hidden.shape == (*tokens.input_ids.shape, encoder.hidden_size)
    assert hidden.dtype == torch.float32


@every_network()
def test_padding_changes_nothing(encoder, device):
    encoder = on(encoder, device)
    together, tolerance = states(encoder, SEQUENCES), state_tolerance(encoder)
    for sequence, row in zip(SEQUENCES, together, strict=True):
        assert_close(row, states(encoder, [sequence])[0], tolerance)


@every_network()
def test_what_stands_in_the_padding_changes_nothing(encoder):
    ids, mask = tokenized(encoder, SEQUENCES)
    noise = torch.where(mask.bool(), ids, 5)
    with torch.no_grad():
        clean, noisy = encoder(ids, mask), encoder(noise, mask)
    assert_close(clean[mask.bool()], noisy[mask.bool()])


@every_network()
def test_order_of_the_batch_changes_nothing(encoder):
    forward, backward = states(encoder, SEQUENCES), states(encoder, SEQUENCES[::-1])
    for left, right in zip(forward, backward[::-1], strict=True):
        assert_close(left, right)


@every_network()
def test_two_runs_are_equal(encoder, device):
    encoder = on(encoder, device)
    for left, right in zip(states(encoder, SEQUENCES), states(encoder, SEQUENCES), strict=True):
        assert torch.equal(left, right)


@every_network()
def test_sequences_differ(encoder):
    # A network that ignored its input would pass all of the above.
    first, second = states(encoder, ["ACGTAC" * 8, "ACGTAC" * 7 + "GGGCCC"])
    assert (first.mean(0) - second.mean(0)).abs().max() > 1e-3


@every_network()
def test_order_of_the_bases_matters(encoder):
    # The same tokens in another order: a network without positions would give the same mean.
    first, second = states(encoder, ["ACGTAC" + "GATTCC" * 3, "GATTCC" * 3 + "ACGTAC"])
    assert (first.mean(0) - second.mean(0)).abs().max() > 1e-3


@every_network()
def test_embeddings_in_place_of_ids_give_the_same(encoder):
    ids, mask = tokenized(encoder, SEQUENCES)
    embeddings = encoder.network.get_input_embeddings()(ids)
    with torch.no_grad():
        assert torch.equal(encoder(ids, mask), encoder(ids, mask, embeddings))


@every_network()
def test_letters_are_read_as_documented(encoder):
    # Lower case as upper case, U as T, other IUPAC letters as N.
    written = states(encoder, ["acguRYSWKMBDHVNacgtac"])[0]
    assert torch.equal(written, states(encoder, ["ACGTNNNNNNNNNNNACGTAC"])[0])


@every_network()
@pytest.mark.parametrize("sequence", ["", "A", "N"])
def test_shortest_sequences_give_finite_states(encoder, sequence):
    for row in (states(encoder, [sequence])[0], states(encoder, [SEQUENCES[0], sequence])[1]):
        assert len(row) >= len(sequence)
        assert torch.isfinite(row).all()


@every_network(lambda name: find_card(name).family in LONG_RANGE)
def test_ten_thousand_bases(encoder):
    # tiny-hyena: test_tiny.py, up to its limit.
    tokens = encoder.tokenize(["ACGTTGCATG" * 1000])
    with torch.no_grad():
        hidden = encoder(tokens.input_ids, tokens.attention_mask)
    length = 10_000 + int(tokens.special_tokens_mask.sum())
    assert hidden.shape == (1, length, encoder.hidden_size)
    assert torch.isfinite(hidden).all()


@every_network()
def test_layers_are_numbered_from_the_embedding_to_the_last_state(encoder, device):
    encoder = on(encoder, device)
    ids, mask = tokenized(encoder, SEQUENCES)
    numbers = range(encoder.depth + 1)
    with torch.no_grad():
        last = encoder(ids, mask)
        layers = encoder.layer_states(ids, mask, numbers)
        from_the_end = encoder.layer_states(ids, mask, range(-len(numbers), 0))
        again = encoder.layer_states(ids, mask, (0, -1, 0))
    assert encoder.depth >= 1
    assert all(layer.shape == (*ids.shape, encoder.hidden_size) for layer in layers)
    kept = [layer[mask.bool()] for layer in layers]
    assert torch.equal(kept[-1], last[mask.bool()])
    for layer, same in zip(kept, from_the_end, strict=True):
        assert torch.equal(layer, same[mask.bool()])
    for asked, number in zip(again, (0, -1, 0), strict=True):
        assert torch.equal(asked[mask.bool()], kept[number])
    for left in numbers:
        for right in numbers[left + 1 :]:
            assert (kept[left] - kept[right]).abs().max() > 1e-4


@every_network()
def test_a_layer_that_is_not_there_is_told(encoder):
    ids, mask = tokenized(encoder, SEQUENCES[:1])
    for layer in (encoder.depth + 1, -encoder.depth - 2):
        with pytest.raises(ValueError, match=f"layer {layer}: '{encoder.name}' has hidden states"):
            encoder.layer_states(ids, mask, (0, layer))


def assert_padding_changes_no_layer(encoder, tolerance):
    numbers = range(encoder.depth + 1)
    ids, mask = tokenized(encoder, SEQUENCES)
    with torch.no_grad():
        together = encoder.layer_states(ids, mask, numbers)
        for row, sequence in enumerate(SEQUENCES):
            alone = encoder.layer_states(*tokenized(encoder, [sequence]), numbers)
            for padded, state in zip(together, alone, strict=True):
                assert_close(padded[row][mask[row].bool()], state[0], tolerance)


@every_network()
def test_padding_changes_no_layer(encoder, device):
    assert_padding_changes_no_layer(on(encoder, device), state_tolerance(encoder))


@every_network()
def test_padding_changes_no_layer_in_float64(encoder):
    """Where rounding hides nothing that is larger than itself."""
    assert_padding_changes_no_layer(in_float64(encoder), CLOSE_IN_FLOAT64)


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


@features
def test_features_have_one_row_per_sequence(name):
    encoder = load_encoder(name, max_bases=70)
    assert isinstance(encoder, FeatureEncoder)
    values = encoder.features(SEQUENCES)
    assert values.shape == (len(SEQUENCES), encoder.hidden_size)
    assert values.dtype == np.float32
    assert np.isfinite(values).all()
    assert encoder.features([]).shape == (0, encoder.hidden_size)


@features
def test_a_row_of_features_does_not_depend_on_the_others(name):
    encoder = load_encoder(name, max_bases=70)
    together = encoder.features(SEQUENCES)
    for row, sequence in zip(together, SEQUENCES, strict=True):
        np.testing.assert_array_equal(row, encoder.features([sequence])[0])


@features
def test_features_read_letters_as_documented(name):
    encoder = load_encoder(name, max_bases=12)
    left, right = encoder.features(["acguRyNACGTA"]), encoder.features(["ACGTNNNACGTA"])
    np.testing.assert_array_equal(left, right)


@features
@pytest.mark.parametrize("weights", ["random", "some/folder"])
def test_features_have_no_weights_to_load(name, weights):
    with pytest.raises(UserError, match=f"'{name}'.*no weights"):
        load_encoder(name, weights=weights, max_bases=10)


@features
def test_features_have_a_fingerprint(name):
    encoder = load_encoder(name, max_bases=10)
    assert encoder.fingerprint.startswith(f"{name}:")
    assert dataclasses.is_dataclass(encoder)


@every_name
def test_fingerprint_names_the_encoder(name, weights):
    encoder = load_encoder(name, weights=weights(name))
    assert encoder.fingerprint.startswith(f"{name}:")
    assert isinstance(encoder, Encoder)
    assert dataclasses.is_dataclass(encoder)
