"""Where each key of a study was said: in its file, or by an option of the command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

#: An option whose message names the key too, since its text holds more than the value.
SET = "--set"


@dataclass(frozen=True)
class Source:
    """Where the keys of a study were said, for messages.

    Attributes
    ----------
    name : str
        The study file, or what stands for one.
    options : mapping
        Dotted key -> what gave it, as it was typed: ``--set metric=mcc``, ``-e kmer``; in Python,
        ``keyword encoders``.
    """

    name: str
    options: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.name

    def at(self, key: str) -> str:
        """``FILE: KEY``; or the option that gave the key, or what the key stands in."""
        parts = key.split(".")
        for length in range(len(parts), 0, -1):
            option = self.options.get(".".join(parts[:length]))
            if option is not None:
                inner = ".".join(parts if option.startswith(SET) else parts[length:])
                return f"{option}: {inner}" if inner else option
        return f"{self.name}: {key}"

    def of(self, key: str, name: str) -> str:
        """Where an entry of a list was said: the option that gave it, else ``FILE: KEY``."""
        return self.at(f"{key}.{name}") if f"{key}.{name}" in self.options else self.at(key)

    def changed(self, *keys: str) -> bool:
        """Whether an option gave one of these keys."""
        return any(key in self.options for key in keys)

    def naming(self, key: str, names: Sequence[str]) -> Source:
        """The same, where entries of a list are known by their names too."""
        entries = {
            f"{key}.{name}": self.options[f"{key}.{number}"]
            for number, name in enumerate(names)
            if f"{key}.{number}" in self.options
        }
        return replace(self, options={**self.options, **entries})
