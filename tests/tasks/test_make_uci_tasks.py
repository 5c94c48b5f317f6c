import importlib.util
import subprocess
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from engine.tasks import task_cards

SCRIPT = Path(__file__).resolve().parents[2] / "tools" / "make_uci_tasks.py"


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("make_uci_tasks", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("task", "package", "read"),
    [
        ("splice_junctions", "mlbench", "splice_junctions"),
        ("promoters_ecoli", "kernlab", "promoters"),
    ],
)
def test_shipped_rows_are_those_of_the_r_package(script, task, package, read):
    try:
        subprocess.run(["Rscript", "-e", f"library({package})"], check=True, capture_output=True)
    except (FileNotFoundError, subprocess.CalledProcessError):
        pytest.skip(f"R package {package} is not installed (Debian: r-cran-{package})")
    source = getattr(script, read)()
    table = pq.read_table(task_cards()[task].path).to_pydict()
    assert table["sequence"] == source.sequences
    assert table["label"] == source.labels
    assert table["group"] == script.overlap_groups(source.sequences)


def test_windows_of_one_place_are_one_group_on_either_strand(script):
    place = "ACGTTGCAAGGCTTAACCGATCGGATTACAGGC"
    turned = place[::-1].translate(str.maketrans("ACGT", "TGCA"))
    other = "TTTTTTTTTTTTTTTTTTTTTTGGGGGGG"
    # First and last share nothing with each other, but both overlap the second.
    windows = [place[:22], place[2:31], other, turned[:22], place[:10] + "N" + place[11:21]]
    assert script.overlap_groups(windows) == [
        *("overlap0001", "overlap0001", "overlap0003", "overlap0001", "overlap0005"),
    ]
