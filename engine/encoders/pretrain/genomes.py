"""Random windows of genomes, from both strands."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.basics.errors import UserError

HELD_OUT = 0.05
"""Share of every genome, at its end, that is never trained on."""

_COMPLEMENT = str.maketrans("ACGT", "TGCA")


def read_fasta(path: Path) -> str:
    """Sequence of a gzip-compressed FASTA file of one record, in upper case."""
    with gzip.open(path, "rt", encoding="ascii") as lines:
        header, *sequence = lines.read().splitlines()
    if not header.startswith(">") or any(line.startswith(">") for line in sequence):
        raise UserError(f"{path}: not a FASTA file of one record; give one record per file")
    genome = "".join(sequence).upper()
    if other := sorted(set(genome) - set("ACGT")):
        raise UserError(f"{path}: letters {', '.join(other)}; give genomes of A, C, G, T only")
    return genome


@dataclass(frozen=True)
class Windows:
    """Where windows are drawn from."""

    genomes: tuple[str, ...]

    def draw(self, rng: np.random.Generator, count: int, length: int) -> list[str]:
        """Draw windows of one length: random genome, place and strand.

        A genome is drawn with a probability that goes with the square root of its length, so that
        the large one does not drown the small ones.
        """
        weights = np.sqrt([len(genome) for genome in self.genomes])
        chosen = rng.choice(len(self.genomes), size=count, p=weights / weights.sum())
        windows = []
        for index in chosen:
            genome = self.genomes[index]
            start = int(rng.integers(len(genome) - length + 1))
            window = genome[start : start + length]
            forward = rng.random() < 0.5
            windows.append(window if forward else window.translate(_COMPLEMENT)[::-1])
        return windows


def read_genomes(folder: Path) -> tuple[Windows, Windows]:
    """Training and held-out windows of all ``*.fa.gz`` files of a folder.

    Raises
    ------
    UserError
        If there is no such file.
    """
    paths = sorted(folder.glob("*.fa.gz"))
    if not paths:
        raise UserError(f"genomes '{folder}': no *.fa.gz file; give a folder of genomes")
    genomes = [read_fasta(path) for path in paths]
    cuts = [int(len(genome) * (1 - HELD_OUT)) for genome in genomes]
    return (
        Windows(tuple(genome[:cut] for genome, cut in zip(genomes, cuts, strict=True))),
        Windows(tuple(genome[cut:] for genome, cut in zip(genomes, cuts, strict=True))),
    )
