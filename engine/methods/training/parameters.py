"""Parameters of a module: how they are drawn, which are trained and reached, and their files."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from engine.basics.errors import UserError
from engine.basics.files import replacing


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Draw from a seed, and leave the global generators, a GPU's too, as they were found."""
    with torch.random.fork_rng(devices=[] if device.type == "cpu" else [device]):
        torch.manual_seed(seed)
        yield


def trainable(module: nn.Module) -> dict[str, nn.Parameter]:
    """Parameters that will be trained, by name."""
    return {name: p for name, p in module.named_parameters() if p.requires_grad}


def train_only(network: nn.Module, chosen: Iterable[nn.Parameter]) -> None:
    """Freeze all parameters of a network but some."""
    wanted = {id(parameter) for parameter in chosen}
    for parameter in network.parameters():
        parameter.requires_grad_(id(parameter) in wanted)


def without_gradient(module: nn.Module, silent: tuple[str, ...] = ()) -> list[str]:
    """Names of trainable parameters that the last backward pass did not reach.

    Parameters
    ----------
    module : nn.Module
    silent : tuple of str
        Parts of names for which only a missing gradient counts; a zero one counts for all others.
    """
    return [
        name
        for name, parameter in trainable(module).items()
        if parameter.grad is None
        or not (parameter.grad.any() or any(part in name for part in silent))
    ]


def copied(module: nn.Module) -> dict[str, Tensor]:
    """Copies of the trainable parameters in main memory."""
    return {n: p.detach().to("cpu", copy=True) for n, p in trainable(module).items()}


def put(module: nn.Module, values: dict[str, Tensor]) -> None:
    """Give the trainable parameters the values that `copied` took."""
    with torch.no_grad():
        for name, parameter in trainable(module).items():
            parameter.copy_(values[name])


def save_parameters(module: nn.Module, file: Path) -> None:
    """Write the trainable parameters of a module to a safetensors file."""
    with replacing(file) as temporary:
        save_file(copied(module), temporary)


def load_parameters(module: nn.Module, file: Path) -> None:
    """Read what `save_parameters` wrote.

    Raises
    ------
    UserError
        If the file is not of such a module.
    """
    values, wanted = load_file(file), trainable(module)
    shapes = {name: tuple(value.shape) for name, value in values.items()}
    if shapes != {name: tuple(parameter.shape) for name, parameter in wanted.items()}:
        raise UserError(
            f"{file}: does not hold the trained weights of this model; load it with the encoder, "
            "method and hyperparameters that it was trained with"
        )
    put(module, values)


def save_module(module: nn.Module, file: Path, about: Mapping[str, Any]) -> None:
    """Write all weights of a module to a safetensors file, and what is to be known of it."""
    told = {key: json.dumps(value) for key, value in about.items()}
    with replacing(file) as temporary:
        save_file(module.state_dict(), temporary, told)


def load_state(file: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read what `save_module` wrote."""
    with safe_open(file, framework="pt") as opened:
        about = {key: json.loads(value) for key, value in opened.metadata().items()}
        return {name: opened.get_tensor(name) for name in opened.keys()}, about  # noqa: SIM118
