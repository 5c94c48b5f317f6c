"""The section to be pasted into a paper: the methods and what to cite."""

from collections.abc import Callable, Iterable, Iterator

from engine.basics.wording import FAMILIES, adjustment, count, listing, moment, plural
from engine.compare.corrections import METHODS
from engine.compare.evidence import RESAMPLES
from engine.compare.tasks import AcrossTasks
from engine.kinds import kinds
from engine.metrics import metric_label
from engine.report.facts.findings import Findings
from engine.report.facts.references import CORRECTIONS, method_citations, references
from engine.report.facts.works import Reference, works
from engine.report.figures.drawing import Album
from engine.report.finished_run import FinishedRun
from engine.report.forms.blocks import Bibliography, Heading, Paragraph, Paste, Section
from engine.report.sections.base import Subject

#: Metrics of two classes whose value of several is a mean.
AVERAGED = ("auroc", "auprc", "f1")


def sections(found: Findings, album: Album) -> Iterator[Section]:
    """The paragraph, and its references as text and as BibTeX."""
    cited = references(found.run, found.over)
    blocks = (
        Paragraph("For a paper; one click selects it.", "quiet"),
        Paste(methods_paragraph(found.run, found.over, cited)),
        Heading("References"),
        Bibliography(cited),
    )
    yield Section("methods", "Methods text", blocks)


SUBJECT = Subject("methods", 110, sections)


def methods_paragraph(run: FinishedRun, over: AcrossTasks | None, cited: list[Reference]) -> str:
    """A paragraph for a paper's methods section; numbers in brackets are places in `cited`."""
    return " ".join(_methods(run, over, cited))


def _methods(run: FinishedRun, over: AcrossTasks | None, cited: list[Reference]) -> Iterator[str]:
    def numbers(found: Iterable[Reference]) -> str:
        places = [str(cited.index(work) + 1) for work in dict.fromkeys(found) if work in cited]
        return f" [{', '.join(places)}]" if places else ""

    def cite(*keys: str) -> str:
        return numbers(works()[key] for key in keys)

    def named(name: str, citation: object) -> str:
        return name + numbers(w for w in cited if w.text == str(citation or "").strip())

    encoders = [named(name, run.encoder(name).get("citation")) for name in run.encoders]
    tasks = [named(name, run.task(name).get("citation")) for name in run.tasks]
    methods = [named(name, citation) for name, citation in method_citations(run).items()]
    commit = run.manifest.get("git_commit")
    version = f"dnasweep {run.manifest.get('dnasweep', '')}".strip()
    yield (
        f"We compared {plural(len(encoders), 'DNA encoder')} ({listing(encoders)}) on "
        f"{plural(len(tasks), _noun(run))} ({listing(tasks)}) with {version}"
        f"{f' (git commit {commit[:10]})' if commit else ''}. A cell is one encoder adapted by one "
        f"method ({listing(methods)}{cite('pedregosa2011')}) to one task; the study has "
        f"{plural(run.trials['cell'].nunique(), 'cell')}."
    )
    counts = run.trials["status"].value_counts()
    outcome = listing([f"{number:,} {status}" for status, number in counts.items()])
    used = run.manifest.get("versions") or {}
    tools = [
        f"{verb} by {name} {used[package]}{cite(work)}"
        for package, name, verb, work in (
            ("optuna", "Optuna", "proposed", "akiba2019"),
            ("ray", "Ray Tune", "scheduled", "liaw2018"),
        )
        if package in used
    ]
    early = cite("li2020")
    yield (
        f"Each cell had up to {run.study.get('trials_per_cell')} hyperparameter configurations"
        f"{', ' + ' and '.join(tools) if tools else ''}, of which the first was the default one"
        f"{f'; unpromising trials were stopped early{early}' if 'pruned' in counts else ''} "
        f"({plural(len(run.trials), 'trial')}: {outcome})."
    )
    metrics = listing(list(dict.fromkeys(metric_label(run.metric(task)) for task in run.tasks)))
    seeds = listing([str(seed) for seed in run.seeds])
    yield (
        f"The configuration with the best validation score of a cell was refitted with "
        f"{'seeds' if len(run.seeds) > 1 else 'seed'} {seeds}; only then was the test split read. "
        f"Scores are {metrics}{_averages(run)} on the test split, given as mean over seeds with "
        f"the 95 % confidence interval of the model of seed {run.seeds[0]}."
    )
    if len(run.comparisons):
        yield _comparison_sentence(run, cite)
    if over:
        yield (
            f"Over the {plural(len(over.tasks), 'task')} ({over.n_groups} counted as independent) "
            f"models were compared by their ranks{cite('demsar2006')}: Friedman's test in Iman "
            f"and Davenport's form{cite('iman1980')}, then Wilcoxon's signed-rank test of every "
            f"pair{cite('wilcoxon1945')} with Holm's correction{cite('holm1979')}, and the "
            f"Bayesian signed-rank test{cite('benavoli2017')} with a region of practical "
            f"equivalence of ±{run.margin:g}."
        )
    if run.embeddings:
        rows = count(run.embeddings[0]["n_rows"].max())
        yield (
            f"Frozen embeddings of up to {rows} training sequences were described without a "
            f"classifier by the agreement of k-means and Ward clusters with the classes (adjusted "
            f"Rand index{cite('hubert1985')}, adjusted mutual information{cite('vinh2010')}), the "
            f"silhouette{cite('rousseeuw1987')}, alignment and uniformity{cite('wang2020')}, and "
            "the share of the ten nearest neighbours that have a sequence's class."
        )
    hardware = run.manifest.get("hardware") or {}
    gpus = [str(gpu) for gpu in hardware.get("gpus") or []]
    yield (
        f"The study ran on {hardware.get('cpu') or 'an unrecorded processor'} "
        f"({hardware.get('cores', '?')} cores, {hardware.get('memory_gb', '?')} GB memory, "
        f"{listing(gpus) or 'no GPU'}) and finished on "
        f"{moment(str(run.manifest.get('finished', '')))}."
    )


