"""What the files of a package declare, and what other installed packages add to it.

A file of ours is found by its folder; one of another package is named by an entry point.

A package says in its ``pyproject.toml``

.. code-block:: toml

    [project.entry-points."dnasweep.encoders"]
    mine = "my_package.mine"

and ``my_package/mine.py`` is such a file as stands in ``engine/encoders/families``. See
docs/plugins.md.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property, partial
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType
from typing import Protocol, TypeVar

from engine.basics.errors import UserError

PREFIX = "dnasweep."


class Named(Protocol):
    """What registries hold."""

    @property
    def name(self) -> str:
        """What a study calls it."""


Declared = TypeVar("Declared", bound=Named)


def plugins(group: str) -> Iterator[tuple[ModuleType, str]]:
    """Modules that installed packages register, each imported, with what to call it in messages.

    Parameters
    ----------
    group : str
        ``encoders``, ``probes``, ``methods``, ``metrics``, ``sections`` or ``kinds``.

    Raises
    ------
    UserError
        If one cannot be imported; names its package and entry point.
    """
    for point in sorted(entry_points(group=PREFIX + group), key=lambda point: point.name):
        yield _imported(point), _named(point)


def _imported(point: EntryPoint) -> ModuleType:
    if point.attr:
        raise UserError(
            f"{_named(point)} names '{point.value}'; name the module alone, '{point.module}'"
        )
    try:
        return importlib.import_module(point.module)
    except Exception as error:  # whatever a stranger's file raises
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise UserError(
            f"{_named(point)} cannot be imported ({reason}); mend or uninstall the package"
        ) from error


def _named(point: EntryPoint) -> str:
    package = point.dist.name if point.dist else "unknown"
    return f"package '{package}': entry point {point.group}: {point.name}"


def declared(package: str, kind: type[Declared]) -> dict[str, Declared]:
    """What the files of a package declare of a kind, by name, in the order of the names."""
    found: dict[str, Declared] = {}
    for module in pkgutil.iter_modules(importlib.import_module(package).__path__):
        if not module.ispkg:
            inner = importlib.import_module(f"{package}.{module.name}")
            found.update({one.name: one for one in _held(inner, kind)})
    return dict(sorted(found.items()))


def with_plugins(
    group: str, kind: type[Declared], own: Mapping[str, Declared]
) -> dict[str, Declared]:
    """What a registry found in its own files, and what plug-ins declare beside it.

    Parameters
    ----------
    group : str
        As in `plugins`.
    kind : type
        A module declares what it has of this kind under names of its own, alone or in a tuple.
    own : mapping
        Name -> what the engine's files declare.

    Raises
    ------
    UserError
        If a plug-in cannot be imported, declares nothing of the kind, or a name that is taken.
    """
    found = dict(own)
    for module, said in plugins(group):
        added = [one for one in _held(module, kind) if own.get(one.name) is not one]
        if not added:
            raise UserError(f"{said}: {module.__name__} declares no {kind.__name__}")
        for one in added:
            if one.name in found:
                raise UserError(f"{said}: the name '{one.name}' is taken; give it another")
            found[one.name] = one
    return found


def _held(module: ModuleType, kind: type[Declared]) -> list[Declared]:
    """What stands in a module of a kind, each once, in its order."""
    values = list(vars(module).values())
    values += [inner for value in values if isinstance(value, tuple | list) for inner in value]
    return list({id(value): value for value in values if isinstance(value, kind)}.values())


class Registry(Mapping[str, Declared]):
    """Names -> what is registered; plug-ins are looked for when one of theirs may be meant.

    Parameters
    ----------
    group, kind
        As in `with_plugins`.
    own : callable
        Name -> what the engine's files declare; asked once, when it is needed.
    """

    def __init__(self, group: str, kind: type[Declared], own: Callable[[], Mapping[str, Declared]]):
        self._kind = kind
        self._find_own = own
        self._find_others = partial(with_plugins, group, kind)

    @cached_property
    def _own(self) -> Mapping[str, Declared]:
        return self._find_own()

    @cached_property
    def _all(self) -> dict[str, Declared]:
        return self._find_others(self._own)

    def register(self, one: Declared) -> None:
        """Add what was made in this process.

        Raises
        ------
        UserError
            If it is none of the kind, has no name, or another has its name.
        """
        if not isinstance(one, self._kind) or not one.name:
            raise UserError(f"{one!r}: register a {self._kind.__name__} with a name")
        if self._all.setdefault(one.name, one) is not one:
            raise UserError(f"the name '{one.name}' is taken; give what is registered another")

    def __getitem__(self, name: str) -> Declared:
        # A plug-in may be made of what stands here while it is looked for.
        return self._own[name] if name in self._own else self._all[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)
