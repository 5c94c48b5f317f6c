"""Weights in a folder: ``config.json`` and ``model.safetensors``; and the hash of a network."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.errors import UserError

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

    folder.mkdir(parents=True, exist_ok=True)
    state = {
        name: t.detach().to("cpu", dtype).contiguous() for name, t in module.state_dict().items()
    }
    write_file(folder / WEIGHTS, save(state))
    write_file(folder / CONFIG, (json.dumps(dict(config), indent=2) + "\n").encode())


def write_file(path: Path, content: bytes) -> None:
    """Write a file under a temporary name, then rename it."""
    part = path.with_name(f".{path.name}.{os.getpid()}")
    part.write_bytes(content)
    os.replace(part, path)


def load_state(module: nn.Module, state: Mapping[str, Tensor], where: Path) -> None:
    """Copy tensors into a network; every name and shape must match.

    Raises
    ------
    UserError
        If a tensor is missing, unexpected, or of another shape.
    """
    own = module.state_dict()
    missing = sorted(own.keys() - state.keys())
    unexpected = sorted(state.keys() - own.keys())
    if missing or unexpected:
        raise UserError(
            f"{where}: the tensors are not those of the network of {CONFIG}; "
            f"{len(missing)} missing ({', '.join(missing[:3])}), "
            f"{len(unexpected)} unexpected ({', '.join(unexpected[:3])})"
        )
    for name, tensor in own.items():
        if tensor.shape != state[name].shape:
            raise UserError(
                f"{where}: '{name}' has shape {tuple(state[name].shape)}, "
                f"the network of {CONFIG} needs {tuple(tensor.shape)}"
            )
    module.load_state_dict(dict(state))
