"""Weights in a folder: ``config.json`` and ``model.safetensors``; and the hash of a network."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.errors import UserError
from engine.files import replacing, write_text

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

CONFIG, WEIGHTS = "config.json", "model.safetensors"


def state_hash(module: nn.Module) -> str:
    """SHA-256 over (name, dtype, shape, bytes) of the state dict, sorted by name."""
    import torch

    digest = hashlib.sha256()
    for name, tensor in sorted(module.state_dict().items()):
        digest.update(f"{name}|{tensor.dtype}|{tuple(tensor.shape)}|".encode())
        # As bytes, because NumPy has no bfloat16.
        flat = tensor.detach().cpu().contiguous().flatten()
        digest.update(flat.view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def read_folder(folder: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Configuration and tensors of a folder.

    Returns
    -------
    config : dict
    state : dict of str to Tensor
        Floating tensors as float32, however they are stored.

    Raises
    ------
    UserError
        If a file is absent or cannot be read.
    """
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    for name in (CONFIG, WEIGHTS):
        if not (folder / name).is_file():
            raise UserError(
                f"weights '{folder}': no {name}; give a folder with {CONFIG} and {WEIGHTS}"
            )
    try:
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"{folder / CONFIG}: not JSON ({error})") from error
    if not isinstance(config, dict):
        raise UserError(f"{folder / CONFIG}: not a JSON object; give the sizes by name")
    try:
        state = load_file(folder / WEIGHTS)
    except SafetensorError as error:
        raise UserError(f"{folder / WEIGHTS}: not a safetensors file ({error})") from error
    return config, {
        name: tensor.to(torch.float32) if tensor.is_floating_point() else tensor
        for name, tensor in state.items()
    }


def write_folder(
    folder: Path, config: Mapping[str, Any], module: nn.Module, dtype: torch.dtype
) -> None:
    """Store a network so that `read_folder` finds it; each file is renamed into place."""
    from safetensors.torch import save

    state = {
        name: t.detach().to("cpu", dtype).contiguous() for name, t in module.state_dict().items()
    }
    with replacing(folder / WEIGHTS) as temporary:
        temporary.write_bytes(save(state))
    write_text(folder / CONFIG, json.dumps(dict(config), indent=2) + "\n")
