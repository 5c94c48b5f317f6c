"""Everything the report says, put together once for both of its forms, HTML and Markdown."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.report import across
from engine.report.answer import Answer
from engine.report.boards import leaderboard_grid, metrics_grid, pairs_grid
from engine.report.calibration import calibration_grid
from engine.report.cost import cost_grid
from engine.report.embeddings import embeddings_grid
from engine.report.figures import Gallery, draw_figures
from engine.report.figures.drawing import Picture
from engine.report.findings import findings
from engine.report.formats import count, duration, moment, plural
from engine.report.grids import Grid, records_grid
from engine.report.methods_text import methods_paragraph
from engine.report.pooling import pooling_grid
from engine.report.prose import claims, facts, question, task_notes
from engine.report.published import matches, published_grid
from engine.report.references import references
from engine.report.run import Run
from engine.report.tuning import importance_grid, lost_grid, trials_grid, tuning_grid
from engine.report.works import Reference


@dataclass(frozen=True)
class TaskPage:
    """What the report says of one task.

    Attributes
    ----------
    name, title : str
    answer : Answer
    facts : sequence of (str, str)
        Its data, as (heading, text).
    about : str
        What its card says of the data.
    notes : sequence of str
        Leaks, cut sequences and other warnings of this run.
    pictures : sequence of Picture
    grids : sequence of (str, Grid)
        Tables of detail, with the headings under which they fold.
    curves : Picture or None
    """

    name: str
    title: str
    answer: Answer
    facts: Sequence[tuple[str, str]]
    about: str
    notes: Sequence[str]
    pictures: Sequence[Picture]
    grids: Sequence[tuple[str, Grid]]
    curves: Picture | None
    learning: Picture | None
    embeddings: Picture | None


@dataclass(frozen=True)
class Page:
    """What the report says, in its order."""

    name: str
    description: str
    question: str
    subtitle: str
    facts: Sequence[str]
    leaderboard: Grid
    tasks: Sequence[TaskPage]
    across: str
    ranks: Sequence[Picture]
    across_grids: Sequence[Grid]
    tuning: Grid
    trials: Grid
    importance: Grid | None
    pooling: Grid | None
    pooled: Sequence[Picture]
    lost: Grid | None
    skipped: Grid | None
    failures: Grid | None
    notes: Sequence[str]
    cost: Grid
    costs: Sequence[Picture]
    calibration: Grid | None
    reliability: Sequence[Picture]
    embeddings: Grid | None
    published: Grid | None
    claims: Sequence[tuple[str, str]]
    provenance: Sequence[tuple[str, str]]
    records: Sequence[tuple[str, Grid]]
    methods: str
    references: Sequence[Reference]


def compose(run: Run, figures: Path) -> tuple[Page, Gallery]:
    """Work out the report of a run and draw its figures.

    Parameters
    ----------
    run : Run
    figures : Path
        Folder for the figures' files.

    Returns
    -------
    Page, Gallery
    """
    found = findings(run)
    board, tested, over = found.board, found.tested, found.over
    gallery = draw_figures(found, figures)
    cited = references(run, over)
    known = matches(run, board)
    tasks = []
    for task in run.tasks:
        details = [("All metrics", metrics_grid(run, task, board[task]))]
        pairs = pairs_grid(task, board[task], tested)
        if pairs.rows:
            details.insert(0, ("Pairs of cells", pairs))
        tasks.append(
            TaskPage(
                name=task,
                title=str(run.task(task).get("title") or task),
                answer=found.answers[task],
                facts=_task_facts(run, task),
                about=str(run.task(task).get("notes") or ""),
                notes=task_notes(run, task),
                pictures=gallery.scores[task],
                grids=details,
                curves=gallery.curves.get(task),
                learning=gallery.learning.get(task),
                embeddings=gallery.embeddings.get(task),
            )
        )
    page = Page(
        name=run.name,
        description=str(run.study.get("description") or ""),
        question=question(run),
        subtitle=_subtitle(run),
        facts=facts(run),
        leaderboard=leaderboard_grid(run, board),
        tasks=tasks,
        across=across.sentence(run, over) if over else "",
        ranks=gallery.ranks,
        across_grids=[across.models_grid(run, over), across.pairs_grid(run, over)] if over else [],
        tuning=tuning_grid(run, board, found.searches),
        trials=trials_grid(run, found.searches),
        importance=importance_grid(run),
        pooling=pooling_grid(run, found.pooled) if found.pooled else None,
        pooled=gallery.pooling,
        lost=lost_grid(run),
        skipped=_skipped_grid(run),
        failures=_failures_grid(run),
        notes=[str(note) for note in run.manifest.get("notes") or []],
        cost=cost_grid(run, board, found.searches),
        costs=gallery.costs,
        calibration=calibration_grid(run, found.calibrated) if found.calibrated else None,
        reliability=gallery.calibration,
        embeddings=embeddings_grid(run),
        published=published_grid(run, known) if known else None,
        claims=claims(run, board, tested),
        provenance=_provenance(run),
        records=_records(run),
        methods=methods_paragraph(run, over, cited),
        references=cited,
    )
    return page, gallery


def _subtitle(run: Run) -> str:
    total = sum((run.manifest.get("stages") or {}).values())
    finished = moment(str(run.manifest.get("finished") or ""))
    version = f"dnasweep {run.manifest.get('dnasweep', '')}".strip()
    parts = [version, f"finished {finished}" if finished else "", duration(total) if total else ""]
    return " · ".join(part for part in parts if part)


def _task_facts(run: Run, task: str) -> list[tuple[str, str]]:
    known = run.task(task)
    splits = [
        f"{count(float(known[f'n_{split}']))} {split}"
        for split in ("train", "validation", "test")
        if known.get(f"n_{split}") is not None
    ]
    classes = [str(name) for name in known.get("classes") or []]
    labels = {
        "classification": ("Classes", ", ".join(classes)),
        "multilabel": ("Labels, each on its own", ", ".join(classes)),
        "regression": ("Labels", "numbers"),
    }
    unsealed = (run.manifest.get("unsealed") or {}).get(task)
    pairs = [
        ("Sequences", ", ".join(splits)),
        ("Longest", plural(int(known.get("max_bases") or 0), "base")),
        labels[run.kind(task)],
        ("Test split read", moment(str(unsealed)) if unsealed else ""),
        ("Source", str(known.get("source") or "")),
        ("Licence", str(known.get("licence") or "")),
        ("Fingerprint", str(known.get("fingerprint") or "")[:16]),
    ]
    return [(heading, text) for heading, text in pairs if text and text != "0 bases"]


def _skipped_grid(run: Run) -> Grid | None:
    cells: dict[tuple[str, str, str], list[str]] = {}
    for item in run.manifest.get("skipped") or []:
        encoder, _, method = _parts(str(item["cell"]))
        cells.setdefault((encoder, method, str(item["reason"])), []).append(str(item["cell"]))
    records = []
    for (encoder, method, reason), names in cells.items():
        # One line says it of all tasks.
        everywhere = len(names) == len(run.tasks) > 1
        shown = [f"{encoder}/*/{method}"] if everywhere else names
        records += [(name, reason) for name in shown]
    if not records:
        return None
    return records_grid("skipped", "Cells that were not run.", ("Cell", "Reason"), records)


def _parts(cell: str) -> tuple[str, str, str]:
    """Encoder, task and method of a cell's name; a task's own name may hold slashes."""
    encoder, _, rest = cell.partition("/")
    task, _, method = rest.rpartition("/")
    return encoder, task, method


def _failures_grid(run: Run) -> Grid | None:
    records = [
        (item["cell"], item["number"], item["error"]) for item in run.manifest.get("failures") or []
    ]
    if not records:
        return None
    return records_grid(
        "failures",
        "Trials that raised an error; the search went on without them.",
        ("Cell", "Trial", "Error"),
        records,
    )


def _provenance(run: Run) -> list[tuple[str, str]]:
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


def _records(run: Run) -> list[tuple[str, Grid]]:
    """Tables of provenance, each with the heading under which it folds."""
    encoders = [
        (
            name,
            run.encoder(name).get("family"),
            run.encoder(name).get("weights"),
            run.encoder(name).get("weights_hash"),
            count(float(run.encoder(name).get("parameters") or 0)),
            run.encoder(name).get("hidden_size"),
            run.encoder(name).get("tokens"),
            run.encoder(name).get("licence"),
            run.encoder(name).get("source"),
        )
        for name in run.encoders
    ]
    titles = (
        *("Encoder", "Family", "Weights", "Hash", "Parameters"),
        *("Width", "Tokens", "Licence", "Source"),
    )
    best = [
        (cell, ", ".join(f"{name} = {_plain(value)}" for name, value in params.items()))
        for cell, params in run.best.items()
    ]
    stages = run.manifest.get("stages") or {}
    versions = run.manifest.get("versions") or {}
    return [
        ("Winning configurations", records_grid("best", "", ("Cell", "Hyperparameters"), best)),
        ("Encoders", records_grid("encoders", "", titles, encoders)),
        (
            "Time per stage",
            records_grid(
                "stages", "", ("Stage", "Time"), [(k, duration(v)) for k, v in stages.items()]
            ),
        ),
        ("Versions", records_grid("versions", "", ("Package", "Version"), versions.items())),
    ]


def _plain(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
