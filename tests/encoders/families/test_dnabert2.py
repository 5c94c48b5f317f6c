"""DNABERT-2 and DNABERT-S: the published layout, ALiBi, and what the tokenizer makes of letters."""

import json
import math

import pytest
import torch
from safetensors.torch import load_file, save_file

from engine.basics.errors import UserError
from engine.encoders import find_card, load_encoder
from engine.encoders.families.dnabert2 import PUBLISHED, network_config, own_name
from engine.encoders.networks.mosaicbert import MosaicBert
from engine.encoders.tokenizers.published import stand_in
from engine.testing.networks import states
from tests.encoders.contract import follows_the_seed
from tests.encoders.networks.packed import PACKED, double
from tests.encoders.small import DNABERT2, SMALL, SPECIAL, dnabert2_shapes, tensors

NAMES = ("dnabert2", "dnabert-s")
names = pytest.mark.parametrize("name", NAMES)


@pytest.fixture
def folder(tmp_path):
    SMALL["dnabert2"](tmp_path)
    return tmp_path


@pytest.fixture(scope="module", params=NAMES)
def encoder(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    SMALL[request.param](folder)
    return load_encoder(request.param, weights=folder)


def reference(state, ids):
    """Hidden states of one sequence by loops over heads, straight from the two papers' formulas."""
    size, heads = DNABERT2["hidden_size"], DNABERT2["num_attention_heads"]
    width, length = size // heads, len(ids)

    def norm(x, name):
        centred = x - x.mean(-1, keepdim=True)
        variance = centred.pow(2).mean(-1, keepdim=True)
        return centred / (variance + 1e-12).sqrt() * state[f"{name}.weight"] + state[f"{name}.bias"]

    words = state["bert.embeddings.word_embeddings.weight"][ids]
    types = state["bert.embeddings.token_type_embeddings.weight"][0]
    hidden = norm(words + types, "bert.embeddings.LayerNorm")
    # Six heads: four slopes of the rule for four, then every second one of the rule for eight.
    slope = [2**-2, 2**-4, 2**-6, 2**-8, 2**-1, 2**-3]
    distance = torch.tensor([[abs(i - j) for j in range(length)] for i in range(length)])
    for layer in range(DNABERT2["num_hidden_layers"]):
        at = f"bert.encoder.layer.{layer}"
        qkv = hidden @ state[f"{at}.attention.self.Wqkv.weight"].T
        qkv = qkv + state[f"{at}.attention.self.Wqkv.bias"]
        mixed = []
        for head in range(heads):
            part = slice(head * width, (head + 1) * width)
            query, key, value = (qkv[:, n * size : (n + 1) * size][:, part] for n in range(3))
            scores = query @ key.T / math.sqrt(width) - slope[head] * distance
            mixed.append(scores.softmax(-1) @ value)
        out = torch.cat(mixed, -1) @ state[f"{at}.attention.output.dense.weight"].T
        out = out + state[f"{at}.attention.output.dense.bias"]
        hidden = norm(out + hidden, f"{at}.attention.output.LayerNorm")
        gate, value = (hidden @ state[f"{at}.mlp.gated_layers.weight"].T).chunk(2, -1)
        gate = gate * (1 + torch.erf(gate / math.sqrt(2))) / 2
        out = (gate * value) @ state[f"{at}.mlp.wo.weight"].T + state[f"{at}.mlp.wo.bias"]
        hidden = norm(out + hidden, f"{at}.mlp.layernorm")
    return hidden


def test_hidden_states_are_those_of_the_papers_formulas(encoder):
    # One is padded: its states must be those of the sequence alone.
    sequences = ["ACGTTTAGATTCCCATGACGT" * 3, "TTACC"]
    state = {name: t.double() for name, t in tensors(dnabert2_shapes(DNABERT2)).items()}
    ids = encoder.tokenize(sequences)
    for row, found in enumerate(states(encoder, sequences)):
        expected = reference(state, ids.input_ids[row][ids.attention_mask[row].bool()])
        torch.testing.assert_close(found.double(), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("claim", PACKED, ids=lambda claim: claim.__name__)
def test_packing(encoder, claim):
    claim(double(encoder))


def test_tokens_are_merged_as_the_file_says(encoder):
    # Ids after 5 special tokens: A C G T, then the merges; ACGT is AC + GT, id 11.
    batch = encoder.tokenize(["ACGTTTA", "NAn"])
    assert batch.input_ids.tolist() == [[1, 11, 13, 2, 3], [1, 0, 5, 0, 2]]
    assert batch.attention_mask.tolist() == [[1, 1, 1, 1, 0], [1, 1, 1, 1, 1]]
    assert batch.special_tokens_mask.tolist() == [[1, 0, 0, 1, 1], [1, 0, 0, 0, 1]]


def test_letters_are_read_as_documented(encoder):
    tokenizer = encoder.tokenizer
    left, right = tokenizer(["acguRYSWKMBDHVNacgtac"]), tokenizer(["ACGTNNNNNNNNNNNACGTAC"])
    assert torch.equal(left.input_ids, right.input_ids)
    with pytest.raises(UserError, match="sequence 1 of the batch has 'X'"):
        tokenizer(["ACGT", "AXGT"])
    assert tokenizer([]).input_ids.shape == (0, 0)


def test_fingerprint_follows_the_vocabulary(folder):
    before = load_encoder("dnabert2", weights=folder)
    text = (folder / "tokenizer.json").read_text()
    (folder / "tokenizer.json").write_text(text.replace('"[MASK]"', '"[MSK]"'))
    after = load_encoder("dnabert2", weights=folder)
    assert before.weights_hash == after.weights_hash
    assert before.fingerprint != after.fingerprint != stand_in(SPECIAL).fingerprint


def test_saved_and_loaded_is_the_same(folder, tmp_path):
    saved = load_encoder("dnabert2", weights=folder)
    save_file(saved.network.state_dict(), folder / "model.safetensors")
    assert load_encoder("dnabert2", weights=folder).fingerprint == saved.fingerprint


@pytest.mark.parametrize("name", ["bert.encoder.layer.1.mlp.wo.bias", "bert.embeddings.extra"])
def test_a_missing_or_unexpected_tensor_is_one_line(folder, name):
    state = load_file(folder / "model.safetensors")
    state = (
        {n: t for n, t in state.items() if n != name}
        if name in state
        else state | {name: torch.zeros(1)}
    )
    save_file(state, folder / "model.safetensors")
    with pytest.raises(UserError, match=name.removeprefix("bert.")) as told:
        load_encoder("dnabert2", weights=folder)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("key", list(PUBLISHED))
def test_a_configuration_without_a_size_is_told(folder, key):
    config = {k: v for k, v in DNABERT2.items() if k != key}
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(UserError, match=f"config.json: key '{key}' is None"):
        load_encoder("dnabert2", weights=folder)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "no such file"),
        ("{", "not a tokenizer file"),
        ("{}", "not a tokenizer file"),
        ("", "not a tokenizer file"),
        ('{"model": {"vocab": {}}}', "not a tokenizer file"),
    ],
)
def test_a_missing_or_damaged_tokenizer_is_told(folder, text, message):
    path = folder / "tokenizer.json"
    path.unlink() if text is None else path.write_text(text)
    with pytest.raises(UserError, match=message) as told:
        load_encoder("dnabert2", weights=folder)
    assert "\n" not in str(told.value)


