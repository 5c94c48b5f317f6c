"""Make the two shipped tasks from the UCI data that Debian packages for R.

    apt install r-cran-mlbench r-cran-kernlab
    python tools/make_uci_tasks.py [--check splice_uci_primate.parquet]

Writes ``splice_junctions`` and ``promoters_ecoli`` (Parquet and card) to ``engine/tasks/data``.
``--check`` compares the splice sequences with another copy of the same UCI data set.
"""

import argparse
import csv
import hashlib
import io
import subprocess
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from engine.basics.files import replacing, write_text
from engine.tasks.reading.splits import assign, canonical
from engine.tasks.registry import DATA

SEED = 0
SHARED_BASES = 20

# help(DNA, package = mlbench): three indicator columns a base.
BASE_OF_INDICATORS = {"100": "A", "010": "C", "001": "G", "000": "T"}

# Rows (from 1) of mlbench's DNA and bases (from 1) where the UCI original has an ambiguity code (D,
# N, R or S) and StatLog wrote G without saying so. Found by comparison with the UCI file.
WRITTEN_AS_G: dict[int, Sequence[int]] = {
    120: (33, 43),
    790: (14,),
    1029: (50,),
    1126: (38, 56),
    1213: (37,),
    1583: (38,),
    1599: (19, 20, 21),
    2019: (38,),
    2445: (33,),
    2692: range(20, 61),
    2931: (49, 50),
}

SPLICE_CLASSES = {"ei": "donor", "ie": "acceptor", "n": "neither"}
PROMOTER_CLASSES = {"+": "promoter", "-": "non-promoter"}

GROUPED = (
    f"Sequences that share {SHARED_BASES} bases in a row on either strand are one group, and no"
    " group stands in two splits: many of the UCI sequences are overlapping windows of one gene."
)

SPLICE_CARD = {
    "name": "splice_junctions",
    "title": "Splice junctions of primate genes, 60 bases around the junction (UCI)",
    "metric": "auroc",
    "group": "splice",
    "species": "primates",
    "label_meaning": {
        "acceptor": "intron-exon boundary (IE) between bases 30 and 31",
        "donor": "exon-intron boundary (EI) between bases 30 and 31",
        "neither": "no boundary there (N)",
    },
    "source": "UCI Machine Learning Repository 69, StatLog version in R package mlbench (data DNA)",
    "doi": "10.24432/C5M888",
    "licence": "CC-BY-4.0",
    "citation": (
        "Towell, Noordewier & Shavlik (1991). Molecular Biology (Splice-junction Gene Sequences)."
        " UCI Machine Learning Repository. https://doi.org/10.24432/C5M888"
    ),
    "notes": (
        "StatLog has 3,186 of the 3,190 UCI sequences: it left out 4 of the 15 with ambiguous bases"
        " and wrote G for these bases in the other 11, where this file has N. " + GROUPED
    ),
}
PROMOTER_CARD = {
    "name": "promoters_ecoli",
    "title": "Promoters of E. coli, 57 bases (UCI)",
    "metric": "auroc",
    "group": "promoter",
    "species": "Escherichia coli",
    "label_meaning": {
        "non-promoter": "window of a 1.5 kb fragment of phage T7 that does not bind RNA polymerase",
        "promoter": "bases -50 to +7 around the start of transcription",
    },
    "source": "UCI Machine Learning Repository 67, copy in R package kernlab (data promotergene)",
    "doi": "10.24432/C5S01D",
    "licence": "CC-BY-4.0",
    "citation": (
        "Harley, Reynolds & Noordewier (1990). Molecular Biology (Promoter Gene Sequences)."
        " UCI Machine Learning Repository. https://doi.org/10.24432/C5S01D"
    ),
    "notes": "106 sequences: scores differ by chance, and their intervals are wide. " + GROUPED,
    "caution": (
        "48 of the 53 promoters stand whole in the genome of E. coli K-12, the negatives do not:"
        " an encoder pre-trained on E. coli (tiny-bert, tiny-hyena) can tell the genomes apart"
    ),
}


@dataclass(frozen=True)
class Source:
    """Sequences and class names in the order of the R data set."""

    sequences: list[str]
    labels: list[str]


