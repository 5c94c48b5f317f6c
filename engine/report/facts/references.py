"""What a paper that uses a run should cite."""

import re
from collections.abc import Iterator

from engine.compare.families import METHODS
from engine.compare.tasks import AcrossTasks
from engine.methods import methods
from engine.report.facts.works import (
    ASHA,
    BENAVOLI,
    BENJAMINI_HOCHBERG,
    BENJAMINI_YEKUTIELI,
    BOOTSTRAP,
    DELONG,
    DEMSAR,
    HOLM,
    HUBERT_ARABIE,
    IMAN_DAVENPORT,
    OBUCHOWSKI,
    OPTUNA,
    RAY_TUNE,
    ROUSSEEUW,
    SATTERTHWAITE,
    SCHUIRMANN,
    SCIKIT_LEARN,
    SUN_XU,
    VINH,
    WANG_ISOLA,
    WILCOXON,
    Reference,
)
from engine.report.finished_run import FinishedRun

CORRECTIONS = {
    "holm": HOLM,
    "bh": BENJAMINI_HOCHBERG,
    "fdr_bh": BENJAMINI_HOCHBERG,
    "by": BENJAMINI_YEKUTIELI,
    "fdr_by": BENJAMINI_YEKUTIELI,
}


def references(run: FinishedRun, over: AcrossTasks | None = None) -> list[Reference]:
    """Works behind a run: its encoders and data first, then what searched and what tested.

    Parameters
    ----------
    run : FinishedRun
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
    found = [*_from_manifest(run), *_of_search(run), *_of_tests(run)]
    if over:
        found += [DEMSAR, IMAN_DAVENPORT, WILCOXON, BENAVOLI]
    if run.embeddings:
        found += [HUBERT_ARABIE, VINH, ROUSSEEUW, WANG_ISOLA]
    return list(dict.fromkeys(found))


def _from_manifest(run: FinishedRun) -> Iterator[Reference]:
    known: set[str] = set()
    for section, names, facts in (
        ("encoder", run.encoders, run.encoder),
        ("task", run.tasks, run.task),
    ):
        for name in names:
            citation = str(facts(name).get("citation") or "").strip()
            if citation and citation not in known:
                known.add(citation)
                yield Reference(_key(section, name), "misc", "", citation)


def _of_search(run: FinishedRun) -> Iterator[Reference]:
    used = run.manifest.get("versions") or {}
    by_citation = {citation: name for name, citation in method_citations(run).items() if citation}
    for citation, name in by_citation.items():
        yield Reference(_key("method", name), "misc", "", citation)
    if "scikit-learn" in used:
        yield SCIKIT_LEARN
    if "optuna" in used:
        yield OPTUNA
    if "ray" in used:
        yield RAY_TUNE
    if (run.trials["status"] == "pruned").any():
        yield ASHA


def method_citations(run: FinishedRun) -> dict[str, str]:
    """What to cite for each method of a study; its name there is the user's choice."""
    known = methods()
    chosen = run.study.get("methods") or {}
    kinds = {
        name: str(chosen[name].get("method", name)) if isinstance(chosen.get(name), dict) else name
        for name in run.methods
    }
    return {name: known[kind].citation if kind in known else "" for name, kind in kinds.items()}


def _key(section: str, name: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "-", f"{section}-{name}").strip("-").lower()


def _of_tests(run: FinishedRun) -> Iterator[Reference]:
    tests = " ".join(run.comparisons["test"].unique()).lower()
    if "delong" in tests:
        yield DELONG
        yield SUN_XU
    if "bootstrap" in tests:
        yield BOOTSTRAP
    if (run.comparisons["claim"] == METHODS).any():
        yield SATTERTHWAITE
    if run.comparisons["n_groups"].notna().any():
        yield OBUCHOWSKI
    for correction in run.comparisons["correction"].unique():
        if correction.lower() in CORRECTIONS:
            yield CORRECTIONS[correction.lower()]
    if run.comparisons["equivalence_p"].notna().any():
        yield SCHUIRMANN
