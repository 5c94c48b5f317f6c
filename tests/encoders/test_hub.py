"""Published weights: from a cache or a folder, as tensors only; told in one line when absent."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

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
    checkpoint_folder,
    hub_source,
)
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
