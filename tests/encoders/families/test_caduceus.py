"""Caduceus and PlantCaduceus: published layout and numbers, the scan, equivariance."""

import json
import math

import pytest
import torch
from peft import LoraConfig, inject_adapter_in_model
from safetensors.torch import load_file, save_file

from engine.basics.errors import UserError
from engine.embedding.pooling import pool
from engine.encoders import cards, load_encoder
from engine.encoders.families.caduceus import SIZES, published_config
from engine.encoders.networks.caduceus import Caduceus, reversal
from engine.testing.rounding import CLOSE_IN_FLOAT64
from tests.encoders.small_hyena_mamba import CADUCEUS, HUMAN_COMPLEMENT, SMALL, write_caduceus

PH, PS, PLANT = "caduceus-ph-1k", "caduceus-ps-1k", "plantcaduceus-l20"
SEQUENCE = "AGTCANAATGC"

# Hidden states of the published code (kuleshov-group/caduceus with state-spaces/mamba's reference
# scan, on a CPU) with the weights of `small_hyena_mamba`, for SEQUENCE and, but for PlantCaduceus,
# its end token: first, middle and last position, four channels from 0 and, for PS, from 20.
PUBLISHED = {
    (PH, True): (
        [-0.32327, -1.55005, 0.23982, 1.18941],
        [-0.92588, -0.87748, 0.72887, -0.376],
        [0.26103, -1.27455, -0.81388, 2.93052],
    ),
    (PS, True): (
        [-0.48428, -1.13289, -0.20718, 0.29727, 1.08166, -0.87757, 0.85259, 1.68375],
        [-0.46617, -1.26186, -1.01658, -0.27607, 0.25541, -0.63967, 0.8349, 1.93746],
        [0.48494, -1.53339, -0.25673, 2.35583, -0.06484, 0.28739, -0.38889, 1.11733],
    ),
    (PS, False): (
        [-0.32327, -1.55005, 0.23982, 1.18941, 0.88796, -0.92781, 0.95895, 1.6249],
        [-0.92588, -0.87748, 0.72887, -0.376, -0.2902, -0.22638, 1.29063, 1.79259],
        [0.26103, -1.27455, -0.81388, 2.93052, 0.55798, 0.58585, 0.53366, -0.01302],
    ),
    (PLANT, True): (
        [-0.18034, -0.95457, 1.03668, -1.07659, -2.15347, -0.9751, 0.02387, -0.27836],
        [-0.26138, 1.32168, -0.28403, -0.16394, 2.40314, 1.74356, 0.47883, -0.44803],
        [-0.65206, 0.30331, -0.96002, 0.67407, -0.08513, 0.08607, 1.15855, 1.25884],
    ),
}


@pytest.fixture
def small(tmp_path):
    """Loads the small encoder of a card; also where its folder is."""

    def load(name, **options):
        SMALL[name](tmp_path / name)
        return load_encoder(name, weights=tmp_path / name, **options)

    return load


def states(encoder, sequences):
    tokens = encoder.tokenize(sequences)
    with torch.no_grad():
        return encoder(tokens.input_ids, tokens.attention_mask)


def assert_close(left, right, tolerance=1e-5):
    torch.testing.assert_close(left, right, atol=tolerance, rtol=tolerance)


def reverse_complement(sequence):
    return sequence[::-1].translate(str.maketrans("ACGT", "TGCA"))


