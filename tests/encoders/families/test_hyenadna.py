"""HyenaDNA: the published layout, the published numbers, and what only this network promises."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from engine.basics.errors import UserError
from engine.encoders import cards, load_encoder
from engine.encoders.families.hyenadna import SIZES, published_config
from engine.encoders.networks.hyenadna import HyenaDna
from engine.testing.rounding import CLOSE_IN_FLOAT64, in_float64
from tests.encoders.small_hyena_mamba import HYENADNA, write_hyenadna

NAME = "hyenadna-160k"
SEQUENCE = "AGTCANAATGC"

# Hidden states of the published code (HazyResearch/hyena-dna, standalone_hyenadna.py, on a CPU)
# with the weights of `write_hyenadna`, for SEQUENCE and its end token: first, middle and last
# position, four channels.
PUBLISHED = [
    [-0.73339, -2.0304, 1.04892, -0.75658],
    [-1.31985, -1.49204, 1.2606, -1.20055],
    [-0.59347, -0.61745, -0.15984, -0.12028],
]


@pytest.fixture
def folder(tmp_path):
    write_hyenadna(tmp_path)
    return tmp_path


def states(encoder, sequences):
    tokens = encoder.tokenize(sequences)
    with torch.no_grad():
        return encoder(tokens.input_ids, tokens.attention_mask)


def assert_close(left, right, tolerance=1e-5):
    torch.testing.assert_close(left, right, atol=tolerance, rtol=tolerance)


def change(folder, edit):
    """Edit the tensors of a folder."""
    tensors = load_file(folder / "model.safetensors")
    edit(tensors)
    save_file(tensors, folder / "model.safetensors")


def test_states_are_those_of_the_published_code(folder):
    hidden = states(load_encoder(NAME, weights=folder), [SEQUENCE])
    assert_close(hidden[0, [0, 6, -1], :4], torch.tensor(PUBLISHED), 1e-4)


def test_ids_are_the_published_ones():
    # Seven special tokens, then A, C, G, T, N; an end token; padding (id 4), here on the right.
    tokens = load_encoder(NAME, weights="random").tokenize(["ACGTN", "acguR", "A"])
    ids = [[7, 8, 9, 10, 11, 1], [7, 8, 9, 10, 11, 1], [7, 1, 4, 4, 4, 4]]
    assert tokens.input_ids.tolist() == ids
    assert tokens.attention_mask.tolist() == [[1] * 6, [1] * 6, [1, 1, 0, 0, 0, 0]]
    assert tokens.special_tokens_mask.tolist() == [[0] * 5 + [1]] * 2 + [[0, 1, 1, 1, 1, 1]]


@pytest.mark.parametrize("name", SIZES)
def test_card_counts_the_parameters_of_the_published_sizes(name):
    with torch.device("meta"):
        network = HyenaDna(published_config(name))
    card = cards()[name]
    assert sum(p.numel() for p in network.parameters()) == card.parameters
    assert published_config(name).max_seq_len == card.max_tokens
    assert published_config(name).d_model == card.hidden_size


def test_random_weights_follow_the_seed():
    one, same, other = (
        load_encoder("hyenadna-tiny-1k", weights="random", seed=s) for s in (1, 1, 2)
    )
    assert one.fingerprint == same.fingerprint != other.fingerprint


def test_parameters_are_those_of_the_published_file():
    # model.safetensors of the 160k model has 57 MB: four bytes for each parameter, for the head's
    # 16 x 256, and in each of 8 layers for 6 values at 160,002 positions and 256 decays.
    values = cards()[NAME].parameters + 16 * 256 + 8 * (6 * 160_002 + 256)
    assert values * 4 / 1e6 == pytest.approx(57, abs=0.5)


def test_a_later_base_cannot_change_an_earlier_state(folder):
    encoder = in_float64(load_encoder(NAME, weights=folder))
    first, second = states(encoder, ["ACGTTGCATG" * 6, "ACGTTGCATG" * 4 + "G" * 20])
    assert_close(first[:40], second[:40], CLOSE_IN_FLOAT64)
    assert (first[-1] - second[-1]).abs().max() > 1e-3


def test_filters_stay_in_full_precision(folder):
    # In bfloat16 the positions 10,000 to 10,060 would be one number.
    full, half = (load_encoder(NAME, weights=folder, dtype=d) for d in ("float32", "bfloat16"))
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        left, right = (e.network.layers[0].mixer.filter_fn(16_000) for e in (full, half))
    assert torch.equal(left, right)
    assert len(right[10_000:10_060, 0].unique()) == 60


def test_pickled_tensors_load_too(folder):
    encoder = load_encoder(NAME, weights=folder)
    tensors = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    torch.save(tensors, folder / "pytorch_model.bin")
    assert load_encoder(NAME, weights=folder).fingerprint == encoder.fingerprint


def test_the_sine_of_a_filter_has_any_of_its_names(folder):
    encoder = load_encoder(NAME, weights=folder)
    change(
        folder,
        lambda tensors: [
            tensors.update({name.replace(".1.freq", ".5.freq"): tensors.pop(name)})
            for name in list(tensors)
            if name.endswith(".1.freq")
        ],
    )
    assert load_encoder(NAME, weights=folder).fingerprint == encoder.fingerprint


POSITIONS = "hyena.backbone.layers.0.mixer.filter_fn.pos_emb.z"
SINE = "hyena.backbone.layers.0.mixer.filter_fn.implicit_filter.1.freq"


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        (lambda t: t.pop("hyena.backbone.ln_f.bias"), r"missing \['ln_f.bias'\]"),
        (lambda t: t.update(extra=torch.zeros(1)), r"unexpected \['extra'\]"),
        (lambda t: t.update({"hyena.backbone.ln_f.bias": torch.zeros(5)}), "shape"),
        (lambda t: t[POSITIONS].add_(3e-4), f"'{POSITIONS}' is not the positional encoding"),
        (lambda t: t.update({POSITIONS: t[POSITIONS][:, 1:]}), "is not the positional encoding"),
        (lambda t: t.update({SINE.replace("1.freq", "3.freq"): t[SINE] + 1}), "3.freq' differs"),
    ],
)
def test_weights_that_do_not_fit_are_told(folder, edit, told):
    change(folder, edit)
    with pytest.raises(UserError, match=told) as error:
        load_encoder(NAME, weights=folder)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("d_model", None, "key 'd_model' is None"),
        ("n_layer", "two", "key 'n_layer' is 'two'"),
        ("max_seq_len", True, "key 'max_seq_len' is True"),
        ("vocab_size", 11, "token 'N' has no row in the network"),
        ("hyena_order", 3, "only 2 is supported"),
    ],
)
def test_a_configuration_that_is_not_known_is_told(folder, key, value, told):
    (folder / "config.json").write_text(json.dumps({**HYENADNA, key: value}))
    with pytest.raises(UserError, match=told):
        load_encoder(NAME, weights=folder)
