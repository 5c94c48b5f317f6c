"""GENA-LM against states of the authors' code, ModernGENA against transformers, and the layout."""

import json
import math

import pytest
import torch
from safetensors.torch import save_file

from engine.basics.errors import UserError
from engine.encoders import find_card, load_encoder
from engine.encoders.families.gena import PUBLISHED, network_config, own_name
from engine.encoders.networks.prenorm_bert import PrenormBert
from tests.encoders.contract import follows_the_seed
from tests.encoders.small_gena_gpn import (
    GENA,
    GENA_NORMED,
    MODERNGENA,
    SMALL,
    gena_shapes,
    golden,
    moderngena_shapes,
    waves,
)

PLAIN, NORMED, MODERN = "gena-lm-bert-base-t2t", "gena-lm-bert-base-lastln-t2t", "moderngena-base"
FIRST = [name for name in PUBLISHED if not name.startswith("moderngena")]
SECOND = [name for name in PUBLISHED if name.startswith("moderngena")]
CASES = golden("gena")["cases"]


@pytest.fixture
def folder(tmp_path):
    SMALL[PLAIN](tmp_path)
    return tmp_path


def loaded(name, folder):
    SMALL[name](folder)
    return load_encoder(name, weights=folder)


@pytest.mark.parametrize("name", [PLAIN, NORMED])
def test_hidden_states_are_those_of_the_authors_code(name, tmp_path):
    encoder = loaded(name, tmp_path)
    cases = [case for case in CASES if case["final_norm"] == (name == NORMED)]
    assert len(cases) == 2
    for case in cases:
        ids = torch.tensor([case["ids"]])
        with torch.no_grad():
            found = encoder(ids, torch.ones_like(ids))[0]
        torch.testing.assert_close(found, torch.tensor(case["states"]), atol=2e-5, rtol=1e-5)


@pytest.mark.parametrize("name", [PLAIN, NORMED])
def test_a_padded_batch_has_the_states_of_the_authors_code_for_each_alone(name, tmp_path):
    encoder = loaded(name, tmp_path)
    long, short = (case for case in CASES if case["final_norm"] == (name == NORMED))
    ids = torch.full((2, len(long["ids"])), 3)
    ids[0], ids[1, : len(short["ids"])] = torch.tensor(long["ids"]), torch.tensor(short["ids"])
    with torch.no_grad():
        found = encoder(ids, (ids != 3).long())
    for row, case in enumerate((long, short)):
        expected = torch.tensor(case["states"])
        torch.testing.assert_close(found[row, : len(expected)], expected, atol=2e-5, rtol=1e-5)


def test_moderngena_is_the_modernbert_of_transformers(tmp_path):
    # Bases of the rotation and the pattern of local layers are given here in words of their own.
    from transformers import ModernBertConfig, ModernBertModel

    encoder = loaded(MODERN, tmp_path)
    sizes = ("vocab_size", "hidden_size", "intermediate_size", "num_attention_heads", "norm_eps")
    rotation = {"rope_type": "default", "rope_theta": 10000.0}
    whole, local = "full_attention", "sliding_attention"
    reference = ModernBertModel(
        ModernBertConfig(
            **{key: MODERNGENA[key] for key in sizes},
            num_hidden_layers=4,
            layer_types=[whole, local, local, whole],
            rope_parameters={whole: rotation, local: rotation},
            local_attention=8,
            pad_token_id=3,
            attn_implementation="eager",
        )
    ).eval()
    state = waves(moderngena_shapes(MODERNGENA))
    reference.load_state_dict(
        {n.removeprefix("model."): t for n, t in state.items() if n.startswith("model.")}
    )
    tokens = encoder.tokenize(["ACGTTTAGATTCCCATGACGT" * 3, "TTACC"])
    with torch.no_grad():
        found = encoder(tokens.input_ids, tokens.attention_mask)
        expected = reference(tokens.input_ids, tokens.attention_mask).last_hidden_state
    mask = tokens.attention_mask.bool()
    torch.testing.assert_close(found[mask], expected[mask], atol=1e-5, rtol=1e-5)


def test_tokens_are_merged_as_the_file_says(folder):
    # After 6 special tokens A C G N T, then the merges: TN is id 13, a run of ten N is '-', id 5.
    tokenizer = load_encoder(PLAIN, weights=folder).tokenizer
    batch = tokenizer(["ACTTAN", "tn", "A" + "N" * 10 + "A", "N" * 9])
    assert batch.input_ids.tolist() == [
        [1, 11, 15, 9, 2, *[3] * 6],
        [1, 13, 2, *[3] * 8],
        [1, 6, 5, 6, 2, *[3] * 6],
        [1, *[9] * 9, 2],
    ]
    assert batch.attention_mask.sum(1).tolist() == [5, 3, 5, 11]
    # A run of N stands for bases, so it is no special token.
    assert batch.special_tokens_mask[2].tolist() == [1, 0, 0, 0, 1, *[1] * 6]


