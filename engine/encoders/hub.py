"""Published weights: from the model hub at a pinned revision, or from a folder laid out like it.

No code of the hub is ever run: only configuration, tokenizer files and tensors are read.
"""

from __future__ import annotations

import json
import math
import pickle
import re
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from engine.basics.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor, nn

    from engine.encoders.base import EncoderCard, LoadRequest

SAFETENSORS, SAFETENSORS_INDEX = "model.safetensors", "model.safetensors.index.json"
PICKLED, PICKLED_INDEX = "pytorch_model.bin", "pytorch_model.bin.index.json"
FILES = (
    "config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.txt",
    "*.safetensors",
    SAFETENSORS_INDEX,
)
PICKLED_FILES = ("*.bin", "*.bin.index.json")

BPE, WORDS = "tokenizer.json", "vocab.txt"
TOKENS = {
    "dnabert": (WORDS,),
    "dnabert2": (BPE,),
    "gena": (BPE,),
    "generator": (WORDS,),
    "genomeocean": (BPE,),
    "grover": (BPE,),
    "mistral-dna": (BPE,),
    "nucleotide-transformer": (WORDS,),
    "specieslm": (WORDS, BPE),
    "transformers": (BPE, WORDS),
}
"""Which file a family takes its tokens from, any one of those named. Other families have a rule for
them. Another program that shares the hub's cache may have left it out."""

HUB_PREFIX, DEFAULT_REVISION = "hub:", "main"
FORM = "write hub:OWNER/NAME or hub:OWNER/NAME@REVISION"
REACH_SECONDS = 10.0

_PART = re.compile(r"\w(?:[\w.-]*\w)?", re.ASCII)
_REVISION = re.compile(r"\w[\w./-]*", re.ASCII)


class HubSource(NamedTuple):
    """A repository of the model hub at a revision.

    Attributes
    ----------
    repository : str
        ``OWNER/NAME``.
    revision : str
        A 40-character commit, which never changes, or a branch or tag, which can.
    """

    repository: str
    revision: str

    @property
    def pinned(self) -> bool:
        """Whether the revision is a commit, so that it always means the same files."""
        return re.fullmatch(r"[0-9a-f]{40}", self.revision) is not None

    @property
    def command(self) -> str:
        """The command that puts the files into the hub's cache."""
        return f"hf download {self.repository} --revision {self.revision}"


def hub_source(card: EncoderCard, weights: str) -> HubSource | None:
    """Where on the hub weights come from; none for shipped, random and local ones.

    Parameters
    ----------
    card : EncoderCard
    weights : str
        ``"hub"`` for the card's own, or ``hub:OWNER/NAME[@REVISION]`` for any other checkpoint of
        the family; the revision is ``main`` where it is left out.

    Raises
    ------
    UserError
        If what follows ``hub:`` is no such name.
    """
    if weights == "hub":
        return HubSource(card.hub, card.revision or DEFAULT_REVISION) if card.hub else None
    if not weights.startswith(HUB_PREFIX):
        return None
    repository, at, revision = weights.removeprefix(HUB_PREFIX).partition("@")
    parts = repository.split("/")
    named = len(parts) == 2 and all(_PART.fullmatch(part) for part in parts)
    # The hub's own rules, so that its client has nothing left to refuse.
    if not named or len(repository) > 96 or re.search(r"--|\.\.|\.git$", repository):
        raise UserError(f"weights '{weights}': '{repository}' is no OWNER/NAME of the hub; {FORM}")
    if at and (not _REVISION.fullmatch(revision) or ".." in revision):
        raise UserError(f"weights '{weights}': '{revision}' is no commit, branch or tag; {FORM}")
    return HubSource(repository, revision or DEFAULT_REVISION)


def cached_commit(source: HubSource) -> str:
    """Commit of a source whose weights are in the hub's cache; empty where they are not.

    Only looks at paths: no request, and no import that takes time.
    """
    from huggingface_hub import constants

    name = source.repository.replace("/", "--")
    repository = Path(constants.HF_HUB_CACHE).expanduser() / f"models--{name}"
    commit = source.revision
    if not source.pinned:
        reference = repository / "refs" / source.revision
        commit = reference.read_text(encoding="utf-8").strip() if reference.is_file() else ""
    snapshot = repository / "snapshots" / commit
    return commit if commit and _complete(snapshot) else ""


