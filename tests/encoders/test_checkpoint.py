"""What stands in a checkpoint: tensors only, that fit, and sizes that are numbers."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from engine.basics.errors import UserError
from engine.encoders.checkpoint import (
    check_numbers,
    load_published,
    read_config,
    read_tensors,
    state_hash,
)
from engine.encoders.stock import load_stock

TENSORS = {"weight": torch.arange(6.0).reshape(2, 3), "bias": torch.ones(2)}


@pytest.mark.parametrize("kind", ["safetensors", "bin", "shards"])
def test_tensors_are_read_whole_or_in_shards(kind: str, tmp_path: Path) -> None:
    if kind == "safetensors":
        save_file(TENSORS, tmp_path / "model.safetensors")
    elif kind == "bin":
        torch.save(TENSORS, tmp_path / "pytorch_model.bin")
    else:
        for number, (name, tensor) in enumerate(TENSORS.items()):
            save_file({name: tensor}, tmp_path / f"model-{number}.safetensors")
        where = {name: f"model-{number}.safetensors" for number, name in enumerate(TENSORS)}
        index = json.dumps({"weight_map": where})
        (tmp_path / "model.safetensors.index.json").write_text(index)
    read = read_tensors(tmp_path)
    assert read.keys() == TENSORS.keys()
    assert all(torch.equal(read[name], tensor) for name, tensor in TENSORS.items())


def test_safetensors_win_over_pickled_tensors(tmp_path: Path) -> None:
    save_file(TENSORS, tmp_path / "model.safetensors")
    torch.save({"other": torch.zeros(1)}, tmp_path / "pytorch_model.bin")
    assert read_tensors(tmp_path).keys() == TENSORS.keys()


class Payload:
    """Would write a file if it were unpickled."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self) -> tuple:
        return Path.touch, (self.path,)


@pytest.mark.parametrize(
    "saved", [[torch.ones(1)], {"state_dict": TENSORS, "epoch": 3}, {"weight": "text"}]
)
def test_a_pickle_that_holds_no_tensors_by_name_is_one_line(saved: object, tmp_path: Path) -> None:
    torch.save(saved, tmp_path / "pytorch_model.bin")
    with pytest.raises(UserError, match=r"pytorch_model\.bin: not tensors by name; give a state"):
        read_tensors(tmp_path)


def test_an_empty_pickle_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "pytorch_model.bin").touch()
    with pytest.raises(UserError, match=r"pytorch_model\.bin: cannot be read as tensors"):
        read_tensors(tmp_path)


INDICES = ["", "[]", "{}", *(f'{{"weight_map": {value}}}' for value in ('["a"]', '{"a": 3}'))]


OUTSIDE = ["../outside.safetensors", "/outside.safetensors", "deep/er.safetensors", ".."]


@pytest.mark.parametrize(
    "index", [*INDICES, *(json.dumps({"weight_map": {"secret": file}}) for file in OUTSIDE)]
)
def test_an_index_names_files_of_its_folder_and_no_others(index: str, tmp_path: Path) -> None:
    (tmp_path / "in" / "deep").mkdir(parents=True)
    for path in (tmp_path / "outside.safetensors", tmp_path / "in" / "deep" / "er.safetensors"):
        save_file({"secret": torch.ones(2)}, path)
    (tmp_path / "in" / "model.safetensors.index.json").write_text(index)
    config = {"model_type": "bert"}
    for read in (read_tensors, lambda folder: load_stock(folder, config)):
        with pytest.raises(UserError, match=r"index\.json: not an index; key 'weight_map'") as told:
            read(tmp_path / "in")
        assert "\n" not in str(told.value)


def test_a_pickle_that_holds_more_than_tensors_is_refused_and_not_run(tmp_path: Path) -> None:
    torch.save({"weight": Payload(tmp_path / "ran")}, tmp_path / "pytorch_model.bin")
    with pytest.raises(UserError, match=r"pytorch_model.bin: cannot be read as tensors"):
        read_tensors(tmp_path)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("tensors", "told"),
    [
        ({"weight": TENSORS["weight"]}, "missing ['bias'] (1)"),
        (TENSORS | {"head": torch.ones(1)}, "unexpected ['head'] (1)"),
        (TENSORS | {"bias": torch.ones(3)}, "'bias' has shape (3,), config.json asks for (2,)"),
    ],
)
def test_every_tensor_must_fit(tensors: dict, told: str, tmp_path: Path) -> None:
    with pytest.raises(UserError) as error:
        load_published(nn.Linear(3, 2), tensors, tmp_path, rename=str)
    assert told in str(error.value)


def test_two_tensors_that_stand_for_one_must_be_equal(tmp_path: Path) -> None:
    other = {f"other.{name}": tensor for name, tensor in TENSORS.items()}

    def own(name: str) -> str:
        return name.removeprefix("other.")

    network = nn.Linear(3, 2)
    load_published(network, TENSORS | other, tmp_path, rename=own)
    assert torch.equal(network.weight, TENSORS["weight"])
    for changed in (TENSORS["bias"] + 1, TENSORS["bias"].double()):
        with pytest.raises(UserError, match=r"'other\.bias' differs .* stands for 'bias' too"):
            load_published(network, TENSORS | other | {"other.bias": changed}, tmp_path, rename=own)


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("layers", None, "is None, not a whole number above 0"),
        ("layers", True, "is True, not a whole number above 0"),
        ("layers", 2.0, "is 2.0, not a whole number above 0"),
        ("layers", "2", "is '2', not a whole number above 0"),
        ("epsilon", 0, "is 0, not a number above 0"),
        ("epsilon", float("nan"), "is nan, not a number above 0"),
        ("epsilon", float("inf"), "is inf, not a number above 0"),
        ("num_attention_heads", 5, "is 5, which does not divide 'hidden_size', 12"),
    ],
)
def test_sizes_are_numbers_above_zero_that_fit(key: str, value: object, told: str) -> None:
    sizes = {"layers": 2, "epsilon": 1e-5, "hidden_size": 12, "num_attention_heads": 4}
    whole = sizes.keys() - {"epsilon"}
    check_numbers(sizes, "c.json", whole=whole, real=["epsilon"])
    with pytest.raises(UserError, match=f"^c.json: key '{key}' {told}"):
        check_numbers(sizes | {key: value}, "c.json", whole=whole, real=["epsilon"])


def test_documented_tensors_are_left_out(tmp_path: Path) -> None:
    network = nn.Linear(3, 2)
    given = {f"bert.{name}": tensor for name, tensor in TENSORS.items()} | {"cls": torch.ones(1)}

    def own(name: str) -> str | None:
        return name.removeprefix("bert.") if name.startswith("bert.") else None

    load_published(network, given, tmp_path, rename=own)
    assert torch.equal(network.weight, TENSORS["weight"])


@pytest.mark.parametrize("text", ["", "[1]", "{"])
def test_a_bad_config_is_told(text: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(UserError, match=r"config\.json"):
        read_config(tmp_path)


def test_state_hash_sees_names_types_and_values():
    base = torch.nn.Linear(2, 2)
    hashes = {state_hash(base), state_hash(torch.nn.Sequential(base))}
    hashes.add(state_hash(torch.nn.Linear(2, 2).to(torch.bfloat16)))
    with torch.no_grad():
        base.bias[0] += 1
    hashes.add(state_hash(base))
    assert len(hashes) == 4