def test_the_longest_input_is_the_table_of_positions(folder):
    encoder = load_encoder(PLAIN, weights=folder)
    assert encoder.max_tokens == 96
    ids = torch.full((1, 97), 6)
    with torch.no_grad():
        assert encoder(ids[:, :96], torch.ones_like(ids[:, :96])).isfinite().all()
        with pytest.raises(UserError, match=r"a sequence has 97 tokens.* positions for 96"):
            encoder(ids, torch.ones_like(ids))


@pytest.mark.parametrize(
    ("name", "keys", "message"),
    [
        (PLAIN, {"hidden_size": None}, "key 'hidden_size' is None, not a whole number above 0"),
        (
            PLAIN,
            {"num_hidden_layers": 0},
            "key 'num_hidden_layers' is 0, not a whole number above 0",
        ),
        (PLAIN, {"pre_layer_norm": None}, "key 'pre_layer_norm' is None; only True is supported"),
        (PLAIN, {"position_embedding_type": "rotary"}, "'rotary'; only 'absolute' is supported"),
        (PLAIN, {"sparse_config_cls": "deepspeed:BigBird"}, "sparse attention"),
        (PLAIN, {"num_hidden_layers": 4}, "do not fit the network; missing"),
        (PLAIN, {"vocab_size": 25}, "has shape .* config.json asks for"),
        (
            MODERN,
            {"model_type": "bert"},
            "key 'model_type' is 'bert'; only 'modernbert' is",
        ),
        (MODERN, {"max_position_embeddings": None}, "key 'max_position_embeddings' is None"),
        (MODERN, {"num_hidden_layers": 5}, "do not fit the network; missing"),
    ],
)
def test_a_configuration_that_is_not_one_of_theirs_is_told(name, keys, message, tmp_path):
    SMALL[name](tmp_path)
    path = tmp_path / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | keys))
    with pytest.raises(UserError, match=message) as told:
        load_encoder(name, weights=tmp_path)
    assert str(tmp_path) in str(told.value)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("name", ["bert.encoder.layer.1.output.dense.bias", "bert.extra.weight"])
def test_a_missing_or_unexpected_tensor_is_told(name, folder):
    state = waves(gena_shapes(GENA))
    state = {n: t for n, t in state.items() if n != name} if name in state else state
    state |= {} if "output" in name else {name: torch.zeros(1)}
    (folder / "pytorch_model.bin").unlink()
    save_file(state, folder / "model.safetensors")
    with pytest.raises(UserError, match=name.removeprefix("bert.")):
        load_encoder(PLAIN, weights=folder)


@pytest.mark.parametrize("config", [GENA, GENA_NORMED], ids=["plain", "normed"])
def test_every_published_tensor_has_a_place_or_is_a_head(config):
    own = {own_name(name) for name in gena_shapes(config)} - {None}
    assert own == PrenormBert(network_config(config, "here")).state_dict().keys()
    assert own_name("bert.embeddings.position_ids") is None


@pytest.mark.parametrize("name", FIRST)
def test_published_size_of_gena_lm(name):
    # 110M and 336M: the table of models in the authors' README.
    with torch.device("meta"):
        network = PrenormBert(network_config(PUBLISHED[name], "here"))
    count = sum(p.numel() for p in network.parameters())
    assert count == find_card(name).parameters
    assert round(count / 1e6) == (336 if "large" in name else 110)


def test_published_size_of_the_file_of_gena_lm():
    # 541 MB on the hub, in float32 with a decoder that is not tied.
    shapes = gena_shapes(PUBLISHED[PLAIN])
    assert 4 * sum(map(math.prod, shapes.values())) / 1e6 == pytest.approx(541, abs=0.5)


@pytest.mark.parametrize(("name", "whole"), zip(SECOND, (136_120_832, 377_841_664), strict=True))
def test_published_size_of_moderngena(name, whole):
    # With the language-model head, as the model cards of the repackaged copies count.
    shapes = moderngena_shapes(PUBLISHED[name])
    assert sum(map(math.prod, shapes.values())) == whole
    bare = sum(math.prod(s) for n, s in shapes.items() if n.startswith("model."))
    assert bare == find_card(name).parameters


@pytest.mark.slow
@pytest.mark.parametrize("name", [PLAIN, MODERN])
def test_random_weights_follow_the_seed(name, monkeypatch):
    monkeypatch.setitem(PUBLISHED[name], "num_hidden_layers", 1)
    # 25 million embeddings are most of what would be drawn.
    monkeypatch.setitem(PUBLISHED[name], "hidden_size", 96)
    follows_the_seed(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", [PLAIN, MODERN])
def test_random_weights_of_the_published_size_run(name):
    first, card = load_encoder(name, weights="random", seed=1), find_card(name)
    assert sum(p.numel() for p in first.network.parameters()) == card.parameters
    assert (first.hidden_size, first.max_tokens) == (card.hidden_size, card.max_tokens)
    tokens = first.tokenize(["ACGTN" * 20, "", "N"])
    with torch.no_grad():
        hidden = first(tokens.input_ids, tokens.attention_mask)
    assert hidden[tokens.attention_mask.bool()].isfinite().all()
