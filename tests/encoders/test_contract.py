"""What every encoder owes, whichever file it came from."""

import copy
import dataclasses
import subprocess
import sys

import numpy as np
import pytest
import torch
from peft import LoraConfig, inject_adapter_in_model

from engine.encoders import Encoder, FeatureEncoder, cards, find_card, load_encoder
from engine.encoders.checkpoint import state_hash
from engine.errors import UserError
from tests.encoders import small, small_hyena_mamba

SMALL = small.SMALL | small_hyena_mamba.SMALL
NETWORKS = [name for name, card in cards().items() if card.kind == "network"]
FEATURES = [name for name, card in cards().items() if card.kind == "features"]


def _one_per_family() -> list:
    """Every network; all but the first of a family in the slow step, for they share its code."""
    seen, marked = set(), []
    for name in NETWORKS:
        family = find_card(name).family if find_card(name).hub else name
        marked.append(pytest.param(name, marks=pytest.mark.slow) if family in seen else name)
        seen.add(family)
    return marked


networks = pytest.mark.parametrize("name", _one_per_family())
features = pytest.mark.parametrize("name", FEATURES)
shipped = pytest.mark.parametrize("name", [n for n in NETWORKS if not find_card(n).hub])

SEQUENCES = [
    "ACGTACGTTGCAAGCTTGCATGCCTGCAGGTCGACTCTAGAGGATCCCCGGGTACCGAGC",
    "TTGACA",
    "GGGCGGCGACCTCGCGGGTTTTCGCTATTNATGAAAATTTTCC",
    "CCACACCACACCCACACACCCACACACCACACCACACACCACACCACACCCACACACACACATCCTAACA",
]


@pytest.fixture(scope="session")
def weights(tmp_path_factory):
    """Weights of a card by name: a small folder of its published layout, else random ones."""

    def of(name):
        if not find_card(name).hub:
            return "random"
        folder = tmp_path_factory.getbasetemp() / "small" / name
        if not folder.exists():
            SMALL[name](folder)
        return folder

    return of


@pytest.fixture(scope="module")
def encoder(request, weights):
    """The network of a card; tests that change it take a copy."""
    return load_encoder(request.param, weights=weights(request.param))


networks_loaded = pytest.mark.parametrize("encoder", _one_per_family(), indirect=True)


def states(encoder, sequences):
    """Hidden states of the tokens of each sequence, run as one batch."""
    tokens = encoder.tokenize(sequences)
    with torch.no_grad():
        hidden = encoder(tokens.input_ids, tokens.attention_mask)
    return [row[mask.bool()] for row, mask in zip(hidden, tokens.attention_mask, strict=True)]


def assert_close(left, right, tolerance=1e-5):
    torch.testing.assert_close(left, right, atol=tolerance, rtol=tolerance)


def test_the_registry_is_light():
    # Names must be told at once, so finding every card may not import torch.
    code = "import sys, engine.encoders as e; e.cards(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("name", list(cards()))
def test_a_card_says_what_it_is(name):
    card = find_card(name)
    assert card.name == name
    assert card.kind in ("network", "features")
    assert card.poolings
    assert card.tokens
    assert card.licence
    assert card.source


@shipped
def test_card_states_the_sizes(name):
    # Published cards: each family's test of the published size.
    card, encoder = find_card(name), load_encoder(name, weights="random")
    assert sum(p.numel() for p in encoder.network.parameters()) == card.parameters
    assert encoder.hidden_size == card.hidden_size
    assert encoder.max_tokens == card.max_tokens
    assert ("summary" in card.poolings) == (encoder.summary_index is not None)


@networks_loaded
def test_shape_is_batch_tokens_hidden(encoder):
    tokens = encoder.tokenize(SEQUENCES)
    hidden = encoder(tokens.input_ids, tokens.attention_mask)
    assert hidden.shape == (*tokens.input_ids.shape, encoder.hidden_size)
    assert hidden.dtype == torch.float32


@networks_loaded
def test_padding_changes_nothing(encoder):
    together = states(encoder, SEQUENCES)
    for sequence, row in zip(SEQUENCES, together, strict=True):
        assert_close(row, states(encoder, [sequence])[0])


@networks_loaded
def test_what_stands_in_the_padding_changes_nothing(encoder):
    tokens = encoder.tokenize(SEQUENCES)
    noise = torch.where(tokens.attention_mask.bool(), tokens.input_ids, 5)
    with torch.no_grad():
        clean = encoder(tokens.input_ids, tokens.attention_mask)
        noisy = encoder(noise, tokens.attention_mask)
    mask = tokens.attention_mask.bool()
    assert_close(clean[mask], noisy[mask])


