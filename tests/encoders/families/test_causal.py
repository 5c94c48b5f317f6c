"""GENERator, Mistral-DNA and GenomeOcean: transformers' own states, published names and tokens."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from transformers import AutoConfig, AutoModel, AutoModelForCausalLM

from engine.basics.errors import UserError
from engine.embedding.pooling import pool
from engine.encoders import find_card, load_encoder
from engine.encoders.families import causal, generator
from engine.testing.networks import SEQUENCES, states
from tests.encoders.small_causal import (
    GENERATOR_V1,
    GENERATOR_V2,
    GENOMEOCEAN,
    MISTRAL_DNA,
    SMALL,
    write_bpe,
)

FIRST = (GENERATOR_V1[0], GENERATOR_V2[0], MISTRAL_DNA[0], GENOMEOCEAN[0])
ALL = (*GENERATOR_V1, *GENERATOR_V2, *MISTRAL_DNA, *GENOMEOCEAN)


@pytest.fixture(scope="module", params=FIRST)
def folder(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("causal") / request.param
    SMALL[request.param](folder)
    return folder


@pytest.fixture(scope="module")
def encoder(folder):
    return load_encoder(folder.name, weights=folder)


@pytest.fixture
def written(tmp_path):
    def write(name):
        SMALL[name](tmp_path)
        return tmp_path

    return write


def test_states_of_every_layer_are_those_of_transformers_own_language_model(encoder, folder):
    theirs = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    batch = encoder.tokenize(SEQUENCES)
    with torch.no_grad():
        expected = theirs(
            input_ids=batch.input_ids,
            attention_mask=batch.attention_mask,
            output_hidden_states=True,
        ).hidden_states
        found = encoder.layer_states(batch.input_ids, batch.attention_mask, range(3))
    assert len(expected) == len(found) == encoder.depth + 1
    mask = batch.attention_mask.bool()
    for left, right in zip(found, expected, strict=True):
        torch.testing.assert_close(left[mask], right[mask], atol=1e-5, rtol=1e-5)


def test_a_later_base_changes_no_earlier_state(encoder):
    # Whole 6-mers in front, and no merge of the small vocabulary spans them.
    first, second = states(encoder, ["ACGTAC" * 4 + "AAAAAA", "ACGTAC" * 4 + "CCCCCC"])
    # What stands before the last 6-mer: at least a begin token and four others.
    torch.testing.assert_close(first[:5], second[:5], atol=1e-6, rtol=1e-6)
    assert (first[-1] - second[-1]).abs().max() > 1e-3


def test_the_summary_is_the_last_token(encoder):
    batch = encoder.tokenize(["ACGTAC" * 3, "TTACGA"])
    with torch.no_grad():
        hidden = encoder(batch.input_ids, batch.attention_mask)
    summary = pool(
        hidden, batch.attention_mask, batch.special_tokens_mask, "summary", encoder.summary_index
    )
    alone = states(encoder, ["TTACGA"])[0]
    torch.testing.assert_close(summary[1], alone[-1], atol=1e-5, rtol=1e-5)


# Byte-pair encodings


@pytest.mark.parametrize("name", [MISTRAL_DNA[0], GENOMEOCEAN[0]])
def test_tokens_are_those_of_the_file(written, name):
    folder = written(name)
    encoder = load_encoder(name, weights=folder)
    file = Tokenizer.from_file(str(folder / "tokenizer.json"))
    batch = encoder.tokenize(SEQUENCES)
    for row, sequence in enumerate(SEQUENCES):
        expected = file.encode(sequence)
        count = len(expected.ids)
        assert batch.input_ids[row, :count].tolist() == expected.ids
        assert int(batch.attention_mask[row].sum()) == count
        special = [1, *[0] * (count - 2), 1]
        assert batch.special_tokens_mask[row, :count].tolist() == special
        assert batch.special_tokens_mask[row, count:].all()


def test_without_an_end_token_the_last_base_token_is_the_summary(written):
    folder = written(GENOMEOCEAN[0])
    write_bpe(folder, special=False)
    encoder = load_encoder(GENOMEOCEAN[0], weights=folder)
    batch = encoder.tokenize(["ACGTTTA", "A"])
    # ACGT is AC + GT, id 11, and TTA id 13.
    assert batch.input_ids.tolist() == [[11, 13], [5, 3]]
    assert batch.special_tokens_mask.tolist() == [[0, 0], [0, 1]]
    hidden = torch.arange(2.0)[None, :, None].expand(2, 2, 1)
    last = pool(hidden, batch.attention_mask, batch.special_tokens_mask, "summary", -1)
    assert last.tolist() == [[1.0], [0.0]]


def test_input_is_no_longer_than_what_was_trained(written):
    # config.json of GenomeOcean has 32,768 positions.
    assert load_encoder(GENOMEOCEAN[0], weights=written(GENOMEOCEAN[0])).max_tokens == 1024


# Checkpoints


def test_an_expert_that_is_missing_is_one_line(written):
    folder = written(MISTRAL_DNA[0])
    state = load_file(folder / "model.safetensors")
    del state["model.layers.1.block_sparse_moe.experts.2.w2.weight"]
    save_file(state, folder / "model.safetensors")
    with pytest.raises(UserError, match=str(folder)) as told:
        load_encoder(MISTRAL_DNA[0], weights=folder)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("name", FIRST)
def test_a_tensor_that_is_missing_or_left_over_is_one_line(written, name):
    folder = written(name)
    whole = load_file(folder / "model.safetensors")
    short = {key: t for key, t in whole.items() if key != "model.norm.weight"}
    for state, key in ((short, "norm.weight"), (whole | {"model.odd": torch.ones(1)}, "odd")):
        save_file(state, folder / "model.safetensors")
        with pytest.raises(UserError, match=key) as told:
            load_encoder(name, weights=folder)
        assert "\n" not in str(told.value)


@pytest.mark.parametrize("name", FIRST)
def test_a_network_of_another_kind_is_told(written, name):
    folder = written(name)
    config = json.loads((folder / "config.json").read_text()) | {"model_type": "gpt2"}
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(UserError, match="key 'model_type' is 'gpt2'"):
        load_encoder(name, weights=folder)


# Published sizes

BYTES = {
    # Bytes of the published weight files and of a number in them; a head of the size of the
    # embedding is in them, and a header of names.
    "generator-eukaryote-1.2b": (4_648_274_384, 4),
    "generator-eukaryote-3b": (4_996_117_216 + 4_964_291_160 + 2_032_674_024, 4),
    "genomeocean-500m": (1_082_234_168, 2),
    "genomeocean-4b": (4_989_311_712 + 3_517_063_264, 2),
}
MILLIONS = {
    # As the cards of the hub count, head included.
    "mistral-dna-17m": 16.8,
    "mistral-dna-138m": 138.5,
}


def sizes(name):
    if name.startswith("generator"):
        return generator.SIZES[name.rpartition("-")[2]]
    return next(config for size, config in causal.SIZES.items() if name.startswith(size))


@pytest.mark.parametrize("name", ALL)
def test_published_size_has_the_parameters_of_the_card(name):
    config, card = dict(sizes(name)), find_card(name)
    words = config["vocab_size"] * config["hidden_size"]
    with torch.device("meta"):
        network = AutoModel.from_config(AutoConfig.for_model(config.pop("model_type"), **config))
    count = sum(p.numel() for p in network.parameters())
    assert (card.parameters, card.hidden_size) == (count, config["hidden_size"])
    if name in BYTES:
        size, width = BYTES[name]
        assert 0 < size - width * (count + words) < 50_000
    if name in MILLIONS:
        assert round((count + words) / 1e6, 1) == MILLIONS[name]


def test_rotation_is_the_published_one(written):
    # Older configurations give it at the top level; a default would pass unnoticed.
    for name, theta in ((FIRST[0], 500_000.0), (FIRST[2], 1_000_000.0)):
        encoder = load_encoder(name, weights=written(name))
        frequencies = encoder.network.model.rotary_emb.inv_freq
        expected = [theta ** -(2 * pair / 8) for pair in range(4)]
        assert frequencies.tolist() == pytest.approx(expected)


@pytest.mark.parametrize("name", MISTRAL_DNA[:2])
def test_random_weights_follow_the_seed(name):
    first, same, other = (load_encoder(name, weights="random", seed=seed) for seed in (1, 1, 2))
    assert first.fingerprint == same.fingerprint != other.fingerprint
    assert first.max_tokens == find_card(name).max_tokens
    assert torch.isfinite(torch.cat(states(first, ["ACGTN" * 20, "", "N"]))).all()
