"""What a network is built from: its configuration, and tensors or weights drawn from a seed."""

from __future__ import annotations

import hashlib
import json
import math
import pickle
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, get_type_hints

from engine.basics.errors import UserError, first_line
from engine.basics.files import replacing, write_text
from engine.encoders.hub import PICKLED, SAFETENSORS, checkpoint_folder, weight_files

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from engine.encoders.base import LoadRequest

Network = TypeVar("Network", bound="nn.Module")

CONFIG = "config.json"


@dataclass(frozen=True)
class Checkpoint:
    """Configuration of a network, and where its weights come from.

    Attributes
    ----------
    folder : Path or None
        A folder laid out as the hub; None where weights are drawn.
    config : mapping
        Keys of its ``config.json``, or those that are published.
    seed : int
        Draws random weights.
    """

    folder: Path | None
    config: Mapping[str, Any]
    seed: int

    @classmethod
    def of(cls, request: LoadRequest, published: Mapping[str, Any]) -> Checkpoint:
        """What a request asks for; random weights are those of the published configuration."""
        if request.weights == "random":
            return cls(None, published, request.seed)
        folder = checkpoint_folder(request)
        return cls(folder, read_config(folder), request.seed)

    @property
    def where(self) -> str:
        """Whose configuration it is, for messages."""
        return str(self.folder / CONFIG) if self.folder else "the published configuration"

    def fill(
        self,
        build: Callable[[], Network],
        rename: Callable[[str], str | None],
        check: Callable[[Mapping[str, Tensor]], None] | None = None,
    ) -> Network:
        """Network with random weights, or those of the folder.

        Parameters
        ----------
        build : callable
            Makes the network.
        rename : callable
            See `load_published`.
        check : callable, optional
            Takes the published tensors, and raises a `UserError` where they are not supported.
        """
        if self.folder is None:
            return seeded(self.seed, build)
        network, tensors = build(), read_tensors(self.folder)
        if check is not None:
            check(tensors)
        load_published(network, tensors, self.folder, rename=rename)
        return network


def read_config(folder: Path) -> dict[str, Any]:
    """``config.json`` of a checkpoint; see `read_object`."""
    return read_object(folder / CONFIG)


def read_object(path: Path) -> dict[str, Any]:
    """A file's JSON object.

    Raises
    ------
    UserError
        If there is none.
    """
    try:
        read = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read ({error})") from None
    if not isinstance(read, dict):
        raise UserError(f"{path}: not a JSON object")
    return read


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


def read_sizes(kind: type, config: Mapping[str, Any], where: object) -> dict[str, Any]:
    """Values of the number fields of a dataclass of sizes, by its names; see `check_numbers`."""
    numbers = {name: hint for name, hint in get_type_hints(kind).items() if hint in (int, float)}
    whole = [name for name, hint in numbers.items() if hint is int]
    check_numbers(config, where, whole=whole, real=numbers.keys() - set(whole))
    return {name: config[name] for name in numbers}


def check_values(config: Mapping[str, Any], where: object, wanted: Mapping[str, Any]) -> None:
    """Find that keys of a configuration have the one value that is known.

    Raises
    ------
    UserError
        If one has not; ``where`` says whose.
    """
    for key, value in wanted.items():
        if (found := config.get(key)) != value:
            raise UserError(f"{where}: key '{key}' is {found!r}; only {value!r} is supported")


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
            reason = first_line(error)
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


def state_hash(module: nn.Module) -> str:
    """`tensor_hash` of the state dict."""
    return tensor_hash(module.state_dict())


def tensor_hash(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 over (name, dtype, shape, bytes) of tensors, sorted by name.

    One on the meta device has a shape but no values: its name and shape alone are hashed.
    """
    import torch

    digest = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
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
    """Store a network as `Checkpoint` reads it; each file is renamed into place."""
    from safetensors.torch import save

    state = {
        name: t.detach().to("cpu", dtype).contiguous() for name, t in module.state_dict().items()
    }
    with replacing(folder / SAFETENSORS) as temporary:
        temporary.write_bytes(save(state))
    write_text(folder / CONFIG, json.dumps(dict(config), indent=2) + "\n")
