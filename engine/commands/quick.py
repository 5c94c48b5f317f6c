"""A study from options alone, ``-e ENCODER -t TASK -m METHOD``, or one that they change."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.basics.errors import UserError
from engine.basics.yaml_files import read_yaml
from engine.plan.paths import find_study
from engine.plan.study import Setting, Study, make_study, parse_override
from engine.tasks.reading.formats import task_name

DEFAULT_STUDY = "demo"
DEFAULT_METHOD = "probe"
LONGEST_NAME = 80


@dataclass(frozen=True)
class Quick:
    """What the options of the quick form say; what is left out is empty.

    Attributes
    ----------
    encoders, tasks, methods : sequence of str
        Names, or paths of a folder, a data file, a search space.
    """

    encoders: Sequence[str] = ()
    tasks: Sequence[str] = ()
    methods: Sequence[str] = ()
    trials: int | None = None
    seeds: Sequence[int] = ()

    def settings(self) -> list[Setting]:
        """The same as keys of a study."""
        lists = (("encoders", "-e", self.encoders), ("tasks", "-t", self.tasks))
        found = [
            _setting(key, letter, given)
            for key, letter, given in (*lists, ("methods", "-m", self.methods))
            if given
        ]
        if self.trials is not None:
            found.append(Setting("trials_per_cell", self.trials, f"-n {self.trials}"))
        if self.seeds:
            found.append(_setting("seeds", "--seed", self.seeds))
        return found


def _setting(key: str, letter: str, given: Sequence[Any]) -> Setting:
    entries = tuple(f"{letter} {value}" for value in given)
    return Setting(key, list(given), " ".join(entries), entries)


def chosen_study(study: str | None, quick: Quick, overrides: Sequence[str]) -> Study:
    """The study that a command line means.

    Parameters
    ----------
    study : str or None
        A study file, or the name of a shipped one. Without, one is made of encoders and tasks where
        any are given, else the demo is meant.
    quick : Quick
        Over what the study says.
    overrides : sequence of str
        ``key=value``; over both.

    Raises
    ------
    UserError
        For anything wrong with one of the three.
    """
    settings = [*quick.settings(), *map(parse_override, overrides)]
    if study is None and (quick.encoders or quick.tasks or quick.methods):
        for letter, given, what in (
            ("-e", quick.encoders, "encoder"),
            ("-t", quick.tasks, "task"),
        ):
            if not given:
                raise UserError(
                    f"{letter}: name at least one {what} (`list {what}s` shows them), or a study "
                    "file to take it from"
                )
        made = {"name": study_name(quick.tasks), "methods": [DEFAULT_METHOD]}
        return make_study(made, "the study of these options", Path.cwd(), settings)
    path = find_study(study or DEFAULT_STUDY)
    return make_study(read_yaml(path, "study"), str(path), path.resolve().parent, settings)


def study_name(tasks: Sequence[str]) -> str:
    """Name of a study of tasks that has none: theirs, as safe letters allow."""
    words = (re.sub(r"[^A-Za-z0-9._-]+", "-", task_name(task)).strip("-._") for task in tasks)
    return "-".join(filter(None, words))[:LONGEST_NAME].strip("-._") or "study"
