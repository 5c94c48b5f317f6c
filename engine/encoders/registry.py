"""How an encoder is found by name and loaded.

A family is one file in ``families/`` that declares ``CARDS``. Family files are light (no torch at
import), so that a wrong name in a study is told at once; the network a family needs is imported
when it is loaded.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path

from engine.basics.errors import UserError, nearest
from engine.basics.files import file_hash
from engine.basics.package import PACKAGE
from engine.basics.plugins import with_plugins
from engine.encoders.base import Encoder, EncoderCard, FeatureEncoder, LoadRequest


@cache
def cards() -> dict[str, EncoderCard]:
    """All registered encoders by name: of the files of ``families/``, and of plug-ins."""
    package = importlib.import_module("engine.encoders.families")
    found: dict[str, EncoderCard] = {}
    for module in pkgutil.iter_modules(package.__path__):
        family = importlib.import_module(f"engine.encoders.families.{module.name}")
        for card in getattr(family, "CARDS", ()):
            if card.name in found:
                raise ValueError(f"two encoders are called {card.name!r}")
            found[card.name] = card
    return with_plugins("encoders", EncoderCard, found)


def find_card(name: str) -> EncoderCard:
    """Card of a name.

    Raises
    ------
    UserError
        If no encoder has that name; tells the nearest one, or those of the family of that name.
    """
    known = cards()
    if name not in known:
        family = [card.name for card in known.values() if card.family == name]
        if family:
            raise UserError(f"encoder '{name}' is a family; name one of it: {', '.join(family)}")
        raise UserError(f"encoder '{name}' is unknown; {nearest(name, known)}")
    return known[name]


def check_package(card: EncoderCard) -> None:
    """Find the package that a card requires, without importing it.

    Raises
    ------
    UserError
        If it is not installed.
    """
    if card.requires and importlib.util.find_spec(card.requires.replace("-", "_")) is None:
        raise UserError(
            f"encoder '{card.name}' needs the package '{card.requires}', which is not installed; "
            f"run `pip install {card.requires}` (what else it needs: {card.source})"
        )


def code_of(card: EncoderCard) -> list[Path]:
    """Files of code that the values of an encoder may depend on: all of this package, a plug-in's.

    Of a plug-in that is a package, all of its modules.
    """
    files = sorted((PACKAGE / "encoders").rglob("*.py"))
    load = getattr(card.load, "func", card.load)  # a partial says whose it is by its function
    top = load.__module__.split(".")[0]
    if top == PACKAGE.name:
        return files
    file = Path(sys.modules[top].__file__ or sys.modules[load.__module__].__file__ or "")
    return files + (sorted(file.parent.rglob("*.py")) if file.name == "__init__.py" else [file])


def is_folder(name: str) -> bool:
    """Whether the name of an encoder is meant as a folder: it has a slash, or starts with a dot."""
    return "/" in name or name.startswith((".", "~"))


def card_of_folder(folder: Path) -> str:
    """Name of the card whose code a folder of weights runs on, as its ``config.json`` tells.

    Raises
    ------
    UserError
        If there is no such folder, or nothing in it says what network it holds.
    """
    from engine.encoders.checkpoint import read_config
    from engine.encoders.families.native import own_card

    if not folder.is_dir():
        beside = folder.absolute().parent
        there = [path.name for path in beside.iterdir() if path.is_dir()] if beside.is_dir() else []
        hint = nearest(folder.name, there)
        like = f"; {hint}" if hint.startswith("did you mean") else ""
        raise UserError(f"encoder '{folder}': no such folder{like}")
    config = read_config(folder)
    shipped = str(config.get("encoder", ""))
    return shipped if shipped in cards() else own_card(config) or "transformers"


def best_device() -> str:
    """The device of this process: Ray hides the GPUs from a worker that was given none."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def load_encoder(
    name: str | Path,
    *,
    weights: str | Path = "hub",
    device: str = "cpu",
    dtype: str = "float32",
    seed: int = 0,
    max_bases: int = 0,
) -> Encoder | FeatureEncoder:
    """Load an encoder by name, or from a folder of weights.

    Parameters
    ----------
    name : str or Path
        A name that ``dnasweep list encoders`` shows; or a folder, ``./my_model``, whose
        ``config.json`` tells the code that it runs on.
    weights : {"hub", "random"}, hub:OWNER/NAME[@REVISION] or path
        Published (or shipped) weights, random ones, another checkpoint of the same family on the
        model hub, or a local folder laid out the same way.
    device, dtype : str
        Where the network goes and in which precision.
    seed : int
        Draws random weights; no effect otherwise.
    max_bases : int
        Longest sequence of the task; position-aware features size themselves by it.

    Returns
    -------
    Encoder or FeatureEncoder
        A network that gives hidden states of tokens; or features, one vector a sequence.

    Raises
    ------
    UserError
        If the name is unknown, a package is missing, or the weights cannot be had.

    Examples
    --------
    >>> encoder = dnasweep.load_encoder("tiny-bert")
    >>> tokens = encoder.tokenize(["ACGTACGT", "GGC"])
    >>> encoder(tokens.input_ids, tokens.attention_mask).shape
    torch.Size([2, 4, 128])
    """
    from engine.encoders.hub import cached_commit, checkpoint_folder, hub_source

    if weights == "hub" and (isinstance(name, Path) or is_folder(name)):
        weights = Path(name).expanduser()
        name = card_of_folder(weights)
    card = find_card(str(name))
    check_package(card)
    request = LoadRequest(card, str(weights), seed, max_bases)
    source = hub_source(card, request.weights) if card.kind == "network" else None
    if source and request.weights != "hub":
        request = replace(request, weights=str(checkpoint_folder(request)))
    encoder = card.load(request)
    if isinstance(encoder, Encoder):
        import torch

        encoder.network.to(device=torch.device(device), dtype=getattr(torch, dtype)).eval()
        encoder = replace(
            encoder,
            settings=_settings(request, source is not None),
            revision=cached_commit(source) if source else "",
        )
    return encoder


def _settings(request: LoadRequest, from_hub: bool) -> str:
    """Hash of the ``config.json`` that came with weights: heads or norms change no tensor."""
    from engine.encoders.hub import checkpoint_folder

    if from_hub and not request.card.requires:
        return file_hash(checkpoint_folder(request) / "config.json")
    file = Path(request.weights) / "config.json"
    given = request.weights not in ("hub", "random")
    return file_hash(file) if given and file.is_file() else ""
