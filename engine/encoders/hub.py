"""Published weights: from the model hub at a pinned revision, or from a folder laid out like it.

No code of the hub is ever run: only configuration, tokenizer files and tensors are read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from engine.basics.errors import UserError

if TYPE_CHECKING:
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
