"""Tables for the terminal: rows of equal keys, and what a study can name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from engine.basics.errors import UserError, nearest

if TYPE_CHECKING:
    from engine.encoders import EncoderCard


@dataclass(frozen=True)
class Listing:
    """Rows of equal keys, and the same in brief where a terminal has no room for all."""

    rows: list[dict[str, Any]]
    brief: list[dict[str, Any]] | None = None

    def rich(self) -> Table:
        """As a table for the terminal."""
        rows = self.brief or self.rows
        table = Table(box=None, pad_edge=False, header_style="bold")
        for name in rows[0] if rows else ():
            values = [row[name] for row in rows]
            numbers = all(isinstance(value, int | float | Count) for value in values)
            table.add_column(
                name.replace("_", "\n" if numbers else " "),
                justify="right" if numbers else "left",
                # Names are copied from here, so they stay whole; text gives way.
                no_wrap=numbers or name == "name",
                overflow="fold",
            )
        for row in rows:
            shown = (f"{v:,}" if isinstance(v, int) else str(v) for v in row.values())
            table.add_row(*map(Text, shown))
        return table


@dataclass(frozen=True)
class Count:
    """A number that is shown in a few characters: 12,282 or 117M; 0 by a word."""

    value: int
    zero: str = "-"

    def __str__(self) -> str:
        if not self.value:
            return self.zero
        for unit, size in (("B", 10**9), ("M", 10**6), ("k", 10**3)):
            if self.value >= max(size, 10**5):
                scaled = self.value / size
                return f"{scaled:.0f}{unit}" if scaled >= 10 else f"{scaled:.1f}{unit}"
        return f"{self.value:,}"


def listing(what: str) -> Listing:
    """List encoders, tasks, methods or studies; UserError for any other word."""
    makers = {"encoders": _encoders, "tasks": _tasks, "methods": _methods, "studies": _studies}
    if what not in makers:
        raise UserError(f"list {what}: {nearest(what, makers)}")
    rows = makers[what]()
    if what == "encoders":
        return Listing(rows, [_brief_encoder(row) for row in rows])
    return Listing(rows, _brief_methods() if what == "methods" else None)


def _encoders() -> list[dict[str, Any]]:
    from engine.encoders import cards

    def size(value: int, card: EncoderCard, zero: str) -> int | str:
        known = card.kind == "features" or card.hidden_size
        return value or (zero if known else "by weights")

    return [
        {
            "name": card.name,
            "family": card.family,
            "kind": card.kind,
            "parameters": card.parameters,
            "hidden_size": size(card.hidden_size, card, "by task"),
            "tokens": card.tokens,
            "max_tokens": size(card.max_tokens, card, "no limit"),
            "max_bases": size(card.max_bases, card, "no limit"),
            "licence": card.licence,
            "weights": _where(card),
            "hub": card.hub,
            "revision": card.revision,
            "requires": card.requires,
            "poolings": list(card.poolings),
            "trained_on": card.trained_on,
            "source": card.source,
            "citation": card.citation,
        }
        for card in cards().values()
    ]


def _where(card: EncoderCard) -> str:
    """Where the weights of a card are: none are needed, shipped, cached, no (not here) ..."""
    from engine.encoders.hub import cached_commit, hub_source

    if card.kind == "features":
        return "none"
    if card.requires:
        return f"by {card.requires}"
    source = hub_source(card, "hub")
    if source is None:
        return "shipped" if card.hidden_size else "yours"
    return "cached" if cached_commit(source) else "no"


def _brief_encoder(row: dict[str, Any]) -> dict[str, Any]:
    """An encoder as one line of a terminal."""
    short = {"no limit": "any", "by weights": "-"}

    def number(key: str) -> Count:
        value = row[key]
        return Count(value) if isinstance(value, int) else Count(0, short.get(value, value))

    return {
        "name": row["name"],
        "family": row["family"],
        "size": number("parameters"),
        "hidden_size": number("hidden_size"),
        "tokens": row["tokens"].partition(" (")[0],
        "max_tokens": number("max_tokens"),
        "max_bases": number("max_bases"),
        "licence": row["licence"].partition(" (")[0],
        "here": row["weights"],
    }


def _tasks() -> list[dict[str, Any]]:
    from engine.tasks import task_cards

    return [
        {
            "name": card.name,
            "title": card.title,
            "species": card.species,
            "classes": len(card.label_meaning),
            "metric": card.metric,
            "licence": card.licence,
        }
        for card in task_cards().values()
    ]


def _methods() -> list[dict[str, Any]]:
    from engine.methods import methods
    from engine.methods.listed import of_probes

    return [
        {
            "name": method.name,
            "needs": method.needs,
            "summary": method.summary,
            "hyperparameters": [
                {"taken_by": who, **one.row()}
                for who, given in (
                    of_probes().items()
                    if method.needs == "embeddings"
                    else [(method.name, method.parameters.values())]
                )
                for one in given
            ],
        }
        for method in methods().values()
    ]


def _brief_methods() -> list[dict[str, Any]]:
    """A line for each method and probe, and for what it takes; what a sort shares stands once."""
    from engine.methods import methods
    from engine.methods.listed import of_probes, of_training
    from engine.methods.probes import probes

    summaries = {name: one.summary for name, one in methods().items()}
    summaries |= {name: one.summary for name, one in probes().items()}
    lines = []
    for who, given in {**of_training(), **of_probes()}.items():
        empty = dict.fromkeys(("hyperparameter", "default", "values"), "")
        lines.append({"name": who, **empty, "about": summaries.get(who, "")})
        lines += [{"name": "", **one.row()} for one in given]
    return lines


def _studies() -> list[dict[str, Any]]:
    from engine.basics.yaml_files import read_yaml
    from engine.plan.paths import study_names

    return [
        {"name": name, "description": read_yaml(path, "study").get("description", "")}
        for name, path in study_names().items()
    ]
