"""Splits that do not leak: stratified, seeded, and blind to the order of the rows.

A sequence and its reverse complement are one molecule read from either strand, so both always stand
on one side; so do the rows of one group. Splits that a file gives are kept as they are, and what
leaks in them is counted and said.
"""

import hashlib
import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from engine.tasks.reading.balance import ORDER, check_splits, missing
from engine.tasks.reading.rows import Rows

# In this order a class is spread where it has too few sequences for all three.
FRACTIONS = {"train": 0.70, "test": 0.15, "validation": 0.15}
VALIDATION_OF_TRAIN = 0.15

COMPLEMENT = str.maketrans("ACGTRYSWKMBDHVN", "TGCAYRSWMKVHDBN")


def canonical(sequence: str) -> str:
    """The first, in alphabetical order, of a sequence and its reverse complement."""
    return min(sequence, sequence.translate(COMPLEMENT)[::-1])


def bind(sequences: Sequence[str], groups: Sequence[str] | None) -> npt.NDArray[np.int64]:
    """Number the sets of rows that must stand on one side.

    Parameters
    ----------
    sequences : sequence of str, length N
        Canonical; see `canonical`.
    groups : sequence of str, length N, or None

    Returns
    -------
    ndarray, shape (N,), int64
        Rows of the same sequence, or of the same group, or linked over others, share a number.
    """
    known: dict[str, int] = {}
    molecule = np.array([known.setdefault(s, len(known)) for s in sequences], dtype=np.int64)
    if groups is None:
        return molecule
    named: dict[str, int] = {}
    group = np.array([named.setdefault(g, len(named)) for g in groups], dtype=np.int64)
    nodes = len(known) + len(named)
    edges = (np.ones(len(molecule)), (molecule, group + len(known)))
    _, component = connected_components(coo_array(edges, shape=(nodes, nodes)), directed=False)
    bound: npt.NDArray[np.int64] = component[molecule].astype(np.int64)
    return bound


def assign(
    sequences: Sequence[str],
    labels: npt.NDArray[np.int64],
    groups: Sequence[str] | None,
    fractions: Mapping[str, float],
    seed: int,
) -> list[str]:
    """Draw splits.

    Sets of rows that must stay together (see `bind`) are taken from large to small, equal sizes in
    the order of a seeded hash, and each goes where it lessens the chi-square distance
    sum((rows - target)^2 / target) over splits and classes most. A class with no more sets left
    than splits without it goes to those first, in the order of ``fractions``. Where a row holds
    several labels, each of them and the row itself count as classes.

    Parameters
    ----------
    sequences : sequence of str, length N
        Canonical; see `canonical`.
    labels : ndarray, shape (N,) or (N, K), int64
        Class of each row, or 1 for each label that it holds; see `engine.kinds.Kind.strata`.
    groups : sequence of str, length N, or None
    fractions : mapping of str to float
        Share of every split; they add up to 1.
    seed : int

    Returns
    -------
    list of str, length N
        Name of the split of every row; the same whatever the order of the rows.
    """
    names = tuple(fractions)
    bound = bind(sequences, groups).tolist()
    content: defaultdict[int, Counter[int]] = defaultdict(Counter)
    rank: dict[int, bytes] = {}
    classes = _classes(labels)
    for which, sequence, held in zip(bound, sequences, classes, strict=True):
        content[which].update(held)
        drawn = _draw(sequence, seed)
        rank[which] = min(drawn, rank.get(which, drawn))

    total = Counter(label for held in classes for label in held)
    target = [{label: total[label] * fractions[name] for label in total} for name in names]
    placed = [dict.fromkeys(total, 0) for _ in names]
    sets_left = Counter(label for inside in content.values() for label in inside)
    lacking = {label: list(range(len(names))) for label in total}

    chosen: dict[int, int] = {}
    for which in sorted(content, key=lambda w: (-content[w].total(), rank[w])):
        inside = content[which]
        urgent = [lacking[k][0] for k in inside if 0 < sets_left[k] <= len(lacking[k])]
        side = min(urgent) if urgent else _best_side(inside, target, placed)
        chosen[which] = side
        for label, rows in inside.items():
            placed[side][label] += rows
            sets_left[label] -= 1
            if side in lacking[label]:
                lacking[label].remove(side)
    return [names[chosen[which]] for which in bound]


