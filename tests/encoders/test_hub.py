"""Published weights: from a cache or a folder, as tensors only; told in one line when absent."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from engine.basics.errors import UserError
from engine.encoders import cards, find_card, load_encoder
from engine.encoders.base import LoadRequest
from engine.encoders.families.tiny import SHIPPED
from engine.encoders.hub import (
    BPE,
    TOKENS,
    WORDS,
    HubSource,
    cached_commit,
    check_numbers,
    checkpoint_folder,
    hub_source,
    load_published,
    read_config,
    read_tensors,
)
from engine.encoders.stock import load_stock
from tests.encoders.contract import small_folders

COMMIT = "0123456789abcdef0123456789abcdef01234567"
TENSORS = {"weight": torch.arange(6.0).reshape(2, 3), "bias": torch.ones(2)}


def test_absent_weights_are_one_line_with_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    card = find_card("dnabert2")
    with pytest.raises(UserError) as told:
        load_encoder("dnabert2")
    assert f"`hf download {card.hub} --revision {card.revision}`" in str(told.value)
    assert "\n" not in str(told.value)


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


def test_a_folder_without_a_config_is_told(tmp_path: Path) -> None:
    request = LoadRequest(find_card("dnabert2"), str(tmp_path), 0, 0)
    with pytest.raises(UserError, match=r"no config\.json; give a folder laid out as the hub"):
        checkpoint_folder(request)
    (tmp_path / "config.json").write_text("{}")
    assert checkpoint_folder(replace(request)) == tmp_path


@pytest.mark.parametrize(
    ("weights", "source"),
    [
        ("hub:a/b", HubSource("a/b", "main")),
        ("hub:Some_body/My-model.v2@v1.0", HubSource("Some_body/My-model.v2", "v1.0")),
        ("hub:a/b@refs/pr/4", HubSource("a/b", "refs/pr/4")),
        (f"hub:a/b@{COMMIT}", HubSource("a/b", COMMIT)),
        ("random", None),
        ("hub/b", None),
        ("./folder", None),
    ],
)
def test_a_hub_id_is_read(weights: str, source: HubSource | None) -> None:
    assert hub_source(find_card("dnabert2"), weights) == source


def test_the_word_hub_is_what_the_card_says_and_nothing_for_shipped_weights() -> None:
    card = find_card("dnabert2")
    assert hub_source(card, "hub") == HubSource(card.hub, card.revision)
    assert hub_source(find_card("tiny-bert"), "hub") is None


def test_only_a_whole_commit_is_pinned() -> None:
    assert HubSource("a/b", COMMIT).pinned
    for revision in ("main", COMMIT[:7], COMMIT.upper(), COMMIT + "0"):
        assert not HubSource("a/b", revision).pinned


@pytest.mark.parametrize(
    "name",
    [
        *("", "b", "a/", "/b", "a/b/c", "a b/c", "-a/b", "a/b-", "a/b--c", "a/..", "a/b..c"),
        *("a/b.git", "../b", "https://huggingface.co/a", "a/b:c", "a/é", "a/" + "b" * 95),
    ],
)
def test_a_malformed_hub_id_is_one_line(name: str) -> None:
    with pytest.raises(UserError) as told:
        load_encoder("dnabert2", weights=f"hub:{name}")
    assert str(told.value) == (
        f"weights 'hub:{name}': '{name}' is no OWNER/NAME of the hub; "
        "write hub:OWNER/NAME or hub:OWNER/NAME@REVISION"
    )


@pytest.mark.parametrize("revision", ["", "a b", "../up", "-x", "a@b"])
def test_a_malformed_revision_is_one_line(revision: str) -> None:
    with pytest.raises(
        UserError, match="is no commit, branch or tag; write hub:OWNER/NAME"
    ) as told:
        load_encoder("dnabert2", weights=f"hub:a/b@{revision}")
    assert "\n" not in str(told.value)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the hub, shut off."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    return tmp_path


def snapshot(cache: Path, reference: str = "") -> Path:
    """The folder of `COMMIT` in a cache, named by a branch too if asked."""
    folder = cache / "models--a--b" / "snapshots" / COMMIT
    folder.mkdir(parents=True)
    if reference:
        path = cache / "models--a--b" / "refs" / reference
        path.parent.mkdir(parents=True)
        path.write_text(COMMIT)
    return folder


def test_the_commit_of_cached_weights_is_that_of_their_branch(cache: Path) -> None:
    for revision in ("main", "v1", COMMIT):
        assert cached_commit(HubSource("a/b", revision)) == ""
    folder = snapshot(cache, "main")
    assert cached_commit(HubSource("a/b", "main")) == ""  # no weights yet
    save_file(TENSORS, folder / "model.safetensors")
    assert cached_commit(HubSource("a/b", "main")) == COMMIT
    assert cached_commit(HubSource("a/b", COMMIT)) == COMMIT
    assert cached_commit(HubSource("a/b", "v1")) == ""


def test_weights_with_a_missing_shard_are_not_cached(cache: Path) -> None:
    folder = snapshot(cache)
    save_file(TENSORS, folder / "model-0.safetensors")
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"weight": "model-0.safetensors"}}))
    assert cached_commit(HubSource("a/b", COMMIT)) == COMMIT
    index.write_text(json.dumps({"weight_map": {"weight": "model-1.safetensors"}}))
    assert cached_commit(HubSource("a/b", COMMIT)) == ""
    index.write_text("{")
    assert cached_commit(HubSource("a/b", COMMIT)) == ""


def test_shipped_encoders_take_a_checkpoint_of_the_hub_too(cache: Path) -> None:
    folder = snapshot(cache, "main")
    own = SHIPPED / "tiny-hyena"
    for name in ("config.json", "model.safetensors"):
        (folder / name).write_bytes((own / name).read_bytes())
    loaded, shipped = load_encoder("tiny-hyena", weights="hub:a/b"), load_encoder("tiny-hyena")
    assert loaded.weights_hash == shipped.weights_hash
    assert (loaded.revision, shipped.revision) == (COMMIT, "")


def test_weights_that_another_package_reads_have_no_commit(cache: Path) -> None:
    # Evo 2: no folder of tensors, but a file that its package downloads at the newest revision.
    folder = snapshot(cache, "main")
    (folder / "config.json").write_text("{}")
    (folder / "evo2_7b.pt").touch()
    assert cached_commit(HubSource("a/b", "main")) == ""


@pytest.mark.parametrize("lacking", ["config.json", "tokenizer.json"])
def test_offline_a_cache_that_another_program_filled_in_part_is_one_line(
    cache: Path, lacking: str
) -> None:
    folder = snapshot(cache, "main")
    save_file(TENSORS, folder / "model.safetensors")
    (folder / {"config.json": "tokenizer.json", "tokenizer.json": "config.json"}[lacking]).touch()
    with pytest.raises(UserError, match="`hf download a/b --revision main`") as told:
        load_encoder("dnabert2", weights="hub:a/b")
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("caduceus", "is a family; name one of it: caduceus-ph-1k, caduceus-ph-131k, caduceus-ps"),
        ("caduceuss", "is unknown; did you mean"),
    ],
)
def test_the_name_of_a_family_is_answered_with_its_cards(name: str, told: str) -> None:
    with pytest.raises(UserError, match=f"^encoder '{name}' {told}"):
        find_card(name)


def test_every_family_that_takes_tokens_from_a_file_says_which(tmp_path: Path) -> None:
    families = {card.family: name for name, card in cards().items() if name in small_folders()}
    for family, name in families.items():
        small_folders()[name](tmp_path / family)
        present = {file.name for file in (tmp_path / family).iterdir()} & {BPE, WORDS}
        assert present <= {*TOKENS.get(family, ())}
        assert bool(present) == (family in TOKENS)
    assert TOKENS.keys() <= families.keys()
