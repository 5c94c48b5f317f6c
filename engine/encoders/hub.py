"""Published weights: from the model hub at a pinned revision, or from a folder laid out like it.

No code of the hub is ever run: only configuration, tokenizer files and tensors are read.
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor, nn

    from engine.encoders.base import LoadRequest

SAFETENSORS, SAFETENSORS_INDEX = "model.safetensors", "model.safetensors.index.json"
PICKLED, PICKLED_INDEX = "pytorch_model.bin", "pytorch_model.bin.index.json"
FILES = (
    "config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "vocab.txt",
    "*.safetensors",
    SAFETENSORS_INDEX,
)


def checkpoint_folder(request: LoadRequest) -> Path:
    """Folder that holds a checkpoint, downloaded first where it must be.

    Parameters
    ----------
    request : LoadRequest
        ``weights`` is ``"hub"`` or a local folder.

    Raises
    ------
    UserError
        If the folder is missing, or the hub cannot be reached and the files are not in its cache;
        names the command that fetches them.
    """
    if request.weights != "hub":
        folder = Path(request.weights)
        if not (folder / "config.json").is_file():
            raise UserError(
                f"weights '{folder}': no config.json; give a folder laid out as the hub"
            )
        return folder
    card = request.card
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    def fetch(patterns: Collection[str], offline: bool) -> Path:
        return Path(
            snapshot_download(
                card.hub,
                revision=card.revision,
                allow_patterns=list(patterns),
                local_files_only=offline,
            )
        )

    try:
        try:
            folder = fetch(FILES, offline=True)
            if _weight_files(folder):
                return folder
        except LocalEntryNotFoundError:
            pass
        folder = fetch(FILES, offline=False)
        # Pickled tensors only where there are no others.
        return (
            folder if _weight_files(folder) else fetch((*FILES, "*.bin", "*.bin.index.json"), False)
        )
    except (LocalEntryNotFoundError, HfHubHTTPError, OSError) as error:
        raise UserError(
            f"encoder '{card.name}': its weights are not here and the hub does not give them "
            f"({type(error).__name__}); on a machine with network run "
            f"`hf download {card.hub} --revision {card.revision}`, or give weights: PATH"
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

    files = _weight_files(folder)
    if not files:
        raise UserError(f"weights '{folder}': neither {SAFETENSORS} nor {PICKLED}")
    tensors: dict[str, Tensor] = {}
    for file in files:
        try:
            if file.suffix == ".safetensors":
                tensors |= load_file(file)
            else:
                tensors |= torch.load(file, map_location="cpu", weights_only=True)
        except (SafetensorError, pickle.UnpicklingError, OSError, RuntimeError) as error:
            reason = str(error).splitlines()[0]
            raise UserError(f"{file}: cannot be read as tensors ({reason})") from None
    return tensors


def load_published(
    network: nn.Module,
    tensors: Mapping[str, Tensor],
    folder: Path,
    *,
    rename: Callable[[str], str | None],
) -> None:
    """Copy published tensors into a network; each of its own must come, and none be left over.

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
        For a missing or unexpected tensor, or one of another shape.
    """
    given = {own: tensor for name, tensor in tensors.items() if (own := rename(name)) is not None}
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


def _weight_files(folder: Path) -> list[Path]:
    """Files of a checkpoint's tensors: safetensors before pickled ones, all shards of an index."""
    for whole, index in ((SAFETENSORS, SAFETENSORS_INDEX), (PICKLED, PICKLED_INDEX)):
        if (folder / whole).is_file():
            return [folder / whole]
        if (folder / index).is_file():
            shards = json.loads((folder / index).read_text(encoding="utf-8"))["weight_map"]
            return [folder / name for name in sorted(set(shards.values()))]
    return []
