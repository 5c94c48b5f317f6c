"""Nucleotide Transformer: the published layout and vocabulary, and stock ESM as the reference."""

import json
import math

import pytest
import torch
from safetensors.torch import load_file, save_file

from engine.basics.errors import UserError
from engine.encoders import find_card, load_encoder
from engine.encoders.families.nucleotide_transformer import (
    PUBLISHED,
    network_config,
    own_name,
    vocabulary,
)
from engine.encoders.networks.esm import Esm
from engine.testing.networks import states
from tests.encoders.contract import follows_the_seed
from tests.encoders.networks.packed import PACKED, double
from tests.encoders.small import NT_V1, NT_V2, SMALL, nt_shapes, tensors

FIRST, SECOND = "nt-500m-human-ref", "nt-v2-50m"
CONFIGS = {FIRST: NT_V1, SECOND: NT_V2}
both = pytest.mark.parametrize("name", [FIRST, SECOND])
published = pytest.mark.parametrize("name", list(PUBLISHED))


@pytest.fixture(scope="module", params=[FIRST, SECOND])
def encoder(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    SMALL[request.param](folder)
    return load_encoder(request.param, weights=folder)


@pytest.mark.parametrize("claim", PACKED, ids=lambda claim: claim.__name__)
def test_packing(encoder, claim):
    claim(double(encoder))


class GatedIntermediate(torch.nn.Module):
    """The MLP's first half of the second generation, which stock ESM lacks."""

    def __init__(self, size, mlp):
        super().__init__()
        self.dense = torch.nn.Linear(size, 2 * mlp, bias=False)

    def forward(self, hidden):
        left, right = self.dense(hidden).split(self.dense.out_features // 2, dim=-1)
        return left * left.sigmoid() * right


def stock(config):
    """The ESM of transformers with the small published weights."""
    from transformers import EsmConfig, EsmModel

    with torch.random.fork_rng(devices=[]):
        network = EsmModel(
            EsmConfig(**config, attn_implementation="eager", emb_layer_norm_before=False),
            add_pooling_layer=False,
        )
        for layer in network.encoder.layer if "add_bias_fnn" in config else ():
            size, mlp = config["hidden_size"], config["intermediate_size"]
            layer.intermediate = GatedIntermediate(size, mlp)
            layer.output.dense = torch.nn.Linear(mlp, size, bias=False)
    weights = tensors(nt_shapes(config))
    own = {f"esm.{name}" for name in network.state_dict() if not name.endswith("inv_freq")}
    given = {n.removeprefix("esm."): t for n, t in weights.items() if n in own}
    missing, unexpected = network.load_state_dict(given, strict=False)
    assert not unexpected
    assert all(name.endswith("inv_freq") for name in missing)
    return network.eval()


def test_hidden_states_are_those_of_stock_esm(encoder):
    # Padded rows too; the first generation is stock ESM as it is.
    network = stock(CONFIGS[encoder.name])
    batch = encoder.tokenize(["ACGTTTAGATTCCCATGACGT" * 5, "TTACC", "ACGNNTTGATTC"])
    with torch.no_grad():
        expected = network(
            input_ids=batch.input_ids, attention_mask=batch.attention_mask
        ).last_hidden_state
        found = encoder(batch.input_ids, batch.attention_mask)
    tokens = batch.attention_mask.bool()
    torch.testing.assert_close(found[tokens], expected[tokens], atol=1e-5, rtol=1e-5)


def test_ids_of_the_second_generation_by_hand():
    # Special tokens, AAAAAA = 6, base four in the order A T C G, then the bases and N.
    words = vocabulary(4107)
    assert len(words) == 4107
    assert words[:7] == ("<unk>", "<pad>", "<mask>", "<cls>", "<eos>", "<bos>", "AAAAAA")
    assert words[7] == "AAAAAT"
    assert words[6 + 4095] == "GGGGGG"
    assert words[-5:] == ("A", "T", "C", "G", "N")


def test_ids_of_the_first_generation_by_hand():
    # As the published vocab.txt: <cls> is 3, AAAAAA is 4, A is 4100.
    words = vocabulary(4105)
    assert len(words) == 4105
    assert words[:5] == ("<unk>", "<pad>", "<mask>", "<cls>", "AAAAAA")
    assert words[4100:] == ("A", "T", "C", "G", "N")


@both
def test_shipped_rule_and_vocabulary_file_are_one(name, tmp_path):
    SMALL[name](tmp_path)
    size = CONFIGS[name]["vocab_size"]
    assert tuple((tmp_path / "vocab.txt").read_text().split("\n")) == vocabulary(size)


def test_tokens_fall_back_to_bases_around_n_and_at_the_tail(encoder):
    # The example of the published tokenizer's documentation, for 6-mers.
    words = vocabulary(CONFIGS[encoder.name]["vocab_size"])
    batch = encoder.tokenize(["ATCGAATNGGCGATGCAC", "A"])
    first = [words[i] for i in batch.input_ids[0]]
    assert first == ["<cls>", "ATCGAA", "T", "N", "GGCGAT", "G", "C", "A", "C"]
    assert [words[i] for i in batch.input_ids[1]] == ["<cls>", "A"] + ["<pad>"] * 7
    assert batch.special_tokens_mask[1].tolist() == [1, 0] + [1] * 7


def test_letters_are_read_as_documented(encoder):
    tokenizer = encoder.tokenizer
    left, right = tokenizer(["acguRYSWKMBDHVNacgtac"]), tokenizer(["ACGTNNNNNNNNNNNACGTAC"])
    assert torch.equal(left.input_ids, right.input_ids)
    with pytest.raises(UserError, match="sequence 0 of the batch has 'X'"):
        tokenizer(["AXGT"])
    assert tokenizer([]).input_ids.shape == (0, 0)


def test_more_tokens_than_learned_positions_are_told(tmp_path):
    SMALL[FIRST](tmp_path)
    encoder = load_encoder(FIRST, weights=tmp_path)
    assert encoder.max_tokens == 100
    assert len(states(encoder, ["N" * 99])[0]) == 100
    with pytest.raises(UserError, match="101 tokens and the encoder has positions for 100"):
        states(encoder, ["N" * 100])


def test_saved_and_loaded_is_the_same(encoder, tmp_path):
    SMALL[encoder.name](tmp_path)
    save_file(encoder.network.state_dict(), tmp_path / "model.safetensors")
    assert load_encoder(encoder.name, weights=tmp_path).fingerprint == encoder.fingerprint


@both
def test_pickled_tensors_load_too(name, tmp_path):
    SMALL[name](tmp_path)
    whole = load_encoder(name, weights=tmp_path)
    torch.save(load_file(tmp_path / "model.safetensors"), tmp_path / "pytorch_model.bin")
    (tmp_path / "model.safetensors").unlink()
    assert load_encoder(name, weights=tmp_path).fingerprint == whole.fingerprint


@both
@pytest.mark.parametrize("tensor", ["encoder.layer.1.output.dense.weight", "encoder.extra"])
def test_a_missing_or_unexpected_tensor_is_one_line(name, tensor, tmp_path):
    SMALL[name](tmp_path)
    state = load_file(tmp_path / "model.safetensors")
    if state.pop(f"esm.{tensor}", None) is None:
        state[f"esm.{tensor}"] = torch.zeros(1)
    save_file(state, tmp_path / "model.safetensors")
    with pytest.raises(UserError, match=tensor) as told:
        load_encoder(name, weights=tmp_path)
    assert "\n" not in str(told.value)


def test_the_vocabulary_of_the_other_generation_is_told(tmp_path):
    # All tokens are there, two ids lower.
    SMALL[SECOND](tmp_path)
    (tmp_path / "vocab.txt").write_text("\n".join(vocabulary(4105)))
    with pytest.raises(UserError, match="4105 tokens, but key 'vocab_size' of config"):
        load_encoder(SECOND, weights=tmp_path)


def test_the_first_generation_needs_its_table_of_positions(tmp_path):
    SMALL[FIRST](tmp_path)
    state = load_file(tmp_path / "model.safetensors")
    del state["esm.embeddings.position_embeddings.weight"]
    save_file(state, tmp_path / "model.safetensors")
    with pytest.raises(UserError, match=r"missing \['embeddings.position_embeddings.weight'\]"):
        load_encoder(FIRST, weights=tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"hidden_size": None}, "key 'hidden_size' is None"),
        ({"num_hidden_layers": "two"}, "key 'num_hidden_layers' is 'two'"),
        ({"position_embedding_type": "relative"}, "key 'position_embedding_type' is 'relative'"),
        ({"intermediate_size": 40}, "config.json asks for"),
    ],
)
def test_a_configuration_that_does_not_fit_is_told(change, message, tmp_path):
    SMALL[SECOND](tmp_path)
    (tmp_path / "config.json").write_text(json.dumps(NT_V2 | change))
    with pytest.raises(UserError, match=message):
        load_encoder(SECOND, weights=tmp_path)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda text: None, "no such file"),
        (lambda text: text.replace("GATTCC\n", ""), "no token 'GATTCC'"),
        (lambda text: text + "\nGATTCC", "token 'GATTCC' is there twice"),
    ],
)
def test_a_missing_or_damaged_vocabulary_is_told(edit, message, tmp_path):
    SMALL[SECOND](tmp_path)
    path = tmp_path / "vocab.txt"
    edited = edit(path.read_text())
    path.unlink() if edited is None else path.write_text(edited)
    with pytest.raises(UserError, match=message):
        load_encoder(SECOND, weights=tmp_path)