def offline() -> bool:
    """Whether the user has shut the hub off (``HF_HUB_OFFLINE``)."""
    from huggingface_hub import constants

    return bool(constants.HF_HUB_OFFLINE)


def checkpoint_folder(request: LoadRequest) -> Path:
    """Folder that holds a checkpoint, downloaded first where it must be.

    What is in the hub's cache is used without any request, also where the revision is a branch that
    has moved since; what another program has left out of it is fetched. A download that breaks is
    resumed, and leaves no file that is not whole.

    Parameters
    ----------
    request : LoadRequest
        ``weights`` is ``"hub"``, ``hub:OWNER/NAME[@REVISION]`` or a local folder.

    Raises
    ------
    UserError
        If the folder is missing, or the hub cannot be reached and the files are not in its cache;
        names the command that fetches them.
    """
    source = hub_source(request.card, request.weights)
    if source is None:
        folder = Path(request.weights)
        if not (folder / "config.json").is_file():
            raise UserError(
                f"weights '{folder}': no config.json; give a folder laid out as the hub"
            )
        return folder
    from huggingface_hub import HfApi, errors, snapshot_download

    def fetch(patterns: Collection[str], local: bool) -> Path:
        return Path(
            snapshot_download(
                source.repository,
                revision=source.revision,
                allow_patterns=list(patterns),
                local_files_only=local,
            )
        )

    try:
        try:
            folder = fetch(FILES, local=True)
            if _complete(folder) and _readable(folder, request.card.family):
                return folder
        except errors.LocalEntryNotFoundError:
            pass
        # Asked once with a limit: the download itself would try for minutes to reach a hub that is
        # not there.
        HfApi().model_info(source.repository, revision=source.revision, timeout=REACH_SECONDS)
        folder = fetch(FILES, local=False)
        # Pickled tensors only where there are no others.
        return folder if weight_files(folder) else fetch((*FILES, *PICKLED_FILES), local=False)
    # The base of all errors of the client's HTTP library, whichever that is.
    except (errors.HTTPError, OSError) as error:  # type: ignore[attr-defined]
        raise UserError(
            f"encoder '{request.card.name}': its weights are not here and the hub does not give "
            f"them ({_reason(error, source)}); on a machine with network run `{source.command}`, "
            "or give weights: PATH"
        ) from None


def read_config(folder: Path) -> dict[str, Any]:
    """``config.json`` of a checkpoint.

    Raises
    ------
    UserError
        If it is not a JSON object.
    """
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{folder / 'config.json'}: cannot be read ({error})") from None
    if not isinstance(config, dict):
        raise UserError(f"{folder / 'config.json'}: not a JSON object")
    return config


def check_numbers(
    config: Mapping[str, Any],
    where: object,
    *,
    whole: Collection[str] = (),
    real: Collection[str] = (),
) -> None:
    """Find that keys of a configuration, whole or real numbers, are there, and above 0.

    Raises
    ------
    UserError
        If one is not, or heads do not divide the width; ``where`` says whose.
    """
    for key in (*whole, *real):
        value = config.get(key)
        kind = (int,) if key in whole else (int, float)
        # True is an int; NaN and Infinity are read from JSON too.
        if type(value) not in kind or not 0 < value < math.inf:  # type: ignore[operator]
            noun = "a whole number" if key in whole else "a number"
            raise UserError(f"{where}: key '{key}' is {value!r}, not {noun} above 0")
    for heads in {"heads", "num_attention_heads"} & {*whole}:
        # Where the size of a head is said, heads together need not be as wide as the network.
        if not config.get("head_dim") and config["hidden_size"] % config[heads]:
            raise UserError(
                f"{where}: key '{heads}' is {config[heads]}, which does not divide 'hidden_size', "
                f"{config['hidden_size']}"
            )