def _comparison_sentence(run: FinishedRun, cite: Callable[..., str]) -> str:
    clustered = (
        f"; sequences of one group{cite('obuchowski1997')} were not taken to be independent, and "
        "single models were judged by Student's t over the groups"
        if run.comparisons["n_groups"].notna().any()
        else ""
    )
    tests_cited = cite("delong1988", "sun2014", "efron1993")
    tests = listing([str(test) for test in run.comparisons["test"].unique()])
    correction = str(run.comparisons["correction"].iloc[0])
    family = FAMILIES.get(str(run.compare.get("family")), "the declared family")
    adjusted = f"p-values {adjustment(correction)}"
    if correction != "none":
        adjusted += f"{cite(*CORRECTIONS.values())} over {family}"
    equivalence = (
        f" Equivalence was tested by two one-sided tests{cite('schuirmann1987')} with a margin of "
        f"{run.margin:g}{', adjusted likewise' if correction != 'none' else ''}."
        if run.comparisons["equivalence_p"].notna().any()
        else ""
    )
    kinds = [
        *(["Wald intervals with DeLong's variance"] if "DeLong" in tests else []),
        *([f"percentiles of {RESAMPLES:,} bootstrap resamples"] if "bootstrap" in tests else []),
    ]
    intervals = f" Intervals of single models are {listing(kinds)}."
    unstable = (
        " A significant difference whose sign was not the same with all seeds was called unstable."
        if len(run.seeds) > 1
        else ""
    )
    if (run.comparisons["claim"] == METHODS).any():
        return (
            f"Cells of a task were compared pairwise on the same test sequences over all "
            f"{len(run.seeds)} seeds: a two-sided t-test of the difference of means whose variance "
            f"has a part from seeds and a part from test sequences ({tests}{tests_cited}), with "
            f"Satterthwaite's degrees of freedom{cite('satterthwaite1946')}{clustered}; "
            f"{adjusted}; the level was 5 %.{equivalence}{intervals} The models of seed "
            f"{run.seeds[0]} were also compared alone; disagreement is reported as mixed."
        )
    return (
        f"Cells of a task were compared pairwise on the same test sequences ({tests}{tests_cited}, "
        f"two-sided, models of seed {run.seeds[0]}){clustered}; {adjusted}; the level "
        f"was 5 %.{equivalence}{intervals}{unstable}"
    )


def _averages(run: FinishedRun) -> str:
    """How a metric of two classes becomes one of several, where a task needs it."""
    averaged = {
        run.kind(task).name
        for task in run.tasks
        if run.metric(task) in AVERAGED
        and (run.kind(task).independent or len(run.task(task).get("classes") or []) > 2)
    }
    said = [kind.words.averages for name, kind in kinds().items() if name in averaged]
    return f" ({'; '.join(said)})" if said else ""


def _noun(run: FinishedRun) -> str:
    """What the tasks are, as far as one word holds for all."""
    names = {run.kind(task).name for task in run.tasks}
    return f"sequence {names.pop()} task" if len(names) == 1 else "sequence task"
