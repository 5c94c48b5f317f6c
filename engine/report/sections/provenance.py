"""The section on where the numbers come from."""

import json
from collections.abc import Iterator

from engine.basics.wording import count, duration, moment
from engine.report.facts.findings import Findings
from engine.report.figures.drawing import Album
from engine.report.finished_run import FinishedRun
from engine.report.forms.blocks import Caution, Facts, Folded, Section
from engine.report.forms.grids import Grid, records_grid
from engine.report.sections.base import Subject

#: What the manifest knows of an encoder, by the heading of its column.
ENCODER_FACTS = {
    "Family": "family",
    "Weights": "weights",
    "Hash": "weights_hash",
    "Parameters": "parameters",
    "Width": "hidden_size",
    "Tokens": "tokens",
    "Licence": "licence",
    "Source": "source",
}


def sections(found: Findings, album: Album) -> Iterator[Section]:
    """What ran where, with which versions, weights and configurations."""
    run = found.run
    notes = [Caution(str(note)) for note in run.manifest.get("notes") or []]
    records = [Folded(heading, grid) for heading, grid in _records(run) if grid]
    yield Section("provenance", "Provenance", [Facts(_provenance(run)), *notes, *records])


SUBJECT = Subject("provenance", 120, sections)


def _provenance(run: FinishedRun) -> list[tuple[str, str]]:
    hardware = run.manifest.get("hardware") or {}
    gpus = ", ".join(str(gpu) for gpu in hardware.get("gpus") or [])
    pairs = [
        ("Command", str(run.manifest.get("command") or "")),
        ("Started", moment(str(run.manifest.get("created") or ""))),
        ("Finished", moment(str(run.manifest.get("finished") or ""))),
        ("Git commit", str(run.manifest.get("git_commit") or "not in a git repository")),
        ("Processor", f"{hardware.get('cpu', '?')}, {hardware.get('cores', '?')} cores"),
        ("Memory", f"{hardware.get('memory_gb', '?')} GB"),
        ("GPU", gpus or "none"),
        ("Seeds", ", ".join(str(seed) for seed in run.seeds)),
        ("Trials per cell", str(run.study.get("trials_per_cell") or "")),
        ("Correction", f"{run.compare.get('correction', '')}, {run.compare.get('family', '')}"),
    ]
    return [(heading, text) for heading, text in pairs if text.strip(", ")]


def _records(run: FinishedRun) -> list[tuple[str, Grid | None]]:
    """Tables of provenance, each with the heading under which it folds."""
    best = []
    for cell, params in run.best.items():
        told = {k: v if isinstance(v, str) else json.dumps(v) for k, v in params.items()}
        best.append((cell, ", ".join(f"{name} = {value}" for name, value in told.items())))
    encoders = []
    for name in run.encoders:
        known = {**run.encoder(name)}
        known["parameters"] = count(float(known.get("parameters") or 0))
        encoders.append((name, *map(known.get, ENCODER_FACTS.values())))
    stages = [(stage, duration(v)) for stage, v in (run.manifest.get("stages") or {}).items()]
    versions = run.manifest.get("versions") or {}
    return [
        ("Winning configurations", records_grid("best", "", ("Cell", "Hyperparameters"), best)),
        ("Encoders", records_grid("encoders", "", ("Encoder", *ENCODER_FACTS), encoders)),
        ("Time per stage", records_grid("stages", "", ("Stage", "Time"), stages)),
        ("Versions", records_grid("versions", "", ("Package", "Version"), versions.items())),
    ]
