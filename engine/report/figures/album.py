"""Where the figures of one report go, and what their files are called."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from engine.report.figures.drawing import Drawing, Picture, save


@dataclass(frozen=True)
class Album:
    """The figures' folder.

    Attributes
    ----------
    tasks : mapping of str to str
        What stands for a task in the name of a file.
    """

    folder: Path
    tasks: Mapping[str, str]

    def add(self, drawing: Drawing, name: str, task: str = "") -> Picture:
        """Save a figure, of one task or of all."""
        return save(drawing, self.folder, f"{name}-{self.tasks[task]}" if task else name)
