"""The shipped encoders: their folders, and what only these two networks promise."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from engine.basics.errors import UserError
from engine.encoders import load_encoder
from engine.encoders.checkpoint import write_folder
from engine.encoders.families.tiny import SHIPPED, SIZES
from engine.testing.rounding import CLOSE_IN_FLOAT64, assert_close, in_float64

names = pytest.mark.parametrize("name", sorted(SIZES))


@pytest.fixture
def folder(request, tmp_path):
    """A writable copy of the shipped folder of a name."""
    return shutil.copytree(SHIPPED / request.param, tmp_path / request.param)


def test_shipped_folders_have_at_most_8_mb():
    files = [path for path in SHIPPED.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= 8_000_000


@names
def test_shipped_weights_are_not_the_random_ones(name):
    shipped, random = load_encoder(name), load_encoder(name, weights="random")
    assert shipped.weights_hash != random.weights_hash
    assert all(p.dtype == torch.float32 for p in shipped.network.parameters())
    assert not shipped.network.training


@names
def test_shipped_folder_has_card_and_recipe(name):
    card = (SHIPPED / name / "README.md").read_text()
    for word in ("licence", "Blattner", "Sanger", "Bussey", "random"):
        assert word in card
    config = json.loads((SHIPPED / name / "config.json").read_text())
    assert config["encoder"] == name
    assert config["sizes"] == SIZES[name]
    assert config["training"]["steps"] > 0


@names
def test_saved_and_loaded_is_the_same(name, tmp_path):
    saved = load_encoder(name, weights="random", seed=3)
    config = {"encoder": name, "sizes": SIZES[name]}
    write_folder(tmp_path / "w", config, saved.network, torch.float32)
    loaded = load_encoder(name, weights=tmp_path / "w")
    assert loaded.weights_hash == saved.weights_hash
    assert sorted(p.name for p in (tmp_path / "w").iterdir()) == [
        "config.json",
        "model.safetensors",
    ]


def change_state(folder, change):
    state = load_file(folder / "model.safetensors")
    change(state)
    save_file(state, folder / "model.safetensors")


@pytest.mark.parametrize("folder", ["tiny-hyena"], indirect=True)
@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda s: s.pop("final_norm.bias"), "missing .*final_norm.bias"),
        (lambda s: s.update(extra=torch.zeros(1)), "unexpected .*extra"),
        (lambda s: s.update({"final_norm.bias": torch.zeros(5)}), "shape"),
    ],
)
def test_weights_that_do_not_fit_are_told(folder, change, told):
    change_state(folder, change)
    with pytest.raises(UserError, match=told) as error:
        load_encoder("tiny-hyena", weights=folder)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("folder", ["tiny-hyena"], indirect=True)
@pytest.mark.parametrize(
    ("file", "content", "told"),
    [
        ("config.json", None, "no config.json"),
        ("model.safetensors", None, "neither model.safetensors nor"),
        ("config.json", "{", "cannot be read"),
        ("config.json", "[]", "not a JSON object"),
        ("config.json", '{"encoder": "tiny-bert"}', "key 'encoder' is 'tiny-bert'"),
        ("config.json", '{"encoder": "tiny-hyena", "sizes": {}}', "key 'sizes' needs"),
        ("model.safetensors", "none", "cannot be read as tensors"),
    ],
)
def test_a_broken_folder_is_told(folder, file, content, told):
    if content is None:
        (folder / file).unlink()
    else:
        (folder / file).write_text(content)
    with pytest.raises(UserError, match=told) as error:
        load_encoder("tiny-hyena", weights=folder)
    assert "\n" not in str(error.value)


def test_hyena_is_causal():
    # A later base cannot change an earlier state; the end token is the first to see it all.
    encoder = in_float64(load_encoder("tiny-hyena", weights="random"))
    left, right = "ACGTTGCATGCCTGCAGGTC" * 3, "ACGTTGCATGCCTGCAGGTC" * 2 + "G" * 20
    tokens = encoder.tokenize([left, right])
    with torch.no_grad():
        first, second = encoder(tokens.input_ids, tokens.attention_mask)
    assert_close(first[:40], second[:40], CLOSE_IN_FLOAT64)
    assert (first[-1] - second[-1]).abs().max() > 1e-3


def test_bert_looks_both_ways():
    encoder = load_encoder("tiny-bert", weights="random")
    tokens = encoder.tokenize(["ACGTTG" * 6, "ACGTTG" * 5 + "GGGGGG"])
    with torch.no_grad():
        first, second = encoder(tokens.input_ids, tokens.attention_mask)
    assert (first[0] - second[0]).abs().max() > 1e-4


def test_hyena_takes_16k_bases():
    encoder = load_encoder("tiny-hyena", weights="random")
    tokens = encoder.tokenize(["ACGTTGCA" * 2047])
    with torch.no_grad():
        hidden = encoder(tokens.input_ids, tokens.attention_mask)
    assert hidden.shape[1] == encoder.max_tokens - 7
    assert torch.isfinite(hidden).all()