def change_tokenizer(folder, edit):
    path = folder / "tokenizer.json"
    settings = json.loads(path.read_text())
    edit(settings)
    path.write_text(json.dumps(settings))


def test_merges_are_never_left_out_by_chance(folder):
    sequence = "ACGTTGCAACGT" * 5
    expected = load_encoder("dnabert2", weights=folder).tokenize([sequence]).input_ids
    change_tokenizer(folder, lambda settings: settings["model"].update(dropout=0.5))
    encoder = load_encoder("dnabert2", weights=folder)
    for _ in range(5):
        assert torch.equal(encoder.tokenize([sequence]).input_ids, expected)


def test_a_tokenizer_without_the_summary_token_is_told(folder):
    change_tokenizer(folder, lambda settings: settings.update(post_processor=None))
    with pytest.raises(UserError, match="adds no token before a sequence, which would be the summ"):
        load_encoder("dnabert2", weights=folder)


def test_a_token_that_the_network_has_no_row_for_is_told(folder):
    change_tokenizer(folder, lambda settings: settings["model"]["vocab"].update(GATT=32))
    with pytest.raises(UserError, match=r"json: token 'GATT' has no row in the network \(1 have"):
        load_encoder("dnabert2", weights=folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"num_attention_heads": 5}, "is 5, which does not divide 'hidden_size', 48"),
        ({"num_attention_heads": True}, "is True, not a whole number above 0"),
        ({"hidden_size": 48.5}, "is 48.5, not a whole number above 0"),
        ({"layer_norm_eps": -1}, "is -1, not a number above 0"),
    ],
)
def test_an_odd_size_is_told(folder, change, message):
    (folder / "config.json").write_text(json.dumps(DNABERT2 | change))
    with pytest.raises(UserError, match=f"config.json: key '{next(iter(change))}' {message}"):
        load_encoder("dnabert2", weights=folder)


@pytest.mark.slow
@names
def test_published_size_has_the_published_tensors_and_count(name):
    # 117M: Zhou et al. 2024, table 1, and the model's name. Weights of the decoder are tied.
    shapes = dnabert2_shapes(PUBLISHED)
    with torch.device("meta"):
        network = MosaicBert(network_config(PUBLISHED, "here"))
    own = {n: tuple(t.shape) for n, t in network.state_dict().items()}
    assert own == {n: shape for p, shape in shapes.items() if (n := own_name(p)) is not None}
    assert sum(p.numel() for p in network.parameters()) == find_card(name).parameters
    with_heads = sum(math.prod(s) for n, s in shapes.items() if "decoder.weight" not in n)
    assert with_heads == pytest.approx(117e6, rel=0.01)


@pytest.mark.slow
@names
def test_random_weights_follow_the_seed(name, monkeypatch):
    monkeypatch.setitem(PUBLISHED, "num_hidden_layers", 1)
    follows_the_seed(name)


@pytest.mark.slow
@names
def test_random_weights_of_the_published_size_run(name):
    first = load_encoder(name, weights="random", seed=1)
    assert first.max_tokens == find_card(name).max_tokens
    assert torch.isfinite(torch.cat(states(first, ["ACGTN" * 20, "", "N"]))).all()
