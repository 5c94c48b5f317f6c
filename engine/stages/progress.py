"""What a person sees while a study runs: stages, and per cell trials, best score and time left."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from threading import Event, Thread
from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from engine.basics.wording import MISSING, duration
from engine.select.winners import pick

if TYPE_CHECKING:
    from engine.search.searcher import CellSearch
    from engine.search.turns import Turns

    _Render = Callable[[], Text | Group]

REFRESH_SECONDS = 0.5
PLAIN_SECONDS = 15.0


class View:
    """Shows progress on a terminal as a live table, elsewhere as a line now and then."""

    def __init__(self, console: Console):
        self.console = console

    def say(self, text: str) -> None:
        """Print a line."""
        self.console.print(text, highlight=False)

    @contextmanager
    def stage(self, title: str, total: int, unit: str = "") -> Iterator[Counter[str]]:
        """Show a stage of `total` steps; the body counts them under ``done``.

        Where the steps have a unit, how many are done a second is shown too.
        """
        count: Counter[str] = Counter()
        started = time.monotonic()

        def state() -> str:
            rate = count["done"] / max(1e-9, time.monotonic() - started)
            speed = f"  {rate:,.0f}/s" if unit else ""
            return f"{title}  {count['done']:,}/{total:,} {unit}".rstrip() + speed

        def line() -> Text:
            done, elapsed = count["done"], time.monotonic() - started
            left = elapsed / done * (total - done) if done else None
            return Text(f"{state()}  {_duration(left)} left")

        with self._refreshing(line):
            yield count
        took = _duration(time.monotonic() - started)
        self.say(f"[green]✓[/] {state()}  [dim]{took}[/]")

    @contextmanager
    def search(self, turns: Turns, slots: Mapping[str, int]) -> Iterator[None]:
        """Show the search of all cells."""
        started = time.monotonic()
        searches = turns.searches

        def count() -> str:
            done = sum(len(search.records) for search in searches.values())
            total = sum(search.budget for search in searches.values()) + turns.spare
            return f"{done}/{total} trials"

        def table() -> Group:
            return search_table(searches, slots, time.monotonic() - started)

        def line() -> Text:
            return Text(f"search  {count()}  about {_duration(time_left(searches, slots))} left")

        with self._refreshing(table if self.console.is_terminal else line):
            yield
        took = _duration(time.monotonic() - started)
        mark = "[green]✓[/]" if turns.finished else "[yellow]■[/]"
        for cell, search in searches.items():
            if search.stopped and search.done:
                self.say(
                    f"[dim]{cell}: stopped after {len(search.records)} trials: {search.stopped}[/]"
                )
        self.say(f"{mark} search  {count()}  [dim]{took}[/]")

    @contextmanager
    def _refreshing(self, render: _Render) -> Iterator[None]:
        """Render now and then from a thread of its own, since the work holds the main one."""
        if self.console.is_terminal:
            with Live(
                get_renderable=render,
                console=self.console,
                refresh_per_second=1 / REFRESH_SECONDS,
                transient=True,
            ):
                yield
            return
        done = Event()

        def tell() -> None:
            while not done.wait(PLAIN_SECONDS):
                self.console.print(render())

        thread = Thread(target=tell, name="progress", daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()


def search_table(
    searches: Mapping[str, CellSearch], slots: Mapping[str, int], elapsed: float
) -> Group:
    """The search as a table, one row per cell."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("cell", no_wrap=True)
    for name in ("done", "running", "pruned", "failed", "best", "left"):
        table.add_column(name, justify="right")
    for cell, search in searches.items():
        # Copies: the driver's thread changes both while this one draws.
        records = list(search.records.values())
        status = Counter(record.result.status for record in records)
        failed = status["failed"] + status["infeasible"]
        best = best_score(search)
        finished = search.done
        table.add_row(
            cell,
            f"{len(records)}/{search.budget}",
            str(len(search.running) or "·"),
            str(status["pruned"] or "·"),
            f"[red]{failed}[/]" if failed else "·",
            MISSING if best is None else f"{best:.4f}",
            (search.stopped or "✓") if finished else _duration(time_left({cell: search}, slots)),
            style="dim" if finished else "",
        )
    done = sum(len(search.records) for search in searches.values())
    total = sum(search.budget for search in searches.values())
    summary = (
        f"{done}/{total} trials, {_duration(elapsed)} gone, "
        f"about {_duration(time_left(searches, slots))} left"
    )
    return Group(table, Text(summary, style="bold"))


def best_score(search: CellSearch) -> float | None:
    """Best validation score of a cell's completed trials so far."""
    winner = pick(search.plan, list(search.records.values()))
    return winner.best.result.score if winner else None


def time_left(searches: Mapping[str, CellSearch], slots: Mapping[str, int]) -> float | None:
    """Seconds until the cells are done, from the mean time of trials so far; none if unknown.

    A cell without a finished trial is taken to be like the others of its kind.
    """
    seconds: dict[str, list[float]] = {}
    of_kind: dict[str, list[float]] = {}
    for cell, search in searches.items():
        ran = [r for r in list(search.records.values()) if r.duplicate_of is None]
        seconds[cell] = [record.result.seconds for record in ran]
        of_kind.setdefault(search.plan.method.needs, []).extend(seconds[cell])
    total = 0.0
    for cell, search in searches.items():
        needs = search.plan.method.needs
        sample = seconds[cell] or of_kind[needs]
        left = search.unfinished
        if left and not sample:
            return None
        if left:
            total += left * sum(sample) / len(sample) / slots[needs]
    return total


def _duration(seconds: float | None) -> str:
    return MISSING if seconds is None else duration(seconds)