def read_tensors(folder: Path) -> dict[str, Tensor]:
    """Every tensor of a checkpoint, whole or in shards, by its published name.

    Raises
    ------
    UserError
        If there are no weight files, or one is damaged or holds more than tensors.
    """
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    files = weight_files(folder)
    if not files:
        raise UserError(f"weights '{folder}': neither {SAFETENSORS} nor {PICKLED}")
    tensors: dict[str, Tensor] = {}
    for file in files:
        try:
            if file.suffix == ".safetensors":
                read = load_file(file)
            else:
                read = torch.load(file, map_location="cpu", weights_only=True)
        # EOFError: an empty file.
        except (SafetensorError, pickle.UnpicklingError, EOFError, OSError, RuntimeError) as error:
            reason = next(iter(str(error).splitlines()), type(error).__name__)
            raise UserError(f"{file}: cannot be read as tensors ({reason})") from None
        if not isinstance(read, dict) or not all(map(torch.is_tensor, read.values())):
            raise UserError(f"{file}: not tensors by name; give a state dict and nothing beside it")
        tensors |= read
    return tensors


def load_published(
    network: nn.Module,
    tensors: Mapping[str, Tensor],
    folder: Path,
    *,
    rename: Callable[[str], str | None],
) -> None:
    """Copy published tensors into a network; each of its own must come, and none be left over.

    A tensor that the network has once may be published under several names, if it is the same.

    Parameters
    ----------
    network : nn.Module
    tensors : mapping
        By published name.
    folder : Path
        For messages.
    rename : callable
        Published name -> name in the network, or none for a tensor that is documented as not
        needed (a language-model head, a pooler).

    Raises
    ------
    UserError
        For a missing or unexpected tensor, one of another shape, or two for one that differ.
    """
    import torch

    given: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        own = rename(name)
        if own is None:
            continue
        first = given.setdefault(own, tensor)
        if first.dtype != tensor.dtype or not torch.equal(first, tensor):
            raise UserError(
                f"weights '{folder}': '{name}' differs from another tensor that stands for "
                f"'{own}' too, of which the network has one"
            )
    expected = network.state_dict()
    missing = sorted(expected.keys() - given.keys())
    unexpected = sorted(given.keys() - expected.keys())
    if missing or unexpected:
        raise UserError(
            f"weights '{folder}': they do not fit the network; missing {missing[:3]} "
            f"({len(missing)}), unexpected {unexpected[:3]} ({len(unexpected)})"
        )
    for name, tensor in expected.items():
        if tensor.shape != given[name].shape:
            raise UserError(
                f"weights '{folder}': '{name}' has shape {tuple(given[name].shape)}, config.json "
                f"asks for {tuple(tensor.shape)}"
            )
    network.load_state_dict(given)


def weight_files(folder: Path) -> list[Path]:
    """Files of a checkpoint's tensors: safetensors before pickled ones, all shards of an index.

    Raises
    ------
    UserError
        If an index does not name files of the folder.
    """
    for whole, index in ((SAFETENSORS, SAFETENSORS_INDEX), (PICKLED, PICKLED_INDEX)):
        if (folder / whole).is_file():
            return [folder / whole]
        if (folder / index).is_file():
            return [folder / name for name in _shards(folder / index)]
    return []


def _shards(index: Path) -> list[str]:
    """Files that an index names."""
    try:
        shards = sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
        plain = all(Path(n).name == n and n.endswith((".safetensors", ".bin")) for n in shards)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        plain = False
    if not plain:
        raise UserError(
            f"{index}: not an index; key 'weight_map' must give each tensor a file of this folder"
        )
    return shards


def _complete(folder: Path) -> bool:
    """Whether a folder has a checkpoint's tensors, every shard of them."""
    try:
        files = weight_files(folder)
    except UserError:
        return False
    return bool(files) and all(file.is_file() for file in files)


def _readable(folder: Path, family: str) -> bool:
    """Whether a folder has the configuration, and what the family takes its tokens from."""
    tokens = TOKENS.get(family)
    return (folder / "config.json").is_file() and (
        tokens is None or any((folder / name).is_file() for name in tokens)
    )


def _reason(error: Exception, source: HubSource) -> str:
    """Why the hub gave nothing, in a few words."""
    from huggingface_hub import errors

    if isinstance(error, errors.GatedRepoError):
        page = f"https://huggingface.co/{source.repository}"
        return f"accept the terms at {page}, then run `hf auth login`"
    if isinstance(error, errors.RevisionNotFoundError):
        return f"{source.repository} has no revision '{source.revision}'"
    if isinstance(error, errors.RepositoryNotFoundError):
        return f"no repository {source.repository}, or it is private: run `hf auth login`"
    lines = str(error.__cause__ or error).splitlines()
    return f"{type(error.__cause__ or error).__name__}: {lines[0] if lines else 'no reason given'}"
