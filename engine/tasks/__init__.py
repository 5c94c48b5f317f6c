"""Tasks: labelled DNA sequences with train, validation and a sealed test split."""

from engine.records import TaskSpec
from engine.tasks.base import Split, Task, TaskCard
from engine.tasks.registry import cached_task, load_task, task_cards

__all__ = ["Split", "Task", "TaskCard", "TaskSpec", "cached_task", "load_task", "task_cards"]
