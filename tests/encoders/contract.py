"""What the contract suite runs over: every network card, with a small folder of its layout.

A file ``small*.py`` beside this one declares ``SMALL``, from the name of a card to what writes its
folder, and may declare ``FAST``: names that the fast step runs beside the first of their family,
because their network is another.
"""

import importlib
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from engine.basics.errors import UserError
from engine.encoders import EncoderCard, cards, load_encoder
from engine.encoders.families.tiny import SHIPPED
from engine.encoders.registry import check_package


@cache
def small_files() -> list:
    """Every module of small folders."""
    files = sorted(Path(__file__).parent.glob("small*.py"))
    return [importlib.import_module(f"tests.encoders.{file.stem}") for file in files]


@cache
def small_folders() -> dict[str, Callable[[Path], None]]:
    """Card -> what writes a small folder for it."""
    found: dict[str, Callable[[Path], None]] = {}
    for module in small_files():
        for name, write in getattr(module, "SMALL", {}).items():
            if found.setdefault(name, write) is not write:
                raise ValueError(f"{module.__name__}: '{name}' has a small folder already")
    return found


def shipped(name: str) -> bool:
    """Whether the weights of a card stand in the repository."""
    return (SHIPPED / name).is_dir()


def cannot_run(card: EncoderCard) -> str:
    """Why a card is in no test of the suite, or nothing; to lack a small folder is no reason."""
    if card.name in small_folders():
        try:
            check_package(card)
        except UserError as error:
            return str(error)
    elif card.requires:
        return f"'{card.name}' runs on the package '{card.requires}', which knows no small folder"
    elif not card.hub and not shipped(card.name):
        return f"'{card.name}' loads a local folder only"
    return ""


def network_names() -> list[str]:
    """Names of all network cards."""
    return [name for name, card in cards().items() if card.kind == "network"]


def networks(where: Callable[[str], bool] = lambda name: True, variants: bool = True) -> list:
    """Network cards to parametrize by; one of a family in the fast step, for they share its code.

    Left out are cards that cannot be run here, those without a small folder, and those that are
    the same network there as another card: tests of the suite say so of each. Without
    ``variants``, so are the cards of the slow step.
    """
    fast = {name for module in small_files() for name in getattr(module, "FAST", ())}
    listed, seen = [], set()
    for name in filter(where, network_names()):
        if not runs(name) or (name not in fast and stand_in(name, where) != name):
            continue
        kind = name if shipped(name) else cards()[name].family
        if kind not in seen or name in fast:
            listed.append(name)
        elif variants:
            listed.append(pytest.param(name, marks=pytest.mark.slow))
        seen.add(kind)
    return listed


def runs(name: str) -> bool:
    """Whether a card has a network that can be run here."""
    return not cannot_run(cards()[name]) and (shipped(name) or name in small_folders())


def stand_in(name: str, where: Callable[[str], bool] = lambda name: True) -> str:
    """The first card of a family whose small folder the same function writes."""
    if shipped(name):
        return name
    family, write = cards()[name].family, small_folders()[name]
    return next(
        other
        for other in filter(where, network_names())
        if cards()[other].family == family and small_folders().get(other) is write
    )


def every_network(where: Callable[[str], bool] = lambda name: True):
    """Decorator: a test runs with the `encoder` of each network."""
    return pytest.mark.parametrize("encoder", networks(where), indirect=True)


def follows_the_seed(name):
    """Random weights of a card are the same of a seed, and others of another.

    Of a network of one layer, where a test makes it so: more draw more of the same.
    """
    first, same, other = (load_encoder(name, weights="random", seed=seed) for seed in (1, 1, 2))
    assert first.fingerprint == same.fingerprint != other.fingerprint
