"""What a paper that uses a run should cite, as text and as BibTeX."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from engine.report.run import Run

BIBTEX_SPECIAL = re.compile(r"([&%$#_])")


@dataclass(frozen=True)
class Reference:
    """One work.

    Attributes
    ----------
    key : str
        BibTeX key.
    kind : str
        BibTeX entry type.
    authors : str
        ``Family, Given and Family, Given``, or empty where `title` is the whole citation.
    title, venue, year : str
    where : str
        Volume, issue and pages, ``44(3):837-845``; may be empty.
    doi : str
        May be empty.
    """

    key: str
    kind: str
    authors: str
    title: str
    venue: str = ""
    year: str = ""
    where: str = ""
    doi: str = ""

    @property
    def text(self) -> str:
        """The reference as a line of prose."""
        if not self.authors:
            return self.title
        names = [name.split(", ")[0] for name in self.authors.split(" and ")]
        short = f"{names[0]} et al." if len(names) > 3 else ", ".join(names) + "."
        place = f"{self.venue} {self.where}".strip()
        doi = f" doi:{self.doi}" if self.doi else ""
        return f"{short} {self.title}. {place}, {self.year}.{doi}"

    @property
    def bibtex(self) -> str:
        """The reference as a BibTeX entry."""
        volume, _, pages = self.where.partition(":")
        volume, _, issue = volume.rstrip(")").partition("(")
        venue = {"article": "journal", "inproceedings": "booktitle", "book": "publisher"}
        fields = {
            "author": self.authors,
            "title" if self.authors else "note": self.title,
            venue.get(self.kind, "howpublished"): self.venue,
            "year": self.year,
            "volume": volume,
            "number": issue,
            "pages": pages.replace("-", "--"),
            "doi": self.doi,
        }
        lines = [
            f"  {name} = {{{value if name == 'doi' else _escape(value)}}}"
            for name, value in fields.items()
            if value
        ]
        return f"@{self.kind}{{{self.key},\n" + ",\n".join(lines) + "\n}"


def _escape(text: str) -> str:
    return BIBTEX_SPECIAL.sub(r"\\\1", text)


DELONG = Reference(
    "delong1988",
    "article",
    "DeLong, Elizabeth R. and DeLong, David M. and Clarke-Pearson, Daniel L.",
    "Comparing the areas under two or more correlated receiver operating characteristic curves: "
    "a nonparametric approach",
    "Biometrics",
    "1988",
    "44(3):837-845",
    "10.2307/2531595",
)
SUN_XU = Reference(
    "sun2014",
    "article",
    "Sun, Xu and Xu, Weichao",
    "Fast implementation of DeLong's algorithm for comparing the areas under correlated receiver "
    "operating characteristic curves",
    "IEEE Signal Processing Letters",
    "2014",
    "21(11):1389-1393",
    "10.1109/LSP.2014.2337313",
)
BOOTSTRAP = Reference(
    "efron1993",
    "book",
    "Efron, Bradley and Tibshirani, Robert J.",
    "An introduction to the bootstrap",
    "Chapman & Hall",
    "1993",
)
HOLM = Reference(
    "holm1979",
    "article",
    "Holm, Sture",
    "A simple sequentially rejective multiple test procedure",
    "Scandinavian Journal of Statistics",
    "1979",
    "6(2):65-70",
)
BENJAMINI_HOCHBERG = Reference(
    "benjamini1995",
    "article",
    "Benjamini, Yoav and Hochberg, Yosef",
    "Controlling the false discovery rate: a practical and powerful approach to multiple testing",
    "Journal of the Royal Statistical Society: Series B",
    "1995",
    "57(1):289-300",
    "10.1111/j.2517-6161.1995.tb02031.x",
)
BENJAMINI_YEKUTIELI = Reference(
    "benjamini2001",
    "article",
    "Benjamini, Yoav and Yekutieli, Daniel",
    "The control of the false discovery rate in multiple testing under dependency",
    "The Annals of Statistics",
    "2001",
    "29(4):1165-1188",
    "10.1214/aos/1013699998",
)
OPTUNA = Reference(
    "akiba2019",
    "inproceedings",
    "Akiba, Takuya and Sano, Shotaro and Yanase, Toshihiko and Ohta, Takeru and Koyama, Masanori",
    "Optuna: a next-generation hyperparameter optimization framework",
    "Proceedings of the 25th ACM SIGKDD International Conference on Knowledge Discovery and Data "
    "Mining",
    "2019",
    ":2623-2631",
    "10.1145/3292500.3330701",
)
RAY_TUNE = Reference(
    "liaw2018",
    "misc",
    "Liaw, Richard and Liang, Eric and Nishihara, Robert and Moritz, Philipp and "
    "Gonzalez, Joseph E. and Stoica, Ion",
    "Tune: a research platform for distributed model selection and training",
    "arXiv:1807.05118",
    "2018",
)
ASHA = Reference(
    "li2020",
    "inproceedings",
    "Li, Liam and Jamieson, Kevin and Rostamizadeh, Afshin and Gonina, Ekaterina and "
    "Ben-Tzur, Jonathan and Hardt, Moritz and Recht, Benjamin and Talwalkar, Ameet",
    "A system for massively parallel hyperparameter tuning",
    "Proceedings of Machine Learning and Systems",
    "2020",
    "2:230-246",
)
LORA = Reference(
    "hu2022",
    "inproceedings",
    "Hu, Edward J. and Shen, Yelong and Wallis, Phillip and Allen-Zhu, Zeyuan and Li, Yuanzhi and "
    "Wang, Shean and Wang, Lu and Chen, Weizhu",
    "LoRA: low-rank adaptation of large language models",
    "International Conference on Learning Representations",
    "2022",
)
SCIKIT_LEARN = Reference(
    "pedregosa2011",
    "article",
    "Pedregosa, Fabian and Varoquaux, Gaël and Gramfort, Alexandre and Michel, Vincent and others",
    "Scikit-learn: machine learning in Python",
    "Journal of Machine Learning Research",
    "2011",
    "12:2825-2830",
)
CORRECTIONS = {
    "holm": HOLM,
    "bh": BENJAMINI_HOCHBERG,
    "fdr_bh": BENJAMINI_HOCHBERG,
    "by": BENJAMINI_YEKUTIELI,
    "fdr_by": BENJAMINI_YEKUTIELI,
}


def references(run: Run) -> list[Reference]:
    """Works behind a run: its encoders and data first, then what searched and what tested.

    Only what the run's own records show it used is named: a package by its version in the
    manifest, a test and a correction by the comparisons, ASHA by a pruned trial.

    Returns
    -------
    list of Reference
        Without repeats.
    """
    return list(dict.fromkeys([*_from_manifest(run), *_of_search(run), *_of_tests(run)]))


def _from_manifest(run: Run) -> Iterator[Reference]:
    known: set[str] = set()
    for section, names, facts in (
        ("encoder", run.encoders, run.encoder),
        ("task", run.tasks, run.task),
    ):
        for name in names:
            citation = str(facts(name).get("citation") or "").strip()
            if citation and citation not in known:
                known.add(citation)
                key = re.sub(r"[^A-Za-z0-9]+", "-", f"{section}-{name}").strip("-").lower()
                yield Reference(key, "misc", "", citation)


def _of_search(run: Run) -> Iterator[Reference]:
    used = run.manifest.get("versions") or {}
    methods = run.study.get("methods") or {}
    if any(name == "lora" or _kind(chosen) == "lora" for name, chosen in methods.items()):
        yield LORA
    if "scikit-learn" in used:
        yield SCIKIT_LEARN
    if "optuna" in used:
        yield OPTUNA
    if "ray" in used:
        yield RAY_TUNE
    if (run.trials["status"] == "pruned").any():
        yield ASHA


def _kind(method: object) -> object:
    """What a resolved method is made of: its name in a study is the user's choice."""
    return method.get("method") if isinstance(method, dict) else method


def _of_tests(run: Run) -> Iterator[Reference]:
    tests = " ".join(run.comparisons["test"].unique()).lower()
    if "delong" in tests:
        yield DELONG
        yield SUN_XU
    if "bootstrap" in tests:
        yield BOOTSTRAP
    for correction in run.comparisons["correction"].unique():
        if correction.lower() in CORRECTIONS:
            yield CORRECTIONS[correction.lower()]
