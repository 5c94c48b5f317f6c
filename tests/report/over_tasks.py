"""Three models over seven tasks: one is best on all, the other two are level."""

from engine.compare.tasks import AcrossTasks
from engine.report.finished_run import FinishedRun

#: A run, and what is so of its models over tasks.
OverTasks = tuple[FinishedRun, AcrossTasks]

TASKS = tuple(f"task-{number}" for number in range(7))
CELLS = {
    ("a", "probe"): (0.95, 0.94, 0.93, 0.95, 0.96, 0.93, 0.92),
    ("b", "probe"): (0.85, 0.84, 0.83, 0.86, 0.82, 0.81, 0.84),
    ("c", "lora"): (0.84, 0.85, 0.82, 0.87, 0.81, 0.82, 0.83),
}