# Numbers in a published checkpoint. Second generation, 50m: 55.9M as the hub lists it; 250m: its
# pytorch_model.bin has 941 MB. First, 500m: 1.94 GB. AgroNT: 3,965,239,677 bytes. Others: the name.
NUMBERS = {
    "nt-v2-50m": (55.9e6, 0.001),
    "nt-v2-100m": (98e6, 0.005),
    "nt-v2-250m": (941e6 / 4, 0.001),
    "nt-v2-500m": (498e6, 0.001),
    "nt-500m-human-ref": (1.94e9 / 4, 0.002),
    "nt-500m-1000g": (1.94e9 / 4, 0.002),
    "nt-2.5b-1000g": (2.5e9, 0.03),
    "nt-2.5b-multi-species": (2.5e9, 0.03),
    "agro-nt-1b": (3_965_239_677 / 4, 0.001),
}


@pytest.mark.slow
@published
def test_published_size_has_the_published_tensors_and_count(name):
    config, card = PUBLISHED[name], find_card(name)
    shapes = nt_shapes(config)
    with torch.device("meta"):
        network = Esm(network_config(config, "here"))
    rotary = config["position_embedding_type"] == "rotary"
    wanted = {own: s for n, s in shapes.items() if (own := own_name(n, rotary=rotary)) is not None}
    assert {n: tuple(t.shape) for n, t in network.state_dict().items()} == wanted
    assert sum(p.numel() for p in network.parameters()) == card.parameters
    assert card.hidden_size == config["hidden_size"]
    count, tolerance = NUMBERS[name]
    buffers = sum(math.prod(s) for n, s in shapes.items() if n.endswith("inv_freq"))
    total = sum(map(math.prod, shapes.values())) - buffers
    assert total == pytest.approx(count, rel=tolerance)


@pytest.mark.slow
def test_random_weights_follow_the_seed(monkeypatch):
    monkeypatch.setitem(PUBLISHED[SECOND], "num_hidden_layers", 1)
    follows_the_seed(SECOND)


@pytest.mark.slow
def test_random_weights_of_the_published_size_run():
    first = load_encoder(SECOND, weights="random", seed=1)
    assert first.max_tokens == find_card(SECOND).max_tokens == 2048
    assert torch.isfinite(torch.cat(states(first, ["ACGTN" * 20, "", "N"]))).all()
