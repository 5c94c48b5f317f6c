"""dnasweep: which DNA foundation model, adapted how, is best for which task, and is it real?

>>> import dnasweep
>>> run = dnasweep.run("demo", trials_per_cell=2)
>>> run.scores  # a DataFrame; `run` itself shows the answer in a notebook
>>> model = run.best("tiny-bert/splice_junctions/lora")
>>> model.predict(["ACGTACGTAACC"]).predictions

Everything is imported when it is first used: ``import dnasweep`` itself loads no torch and no Ray.

run, plan
    A study, or what it comes to: of a file, a dict, or keywords with DataFrames as tasks.
Results
    What a finished run left: scores, comparisons, trials, winners, report.
load, predict
    A winner's folder as a model; new sequences scored by it.
load_encoder, embed
    An encoder by name or folder; sequences as vectors.
load_task
    Labelled sequences, checked and split.
delong_test, auc_ci, stats
    Tests and intervals over anybody's scores; ``stats`` is all of them.
UserError
    What is raised for a mistake that the user can mend, in one line.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from engine import __version__

if TYPE_CHECKING:
    from dnasweep.encoders import embed
    from dnasweep.results import Results
    from dnasweep.studies import StudyKeys, StudyPlan, plan, run
    from engine import stats
    from engine.basics.errors import UserError
    from engine.encoders.registry import load_encoder
    from engine.select.predict import load_best as load
    from engine.select.predict import predict
    from engine.stats.delong import auc_ci, delong_test
    from engine.tasks.registry import load_task

__all__ = [
    "Results",
    "StudyKeys",
    "StudyPlan",
    "UserError",
    "__version__",
    "auc_ci",
    "delong_test",
    "embed",
    "load",
    "load_encoder",
    "load_task",
    "plan",
    "predict",
    "run",
    "stats",
]

#: Name -> where it is, and what it is called there; empty for a module itself.
_PLACES = {
    "Results": ("dnasweep.results", "Results"),
    "StudyKeys": ("dnasweep.studies", "StudyKeys"),
    "StudyPlan": ("dnasweep.studies", "StudyPlan"),
    "UserError": ("engine.basics.errors", "UserError"),
    "auc_ci": ("engine.stats.delong", "auc_ci"),
    "delong_test": ("engine.stats.delong", "delong_test"),
    "embed": ("dnasweep.encoders", "embed"),
    "load": ("engine.select.predict", "load_best"),
    "load_encoder": ("engine.encoders.registry", "load_encoder"),
    "load_task": ("engine.tasks.registry", "load_task"),
    "plan": ("dnasweep.studies", "plan"),
    "predict": ("engine.select.predict", "predict"),
    "run": ("dnasweep.studies", "run"),
    "stats": ("engine.stats", ""),
}


if not TYPE_CHECKING:  # with it, a type checker would let any name pass

    def __getattr__(name: str) -> Any:
        if name not in _PLACES:
            raise AttributeError(f"module 'dnasweep' has no attribute {name!r}")
        module, inner = _PLACES[name]
        found = import_module(module)
        value = getattr(found, inner) if inner else found
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted(__all__)