@networks_loaded
def test_order_of_the_batch_changes_nothing(encoder):
    forward, backward = states(encoder, SEQUENCES), states(encoder, SEQUENCES[::-1])
    for left, right in zip(forward, backward[::-1], strict=True):
        assert_close(left, right)


@networks_loaded
def test_two_runs_are_equal(encoder):
    for left, right in zip(states(encoder, SEQUENCES), states(encoder, SEQUENCES), strict=True):
        assert torch.equal(left, right)


@networks_loaded
def test_sequences_differ(encoder):
    # A network that ignored its input would pass all of the above.
    first, second = states(encoder, ["ACGTAC" * 8, "ACGTAC" * 7 + "GGGCCC"])
    assert (first.mean(0) - second.mean(0)).abs().max() > 1e-3


@networks
def test_bfloat16_is_close_to_float32(name, weights):
    full = states(load_encoder(name, weights=weights(name)), SEQUENCES)
    half = states(load_encoder(name, weights=weights(name), dtype="bfloat16"), SEQUENCES)
    for left, right in zip(full, half, strict=True):
        assert right.dtype == torch.bfloat16
        assert torch.cosine_similarity(left, right.float(), dim=-1).min() > 0.99


@shipped
def test_random_weights_follow_the_seed(name):
    torch.manual_seed(99)
    before = torch.get_rng_state()
    one, same = (load_encoder(name, weights="random", seed=1) for _ in range(2))
    assert torch.equal(before, torch.get_rng_state())
    other = load_encoder(name, weights="random", seed=2)
    assert one.weights_hash == same.weights_hash == state_hash(one.network)
    assert one.fingerprint == same.fingerprint != other.fingerprint
    assert one.weights_hash != other.weights_hash


@networks_loaded
def test_embeddings_in_place_of_ids_give_the_same(encoder):
    tokens = encoder.tokenize(SEQUENCES)
    embeddings = encoder.network.get_input_embeddings()(tokens.input_ids)
    with torch.no_grad():
        ids = encoder(tokens.input_ids, tokens.attention_mask)
        embedded = encoder(tokens.input_ids, tokens.attention_mask, embeddings)
    assert torch.equal(ids, embedded)


@networks_loaded
def test_letters_are_read_as_documented(encoder):
    # Lower case as upper case, U as T, other IUPAC letters as N.
    written = states(encoder, ["acguRYSWKMBDHVNacgtac"])[0]
    assert torch.equal(written, states(encoder, ["ACGTNNNNNNNNNNNACGTAC"])[0])


@networks_loaded
@pytest.mark.parametrize("sequence", ["", "A", "N"])
def test_shortest_sequences_give_finite_states(encoder, sequence):
    for row in (states(encoder, [sequence])[0], states(encoder, [SEQUENCES[0], sequence])[1]):
        assert len(row) >= len(sequence)
        assert torch.isfinite(row).all()


@networks_loaded
def test_every_adapter_gets_a_gradient(encoder):
    # A fused kernel that reads `.weight` would bypass an adapter without any error.
    network = copy.deepcopy(encoder.network)
    wanted = [
        name
        for name, module in network.named_modules()
        if isinstance(module, torch.nn.Linear) and name.split(".")[-1] in encoder.adapter_targets
    ]
    inject_adapter_in_model(LoraConfig(r=4, target_modules=list(encoder.adapter_targets)), network)
    adapters = {n: p for n, p in network.named_parameters() if p.requires_grad}
    assert len(adapters) == 2 * len(wanted) > 0
    tokens = encoder.tokenize(SEQUENCES)
    optimizer = torch.optim.SGD(adapters.values(), lr=1.0)

    def backward():
        optimizer.zero_grad()
        network(tokens.input_ids, tokens.attention_mask).mean(1).pow(2).sum().backward()
        return {name: float(p.grad.abs().max()) for name, p in adapters.items()}

    first = backward()
    assert all(first[name] > 0 for name in first if "lora_B" in name)
    optimizer.step()
    # B starts at zero and hides A; after one step both are seen.
    assert all(gradient > 0 for gradient in backward().values())


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


@pytest.mark.parametrize("name", list(cards()))
def test_fingerprint_names_the_encoder(name, weights):
    given = weights(name) if name in NETWORKS else "hub"
    encoder = load_encoder(name, weights=given, max_bases=10)
    assert encoder.fingerprint.startswith(f"{name}:")
    assert isinstance(encoder, Encoder if name in NETWORKS else FeatureEncoder)
    assert dataclasses.is_dataclass(encoder)
