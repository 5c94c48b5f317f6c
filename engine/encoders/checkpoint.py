"""Weights of a network: drawn from a seed, hashed, and written to a folder."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from engine.basics.files import replacing, write_text

if TYPE_CHECKING:
    import torch
    from torch import nn

Network = TypeVar("Network", bound="nn.Module")

CONFIG, WEIGHTS = "config.json", "model.safetensors"


def state_hash(module: nn.Module) -> str:
    """SHA-256 over (name, dtype, shape, bytes) of the state dict, sorted by name.

    A network on the meta device has shapes but no values: names and shapes alone are hashed.
    """
    import torch

    digest = hashlib.sha256()
    for name, tensor in sorted(module.state_dict().items()):
        digest.update(f"{name}|{tensor.dtype}|{tuple(tensor.shape)}|".encode())
        if tensor.is_meta:
            continue
        # As bytes, because NumPy has no bfloat16.
        flat = tensor.detach().cpu().contiguous().flatten()
        digest.update(flat.view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def seeded(seed: int, build: Callable[[], Network]) -> Network:
    """Network with random weights that follow a seed; torch's own generator is left alone."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build()


def write_folder(
    folder: Path, config: Mapping[str, Any], module: nn.Module, dtype: torch.dtype
) -> None:
    """Store a network as `engine.encoders.hub` reads it; each file is renamed into place."""
    from safetensors.torch import save

    state = {
        name: t.detach().to("cpu", dtype).contiguous() for name, t in module.state_dict().items()
    }
    with replacing(folder / WEIGHTS) as temporary:
        temporary.write_bytes(save(state))
    write_text(folder / CONFIG, json.dumps(dict(config), indent=2) + "\n")