@pytest.mark.parametrize(("name", "fused"), PUBLISHED)
def test_states_are_those_of_the_published_code(small, tmp_path, name, fused):
    encoder = small(name)
    if not fused:
        write_caduceus(tmp_path / "u", rcps=True, complement=HUMAN_COMPLEMENT, fused_add_norm=False)
        encoder = load_encoder(name, weights=tmp_path / "u")
    tokens = encoder.tokenize([SEQUENCE])
    expected = torch.tensor(PUBLISHED[name, fused])
    at = torch.tensor([0, tokens.input_ids.shape[1] // 2, -1])
    with torch.no_grad():
        if name == PH:
            hidden = encoder(tokens.input_ids, tokens.attention_mask)
            assert_close(hidden[0, at, :4], expected, 1e-4)
        else:
            hidden = encoder.network.strands(tokens.input_ids, tokens.attention_mask)
            channels = [0, 1, 2, 3, 20, 21, 22, 23]
            assert_close(hidden[0, at][:, channels], expected, 1e-4)


@pytest.mark.parametrize("name", [PS, PLANT])
@pytest.mark.parametrize("layers", [2, 3])
@pytest.mark.parametrize("fused", [True, False])
def test_reverse_complement_gives_reversed_states(name, layers, fused):
    # Positions and channels of both strands' states turn around; the averaged states' positions do.
    torch.manual_seed(0)
    config = published_config(name)
    sizes = {"d_model": 12, "n_layer": layers, "dt_rank": 1, "fused_add_norm": fused}
    network = Caduceus(type(config)(**{**vars(config), **sizes})).double()
    complement = network.get_input_embeddings().complement_map
    ids = torch.randint(3, len(config.complement), (2, 30))
    mask = torch.ones_like(ids)
    other = complement[ids].flip(1)
    with torch.no_grad():
        assert_close(
            network.strands(other, mask).flip(1, 2), network.strands(ids, mask), CLOSE_IN_FLOAT64
        )
        assert_close(network(other, mask).flip(1), network(ids, mask), CLOSE_IN_FLOAT64)


def test_mean_of_plant_states_is_the_same_for_both_strands(small):
    encoder = small(PLANT)
    sequences = ["ACGTTGCATGCCTGNAGGTC", "TTGACA"]
    vectors = []
    for batch in (sequences, [reverse_complement(s) for s in sequences]):
        tokens = encoder.tokenize(batch)
        hidden = states(encoder, batch)
        vectors.append(
            pool(hidden, tokens.attention_mask, tokens.special_tokens_mask, "mean", None)
        )
    assert_close(*vectors)
    assert (vectors[0][0] - vectors[0][1]).abs().max() > 1e-2


def test_ph_is_not_equivariant(small):
    # Else the tests of equivariance would show nothing.
    encoder = small(PH)
    first, second = (
        states(encoder, ["ACGTTGCATG"]),
        states(encoder, [reverse_complement("ACGTTGCATG")]),
    )
    assert (first.mean(1) - second.mean(1)).abs().max() > 1e-2


def test_rows_are_reversed_within_their_length():
    mask = torch.tensor([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1], [0, 0, 0, 0, 0]])
    expected = [[2, 1, 0, 3, 4], [4, 3, 2, 1, 0], [0, 1, 2, 3, 4]]
    assert reversal(mask).tolist() == expected


def test_ids_are_the_published_ones(small):
    human, plant = small(PH).tokenize(["ACGTN", "a"]), small(PLANT).tokenize(["ACGTN", "a", ""])
    assert human.input_ids.tolist() == [[7, 8, 9, 10, 11, 1], [7, 1, 4, 4, 4, 4]]
    # PlantCaduceus adds no token and knows no N.
    assert plant.input_ids.tolist() == [[3, 4, 5, 6, 2], [3, 0, 0, 0, 0], [0] * 5]
    assert plant.attention_mask.sum(1).tolist() == [5, 1, 0]
    assert plant.special_tokens_mask.tolist() == (1 - plant.attention_mask).tolist()


@pytest.mark.parametrize("name", SIZES)
def test_card_counts_the_parameters_of_the_published_sizes(name):
    with torch.device("meta"):
        network = Caduceus(published_config(name))
    assert sum(p.numel() for p in network.parameters()) == cards()[name].parameters
    assert published_config(name).d_model == cards()[name].hidden_size


def test_random_weights_follow_the_seed():
    one, same, other = (load_encoder(PS, weights="random", seed=s) for s in (1, 1, 2))
    assert one.fingerprint == same.fingerprint != other.fingerprint


@pytest.mark.parametrize(
    ("name", "millions"),
    # Sizes of the published files, four bytes a parameter (1.89, 30.9, 83.6, 175 and 902 MB).
    [
        (PH, 0.472),
        (PS, 0.472),
        ("caduceus-ps-131k", 7.73),
        (PLANT, 20.9),
        ("plantcaduceus-l24", 43.7),
        ("plantcaduceus-l32", 225.5),
    ],
)
def test_parameters_are_of_the_published_class(name, millions):
    assert cards()[name].parameters / 1e6 == pytest.approx(millions, rel=0.005)


@pytest.mark.parametrize("name", [PH, PS])
def test_an_adapter_acts_in_both_directions(small, name):
    # One projection serves both: an adapter on it changes the first state and the last.
    encoder = small(name)
    before = states(encoder, [SEQUENCE])
    inject_adapter_in_model(LoraConfig(r=2, target_modules=["x_proj"]), encoder.network)
    adapted = [n for n, _ in encoder.network.named_parameters() if "lora_B" in n]
    assert len(adapted) == 2 * CADUCEUS["n_layer"]
    with torch.no_grad():
        for key, parameter in encoder.network.named_parameters():
            if "lora_B" in key and "mamba_rev" in key:
                parameter.fill_(0.5)
    after = states(encoder, [SEQUENCE])
    assert ((before - after).abs().amax(-1) > 1e-4).all()


def change(folder, edit):
    """Edit the tensors of a folder."""
    tensors = load_file(folder / "model.safetensors")
    edit(tensors)
    save_file(tensors, folder / "model.safetensors")


def name_backward(tensors):
    for name in list(tensors):
        if "mamba_fwd.in_proj" in name:
            tensors[name.replace("mamba_fwd", "mamba_rev")] = tensors.pop(name).clone()


def name_both(tensors):
    for name in list(tensors):
        if "mamba_fwd.out_proj" in name:
            tensors[name.replace("mamba_fwd", "mamba_rev")] = tensors[name].clone()


def change_backward(tensors):
    for name in tensors:
        if "mamba_rev.out_proj" in name:
            tensors[name] = tensors[name] + 1


@pytest.mark.parametrize("edit", [name_backward, name_both])
def test_shared_projections_have_either_name_or_both(small, tmp_path, edit):
    encoder = small(PS)
    change(tmp_path / PS, edit)
    assert load_encoder(PS, weights=tmp_path / PS).fingerprint == encoder.fingerprint


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        (lambda t: t.pop("caduceus.backbone.norm_f.weight"), r"missing \['norm_f.weight'\]"),
        (lambda t: t.update(extra=torch.zeros(1)), r"unexpected \['extra'\]"),
        (lambda t: t.update({"caduceus.backbone.norm_f.weight": torch.zeros(5)}), "shape"),
        (
            lambda t: (name_both(t), change_backward(t)),
            "differs from another tensor",
        ),
    ],
)
def test_weights_that_do_not_fit_are_told(small, tmp_path, edit, told):
    small(PS)
    change(tmp_path / PS, edit)
    with pytest.raises(UserError, match=told) as error:
        load_encoder(PS, weights=tmp_path / PS)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"bidirectional_weight_tie": False}, "'bidirectional_weight_tie' is False"),
        ({"bidirectional_strategy": "ew_multiply"}, "'bidirectional_strategy' is 'ew_multiply'"),
        ({"ssm_cfg": {"bias": True}}, "'bias' is True"),
        ({"ssm_cfg": {"d_state": "many"}}, "'d_state' is 'many'"),
        ({"ssm_cfg": {"dt_rank": "some"}}, "'dt_rank' is 'some'"),
        ({"ssm_cfg": [16]}, "'ssm_cfg'"),
        ({"d_model": None}, "'d_model' is None"),
        ({"vocab_size": 7}, "token 'A' has no row in the network"),
    ],
)
def test_a_configuration_that_is_not_known_is_told(small, tmp_path, changed, told):
    small(PH)
    (tmp_path / PH / "config.json").write_text(json.dumps({**CADUCEUS, **changed}))
    with pytest.raises(UserError, match=told):
        load_encoder(PH, weights=tmp_path / PH)


def test_random_steps_are_between_the_published_bounds():
    # softplus(bias) of the step size starts between 0.001 and 0.1 (Gu and Dao 2023, section 3.6).
    network = load_encoder(PH, weights="random").network
    steps = torch.nn.functional.softplus(network.layers[0].mixer.mamba_fwd.dt_proj.bias)
    assert 0.999e-3 <= steps.min() < math.sqrt(1e-4) < steps.max() <= 0.1001
