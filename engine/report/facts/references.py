"""What a paper that uses a run should cite."""

import re
from collections.abc import Iterator, Mapping

from engine.compare.corrections import METHODS
from engine.compare.tasks import AcrossTasks
from engine.methods import methods
from engine.report.facts.works import Reference, noted, works
from engine.report.finished_run import FinishedRun

CORRECTIONS = {
    "holm": "holm1979",
    "bh": "benjamini1995",
    "fdr_bh": "benjamini1995",
    "by": "benjamini2001",
    "fdr_by": "benjamini2001",
}
TOOLS = {"scikit-learn": "pedregosa2011", "optuna": "akiba2019", "ray": "liaw2018"}


def references(run: FinishedRun, over: AcrossTasks | None = None) -> list[Reference]:
    """Works behind a run: its encoders and data first, then what searched and what tested.

    Parameters
    ----------
    over : AcrossTasks or None
        The comparison over tasks, where there is one.

    Returns
    -------
    list of Reference
        Without repeats.

    Notes
    -----
    Only what the run's own records show it used is named: a package by its version in the
    manifest, a test and a correction by the comparisons, ASHA by a pruned trial.
    """
    known = works()
    found = [*_in_their_words(run), *(known[key] for key in _keys(run, over))]
    return list(dict.fromkeys(found))


def method_citations(run: FinishedRun) -> dict[str, str]:
    """What to cite for each method of a study; its name there is the user's choice."""
    known = methods()
    chosen = run.study.get("methods") or {}
    kinds = {
        name: str(chosen[name].get("method", name)) if isinstance(chosen.get(name), dict) else name
        for name in run.methods
    }
    return {name: known[kind].citation if kind in known else "" for name, kind in kinds.items()}


def _in_their_words(run: FinishedRun) -> Iterator[Reference]:
    """What encoders, tasks and methods ask to be cited as, each once."""
    asked: dict[str, Mapping[str, object]] = {
        "encoder": {name: run.encoder(name).get("citation") for name in run.encoders},
        "task": {name: run.task(name).get("citation") for name in run.tasks},
        "method": method_citations(run),
    }
    told: set[str] = set()
    for section, citations in asked.items():
        for name, said in citations.items():
            citation = str(said or "").strip()
            if citation and citation not in told:
                told.add(citation)
                key = re.sub(r"[^A-Za-z0-9]+", "-", f"{section}-{name}").strip("-").lower()
                yield noted(key, citation)


def _keys(run: FinishedRun, over: AcrossTasks | None) -> Iterator[str]:
    """Works of `works` that a run used."""
    used = run.manifest.get("versions") or {}
    yield from (key for package, key in TOOLS.items() if package in used)
    if (run.trials["status"] == "pruned").any():
        yield "li2020"
    tests = " ".join(run.comparisons["test"].unique()).lower()
    if "delong" in tests:
        yield from ("delong1988", "sun2014")
    if "bootstrap" in tests:
        yield "efron1993"
    if (run.comparisons["claim"] == METHODS).any():
        yield "satterthwaite1946"
    if run.comparisons["n_groups"].notna().any():
        yield "obuchowski1997"
    corrections = run.comparisons["correction"].str.lower().unique()
    yield from (CORRECTIONS[name] for name in corrections if name in CORRECTIONS)
    if run.comparisons["equivalence_p"].notna().any():
        yield "schuirmann1987"
    if over:
        yield from ("demsar2006", "iman1980", "wilcoxon1945", "benavoli2017")
    if run.embeddings:
        yield from ("hubert1985", "vinh2010", "rousseeuw1987", "wang2020")
