"""The winner of a cell as a folder that can be handed on: configuration, model files, model card.

``best/CELL/`` holds ``config.yaml`` (all that is needed to load the model, and where it comes
from), ``README.md`` and ``model/``, the files that `Fitted.save` wrote.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import pandas as pd

from engine.basics import provenance
from engine.basics.files import file_hash, replacing_folder, write_text
from engine.basics.yaml_files import dump_yaml
from engine.select.model_card import model_card
from engine.select.predict import CARD, CONFIG, FORMAT, MODEL
from engine.select.winners import FitRequest, Winner
from engine.stages.run import Run, now


def write_best(run: Run, winner: Winner, scores: pd.DataFrame) -> None:
    """Write ``best/CELL/``, in place of one that an earlier run left.

    `scores` is what `engine.compare.cells.score_table` makes.
    """
    cell = winner.plan.cell
    seed = run.plan.study.seeds[0]
    spec = run.spec(winner.plan, winner.best.params, seed)
    source = FitRequest(spec, "tuned", str(run.fits), str(run.models)).model
    with replacing_folder(run.file(f"best/{cell.slug}")) as folder:
        if source and source.is_dir() and any(source.iterdir()):
            shutil.copytree(source, folder / MODEL, copy_function=_link)
        files = {
            str(path.relative_to(folder)): file_hash(path)
            for path in sorted((folder / MODEL).rglob("*"))
            if path.is_file()
        }
        config = {**_config(run, winner, scores), "seed": seed, "files": files}
        write_text(folder / CONFIG, dump_yaml(config))
        write_text(folder / CARD, model_card(config))


def _link(source: str, target: str) -> None:
    """Give a file a second name, so that weights lie on the disk once; copy where that fails."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def _config(run: Run, winner: Winner, scores: pd.DataFrame) -> dict[str, Any]:
    """What a model was made of, and how good it is."""
    plan = winner.plan
    task = run.plan.tasks[plan.cell.task]
    tuned = scores[(scores["cell"] == plan.cell.id) & (scores["variant"] == "tuned")]
    first = tuned[tuned["seed"] == run.plan.study.seeds[0]].iloc[0]
    return {
        "format": FORMAT,
        "study": run.plan.study.name,
        "created": now(),
        "cell": plan.cell.id,
        "method": plan.method.name,
        "params": dict(winner.best.params),
        "encoder": asdict(plan.encoder),
        "encoder_fingerprint": run.prepared[plan.cell.encoder, plan.cell.task].encoder_fingerprint,
        "encoder_source": _source(run, winner),
        "task": asdict(plan.task),
        "task_fingerprint": task.fingerprint,
        "task_source": {
            "file_hash": task.file_hash,
            "source": task.source,
            "licence": task.licence,
            "citation": task.citation,
            "species": task.species,
            "rows": dict(task.sizes),
            "warnings": list(task.warnings),
        },
        "kind": task.kind.name,
        "classes": list(task.classes),
        "max_bases": task.max_bases,
        "trial": winner.best.number,
        "metric": plan.metric,
        "validation": winner.best.result.score,
        "default_validation": winner.default.result.score if winner.default else None,
        "test": {int(r.seed): float(r.value) for r in tuned.itertuples()},
        "test_interval": [_number(first["ci_low"]), _number(first["ci_high"])],
        "trainable_parameters": int(first["trainable_parameters"]),
        "git_commit": provenance.git_commit(),
        "versions": provenance.versions(),
    }


def _source(run: Run, winner: Winner) -> Mapping[str, Any]:
    """Where encoder and tokenizer come from; the model's files hold neither."""
    spec = winner.plan.encoder
    card = run.plan.cards[spec.name]
    prepared = run.prepared[spec.name, winner.plan.cell.task]
    return {
        "family": card.family,
        "hub": card.hub if spec.weights == "hub" else "",
        "revision": prepared.revision,
        "tokens": card.tokens,
        "licence": card.licence,
        "source": card.source,
        "citation": card.citation,
        "trained_on": card.trained_on if spec.weights == "hub" else "",
    }


def _number(value: float) -> float | None:
    return None if pd.isna(value) else float(value)