def read_r(package: str, data: str) -> list[list[str]]:
    """Rows of an R data set, without the header."""
    code = f"data({data}, package = '{package}'); write.csv({data}, stdout(), row.names = FALSE)"
    done = subprocess.run(["Rscript", "-e", code], capture_output=True, text=True, check=True)
    return list(csv.reader(io.StringIO(done.stdout)))[1:]


def splice_junctions() -> Source:
    """Decode mlbench's DNA: 180 indicators, then the class."""
    sequences = []
    rows = read_r("mlbench", "DNA")
    for number, row in enumerate(rows, start=1):
        indicators = ["".join(row[start : start + 3]) for start in range(0, 180, 3)]
        bases = [BASE_OF_INDICATORS[indicator] for indicator in indicators]
        for base in WRITTEN_AS_G.get(number, ()):
            assert bases[base - 1] == "G", f"row {number}, base {base} is not the known G"
            bases[base - 1] = "N"
        sequences.append("".join(bases))
    return Source(sequences, [SPLICE_CLASSES[row[180]] for row in rows])


def promoters() -> Source:
    """Read kernlab's promotergene: the class, then 57 letters."""
    rows = read_r("kernlab", "promotergene")
    return Source(
        ["".join(row[1:]).upper() for row in rows], [PROMOTER_CLASSES[row[0]] for row in rows]
    )


def overlap_groups(sequences: Sequence[str]) -> list[str]:
    """Group sequences that share bases in a row, on either strand, directly or over others."""
    parent = list(range(len(sequences)))

    def root(row: int) -> int:
        while parent[row] != row:
            row = parent[row]
        return row

    seen: dict[str, int] = {}
    for row, sequence in enumerate(sequences):
        for start in range(len(sequence) - SHARED_BASES + 1):
            word = canonical(sequence[start : start + SHARED_BASES])
            if "N" not in word:
                older, newer = sorted((root(seen.setdefault(word, row)), root(row)))
                parent[newer] = older
    return [f"overlap{root(row) + 1:04d}" for row in range(len(sequences))]


def write_task(source: Source, card: Mapping[str, Any], fractions: Mapping[str, float]) -> None:
    """Write the Parquet file and its card, and say what is in it."""
    classes = sorted(set(source.labels))
    groups = overlap_groups(source.sequences)
    splits = assign(
        [canonical(sequence) for sequence in source.sequences],
        np.array([classes.index(label) for label in source.labels]),
        groups,
        fractions,
        SEED,
    )
    columns = {
        "id": [f"{card['group']}{row + 1:04d}" for row in range(len(groups))],
        "sequence": source.sequences,
        "label": source.labels,
        "split": splits,
        "group": groups,
    }
    file = DATA / f"{card['name']}.parquet"
    with replacing(file) as temporary:
        pq.write_table(pa.table(columns), temporary, compression="zstd")
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    content = {**card, "file": file.name, "sha256": digest}
    write_text(
        file.with_suffix(".yaml"),
        yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=100),
    )
    print(f"{file.name}: {len(groups)} rows, {len(set(groups))} groups, sha256 {digest}")
    for key, number in sorted(Counter(zip(splits, source.labels, strict=True)).items()):
        print(f"  {key[0]:<10} {key[1]:<12} {number}")


def check(source: Source, copy: Path) -> None:
    """Compare with another copy of the UCI splice data (labels 0 EI, 1 IE, 2 neither)."""
    names = {0: "donor", 1: "acceptor", 2: "neither"}
    table = pq.read_table(copy).to_pydict()
    theirs = Counter(zip(table["sequence"], (names[n] for n in table["label"]), strict=True))
    ours = Counter(zip(source.sequences, source.labels, strict=True))
    print(f"in both, sequence and class: {(ours & theirs).total()}")
    print(f"only here: {(ours - theirs).total()}; only in the copy: {(theirs - ours).total()}")
    for sequence, label in theirs - ours:
        print(f"  only in the copy: {sequence} {label}")


def main() -> None:
    """Write both tasks."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", type=Path, help="another copy of the splice data, as Parquet")
    copy = parser.parse_args().check
    splice = splice_junctions()
    write_task(splice, SPLICE_CARD, {"train": 0.70, "test": 0.15, "validation": 0.15})
    write_task(promoters(), PROMOTER_CARD, {"train": 0.60, "test": 0.20, "validation": 0.20})
    if copy:
        check(splice, copy)


if __name__ == "__main__":
    main()