def _classes(labels: npt.NDArray[np.int64]) -> list[list[int]]:
    """Classes that each row counts for; where it may hold none or several, K is the row itself."""
    if labels.ndim == 1:
        return [[label] for label in labels.tolist()]
    return [[*np.flatnonzero(row).tolist(), labels.shape[1]] for row in labels]


def _draw(sequence: str, seed: int) -> bytes:
    """A number for a sequence that depends on nothing but it and the seed."""
    return hashlib.blake2b(sequence.encode(), digest_size=8, key=str(seed).encode()).digest()


def _best_side(
    inside: Mapping[int, int],
    target: Sequence[Mapping[int, float]],
    placed: Sequence[Mapping[int, int]],
) -> int:
    """The split where these rows lessen the chi-square distance most; the first of equals."""
    gains = [
        math.fsum(  # exact, so that the order of the classes cannot break a tie
            rows * (2 * (want[label] - have[label]) - rows) / want[label]
            for label, rows in inside.items()
        )
        for want, have in zip(target, placed, strict=True)
    ]
    return gains.index(max(gains))


def complete(rows: Rows, seed: int, path: str) -> tuple[list[str], list[str]]:
    """Splits of all rows: those of the file, with what it lacks drawn.

    Without a split column, 70 % of the rows are train, 15 % validation and 15 % test. With train
    and test only, 15 % of train become validation.

    Parameters
    ----------
    rows : Rows
    seed : int
    path : str
        Names the file in messages.

    Returns
    -------
    splits : list of str, length N
    warnings : list of str

    Raises
    ------
    UserError
        If nothing can be learned or scored on a split: see
        `engine.tasks.reading.balance.check_splits`.
    """
    molecules = [canonical(sequence) for sequence in rows.sequences]
    if rows.splits is None:
        splits = assign(molecules, rows.labels.strata, rows.groups, FRACTIONS, seed)
    else:
        splits = list(rows.splits)
        if "validation" not in splits:
            _carve_validation(splits, rows, molecules, seed)
    given = set(rows.splits or ())
    made = {name: name not in given for name in ORDER}
    unit = "sequences" if rows.groups is None else "groups"
    check_splits(splits, rows.labels, made, unit, path)
    return splits, [
        *missing(splits, rows.labels),
        *_two_labels(rows, molecules),
        *_leaks(splits, molecules),
        *_straddling_groups(splits, rows),
    ]


def _carve_validation(splits: list[str], rows: Rows, molecules: list[str], seed: int) -> None:
    """Turn a part of train into validation, in place."""
    train = [row for row, name in enumerate(splits) if name == "train"]
    drawn = assign(
        [molecules[row] for row in train],
        rows.labels.strata[train],
        None if rows.groups is None else [rows.groups[row] for row in train],
        {"train": 1 - VALIDATION_OF_TRAIN, "validation": VALIDATION_OF_TRAIN},
        seed,
    )
    for row, name in zip(train, drawn, strict=True):
        splits[row] = name


def _two_labels(rows: Rows, molecules: Sequence[str]) -> list[str]:
    """Sequences that no model can get right."""
    labels = rows.labels.values.reshape(len(molecules), -1).tolist()
    pairs = set(zip(molecules, map(tuple, labels), strict=True))
    times = Counter(molecule for molecule, _ in pairs)
    twice = sum(number > 1 for number in times.values())
    if not twice:
        return []
    return [f"sequences (or reverse complements) with more than one label: {twice}"]


def _leaks(splits: Sequence[str], molecules: Sequence[str]) -> list[str]:
    """Rows that a model has seen before it is scored on them."""
    of = {
        name: [m for m, split in zip(molecules, splits, strict=True) if split == name]
        for name in ORDER
    }
    train = set(of["train"])
    seen = {"validation": train, "test": train | set(of["validation"])}
    warnings = []
    for name, before in seen.items():
        leaking = sum(molecule in before for molecule in of[name])
        if leaking:
            rest = "train" if name == "validation" else "train or validation"
            warnings.append(
                f"{leaking} of {len(of[name])} {name} sequences also stand in {rest}, as they are"
                f" or as the reverse complement; scores on {name} may be too good"
            )
    return warnings


def _straddling_groups(splits: Sequence[str], rows: Rows) -> list[str]:
    """Groups that a split given by the file tears apart."""
    if rows.groups is None:
        return []
    sides = Counter(group for group, _ in set(zip(rows.groups, splits, strict=True)))
    torn = sum(number > 1 for number in sides.values())
    if not torn:
        return []
    return [f"{torn} of {len(sides)} groups stand in more than one split; scores may be too good"]
