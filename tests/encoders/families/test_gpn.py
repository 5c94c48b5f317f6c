"""GPN against states of the authors' code, what padding and distance do, and the layout."""

import json
import math

import pytest
import torch

from engine.basics.errors import UserError
from engine.encoders import find_card, load_encoder
from engine.encoders.families.gpn import PUBLISHED, network_config, own_name
from engine.encoders.networks.gpn import Gpn
from tests.encoders.contract import follows_the_seed
from tests.encoders.small_gena_gpn import (
    BYTENET,
    CONVNET,
    SMALL,
    bytenet_shapes,
    convnet_shapes,
    golden,
)

PLANT, ANIMAL = "gpn-brassicales", "gpn-animal-promoter"
SHAPES = {PLANT: convnet_shapes, ANIMAL: bytenet_shapes}
names = pytest.mark.parametrize("name", [PLANT, ANIMAL])


@pytest.fixture(scope="module", params=[PLANT, ANIMAL])
def encoder(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    SMALL[request.param](folder)
    return load_encoder(request.param, weights=folder)


def states(encoder, sequences):
    tokens = encoder.tokenize(sequences)
    with torch.no_grad():
        hidden = encoder(tokens.input_ids, tokens.attention_mask)
    return [row[: len(sequence)] for row, sequence in zip(hidden, sequences, strict=True)]


@pytest.mark.parametrize("together", [False, True], ids=["alone", "padded"])
def test_hidden_states_are_those_of_the_authors_code_for_each_sequence_alone(encoder, together):
    cases = [case for case in golden("gpn")["cases"] if case["name"] == encoder.name]
    sequences = [case["sequence"] for case in cases]
    assert sorted(map(len, sequences)) == [5, 16]
    batches = [sequences] if together else [[sequence] for sequence in sequences]
    found = [row for batch in batches for row in states(encoder, batch)]
    for row, case in zip(found, cases, strict=True):
        torch.testing.assert_close(row, torch.tensor(case["states"]), atol=2e-5, rtol=1e-5)


def test_a_base_is_seen_as_far_as_kernels_and_dilations_reach(encoder):
    # Half a kernel times the dilation, over the layers: 2 x (1+2+2+1), and 4 + 2 x (1+2+2+1).
    reach = {PLANT: 12, ANIMAL: 16}[encoder.name]
    plain = "ACGTTGCATG" * 4
    changed = plain[:20] + "CGTA"["ACGT".index(plain[20])] + plain[21:]
    before, after = states(encoder, [plain, changed])
    moved = (before - after).abs().amax(-1) > 0
    seen = [abs(place - 20) <= reach for place in range(40)]
    assert moved.tolist() == seen


def test_published_dilations():
    # Benegas et al. 2023: up to 32, over again. Of the promoters: as the authors' code prints it.
    plant, animal = (network_config(PUBLISHED[name], "here") for name in (PLANT, ANIMAL))
    assert plant.dilations == (1, 2, 4, 8, 16, 32) * 4 + (1,)
    assert plant.kernels == (9,) * 25
    assert animal.dilations == (1, 2, 4, 8, 16, 32, 64, 128) * 8
    assert animal.kernels == (9, *(5,) * 63)


def test_a_base_is_a_token_and_nothing_is_added(encoder):
    batch = encoder.tokenize(["ACGTN", "tu"])
    assert batch.input_ids.tolist() == [[3, 4, 5, 6, 2], [6, 6, 0, 0, 0]]
    assert batch.special_tokens_mask.tolist() == [[0] * 5, [0, 0, 1, 1, 1]]
    assert encoder.summary_index is None


def test_the_first_gpn_embeds_by_unit_vectors(tmp_path):
    SMALL[PLANT](tmp_path)
    table = load_encoder(PLANT, weights=tmp_path, dtype="bfloat16").network.get_input_embeddings()
    vectors = table(torch.arange(7))
    assert vectors.dtype == torch.bfloat16
    assert torch.equal(vectors.float(), torch.eye(7, 12))
    assert not list(table.parameters())


@pytest.mark.parametrize(
    ("name", "keys", "message"),
    [
        (PLANT, {"model_type": "GPNRoFormer"}, "'GPNRoFormer', not 'ConvNet' or 'GPN'"),
        (PLANT, {"vocab_size": 6}, "key 'vocab_size' is 6; only 7 is supported"),
        (PLANT, {"n_aux_features": 445}, "key 'n_aux_features' is 445; only 0"),
        (PLANT, {"n_layers": "5"}, "key 'n_layers' is '5', not a whole number"),
        (PLANT, {"dilation_cycle": 0}, "key 'dilation_cycle' is 0, not a whole number above 0"),
        (PLANT, {"n_layers": 6}, "do not fit the network; missing"),
        (PLANT, {"kernel_size": 9}, "has shape .* config.json asks for"),
        (ANIMAL, {"encoder": "roformer"}, "key 'encoder' is 'roformer'; only 'bytenet'"),
        (ANIMAL, {"slim": False}, "key 'slim' is False; only True"),
        (ANIMAL, {"hidden_size": True}, "key 'hidden_size' is True, not a whole number"),
    ],
)
def test_a_configuration_that_is_not_supported_is_told(name, keys, message, tmp_path):
    SMALL[name](tmp_path)
    path = tmp_path / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | keys))
    with pytest.raises(UserError, match=message) as told:
        load_encoder(name, weights=tmp_path)
    assert str(tmp_path) in str(told.value)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(("name", "config"), [(PLANT, CONVNET), (ANIMAL, BYTENET)])
def test_every_published_tensor_has_a_place_or_is_a_head(name, config):
    own = {own_name(published) for published in SHAPES[name](config)} - {None}
    assert own == Gpn(network_config(config, "here")).state_dict().keys()


@names
def test_published_size(name):
    # On the hub: 65.9M parameters and 264 MB; 609 MB. Both with the language-model head.
    shapes = SHAPES[name](PUBLISHED[name])
    whole = sum(map(math.prod, shapes.values()))
    assert round(4 * whole / 1e6) == {PLANT: 264, ANIMAL: 609}[name]
    assert name == ANIMAL or round(whole / 1e6, 1) == 65.9
    with torch.device("meta"):
        network = Gpn(network_config(PUBLISHED[name], "here"))
    assert sum(p.numel() for p in network.parameters()) == find_card(name).parameters


@pytest.mark.slow
@pytest.mark.parametrize(("name", "layers"), [(PLANT, "n_layers"), (ANIMAL, "num_hidden_layers")])
def test_random_weights_follow_the_seed(name, layers, monkeypatch):
    monkeypatch.setitem(PUBLISHED[name], layers, 1)
    follows_the_seed(name)


@pytest.mark.slow
@names
def test_random_weights_of_the_published_size_run(name):
    first, card = load_encoder(name, weights="random", seed=1), find_card(name)
    assert (first.hidden_size, first.max_tokens) == (card.hidden_size, card.max_tokens)
    for row in states(first, ["ACGTN" * 20, "", "N"]):
        assert row.isfinite().all()
