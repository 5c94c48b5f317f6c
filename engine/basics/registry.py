"""What the files of a package declare, found by name."""

import importlib
import pkgutil
from typing import Any, TypeVar

N = TypeVar("N", bound=Any)


def declared(package: str, sort: type[N]) -> dict[str, N]:
    """What the files of a package declare of a sort, by name, in the order of the names."""
    found = {}
    for module in pkgutil.iter_modules(importlib.import_module(package).__path__):
        if not module.ispkg:
            held = vars(importlib.import_module(f"{package}.{module.name}")).values()
            found.update({one.name: one for one in held if isinstance(one, sort)})
    return dict(sorted(found.items()))
