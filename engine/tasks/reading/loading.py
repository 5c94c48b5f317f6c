"""A file becomes a task: read, check, split, and leave the test rows behind."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from engine.basics.errors import UserError
from engine.records import TaskSpec
from engine.tasks.base import Split, Task, TaskCard, data_changed
from engine.tasks.reading import balance, files, rows, splits
from engine.tasks.reading.formats import find_file
from engine.tasks.reading.rows import Rows


def build_task(spec: TaskSpec, card: TaskCard | None) -> Task:
    """Build a task of a file.

    Parameters
    ----------
    spec : TaskSpec
        Its path is read, where it has one.
    card : TaskCard or None
        Of a shipped task, else None.

    Raises
    ------
    UserError
        For every mistake in the file; see `engine.tasks.reading.rows` and
        `engine.tasks.reading.splits`.
    """
    path = card.path if card else str(spec.path)
    file = find_file(path)
    content = files.read_bytes(file, path)
    file_hash = hashlib.sha256(content).hexdigest()
    if card and card.sha256 != file_hash:
        raise UserError(f"{path}: differs from its card (sha256); install dnasweep anew")
    declared = spec.kind or (card.kind if card else None)
    checked, names, warnings = _read(content, path, declared, spec.seed)
    labels = checked.labels
    train, validation = _part(checked, names, "train"), _part(checked, names, "validation")
    return Task(
        name=spec.name,
        kind=labels.kind,
        classes=labels.classes,
        train=train,
        validation=validation,
        counts=balance.count(names, labels),
        sizes={name: names.count(name) for name in balance.ORDER},
        max_bases=max(map(len, train.sequences + validation.sequences)),
        warnings=(
            *((card.caution,) if card and card.caution else ()),
            *checked.warnings,
            *warnings,
        ),
        metric=spec.metric or (card.metric if card else None),
        group=spec.group or (card.group if card else None),
        species=card.species if card else "",
        source=card.source if card else "",
        licence=card.licence if card else "",
        citation=card.citation if card else "",
        fingerprint=_fingerprint(checked, names),
        file_hash=file_hash,
        file=str(file),
        spec=replace(spec, kind=labels.kind.name),
        read_test=read_test,
    )


def read_test(task: Task) -> Split:
    """Read the test split of a task from its file.

    Raises
    ------
    UserError
        If the file has changed since the task was loaded.
    """
    path = task.spec.path or task.file
    content = files.read_bytes(find_file(task.file), path)
    if hashlib.sha256(content).hexdigest() != task.file_hash:
        raise data_changed(path, ", so its test split stays sealed")
    checked, names, _ = _read(content, path, task.kind.name, task.spec.seed)
    return _part(checked, names, "test")


def _read(
    content: bytes, path: str, kind: str | None, seed: int
) -> tuple[Rows, list[str], list[str]]:
    """Checked rows, the split of each, and warnings."""
    checked = rows.check(files.parse(content, path), path, kind)
    return checked, *splits.complete(checked, seed, path)


def _part(checked: Rows, names: Sequence[str], name: str) -> Split:
    """Rows of one split."""
    which = [row for row, split in enumerate(names) if split == name]
    groups = checked.groups
    return Split(
        sequences=tuple(checked.sequences[row] for row in which),
        labels=checked.labels.values[np.array(which, dtype=np.int64)],
        ids=tuple(checked.ids[row] for row in which),
        groups=None if groups is None else tuple(groups[row] for row in which),
    )


def _fingerprint(checked: Rows, names: Sequence[str]) -> str:
    """SHA-256 over what a result depends on; values hold no line breaks or tabs."""
    kind, classes = checked.labels.kind, checked.labels.classes
    written = kind.written(checked.labels.values, classes)
    lines = zip(checked.ids, checked.sequences, written, names, strict=True)
    # The order of labels is that of the file's columns, and numbers could be classes as well.
    head = ["\t".join((kind.name, *classes))] if kind.headed else []
    return hashlib.sha256("\n".join([*head, *map("\t".join, lines)]).encode()).hexdigest()
