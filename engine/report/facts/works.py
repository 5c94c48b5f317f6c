"""Works that a report may cite, as text and as BibTeX."""

import re
from dataclasses import dataclass

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
        place = f"{self.venue} {self.where}".replace(" :", ", pp. ").strip()
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
SCIKIT_LEARN = Reference(
    "pedregosa2011",
    "article",
    "Pedregosa, Fabian and Varoquaux, Gaël and Gramfort, Alexandre and Michel, Vincent and others",
    "Scikit-learn: machine learning in Python",
    "Journal of Machine Learning Research",
    "2011",
    "12:2825-2830",
)
OBUCHOWSKI = Reference(
    "obuchowski1997",
    "article",
    "Obuchowski, Nancy A.",
    "Nonparametric analysis of clustered ROC curve data",
    "Biometrics",
    "1997",
    "53(2):567-578",
    "10.2307/2533958",
)
SATTERTHWAITE = Reference(
    "satterthwaite1946",
    "article",
    "Satterthwaite, Franklin E.",
    "An approximate distribution of estimates of variance components",
    "Biometrics Bulletin",
    "1946",
    "2(6):110-114",
    "10.2307/3002019",
)
SCHUIRMANN = Reference(
    "schuirmann1987",
    "article",
    "Schuirmann, Donald J.",
    "A comparison of the two one-sided tests procedure and the power approach for assessing the "
    "equivalence of average bioavailability",
    "Journal of Pharmacokinetics and Biopharmaceutics",
    "1987",
    "15(6):657-680",
    "10.1007/BF01068419",
)
DEMSAR = Reference(
    "demsar2006",
    "article",
    "Demšar, Janez",
    "Statistical comparisons of classifiers over multiple data sets",
    "Journal of Machine Learning Research",
    "2006",
    "7:1-30",
)
IMAN_DAVENPORT = Reference(
    "iman1980",
    "article",
    "Iman, Ronald L. and Davenport, James M.",
    "Approximations of the critical region of the Friedman statistic",
    "Communications in Statistics - Theory and Methods",
    "1980",
    "9(6):571-595",
    "10.1080/03610928008827904",
)
WILCOXON = Reference(
    "wilcoxon1945",
    "article",
    "Wilcoxon, Frank",
    "Individual comparisons by ranking methods",
    "Biometrics Bulletin",
    "1945",
    "1(6):80-83",
    "10.2307/3001968",
)
BENAVOLI = Reference(
    "benavoli2017",
    "article",
    "Benavoli, Alessio and Corani, Giorgio and Demšar, Janez and Zaffalon, Marco",
    "Time for a change: a tutorial for comparing multiple classifiers through Bayesian analysis",
    "Journal of Machine Learning Research",
    "2017",
    "18(77):1-36",
)
HUBERT_ARABIE = Reference(
    "hubert1985",
    "article",
    "Hubert, Lawrence and Arabie, Phipps",
    "Comparing partitions",
    "Journal of Classification",
    "1985",
    "2(1):193-218",
    "10.1007/BF01908075",
)
VINH = Reference(
    "vinh2010",
    "article",
    "Vinh, Nguyen Xuan and Epps, Julien and Bailey, James",
    "Information theoretic measures for clusterings comparison: variants, properties, "
    "normalization and correction for chance",
    "Journal of Machine Learning Research",
    "2010",
    "11:2837-2854",
)
ROUSSEEUW = Reference(
    "rousseeuw1987",
    "article",
    "Rousseeuw, Peter J.",
    "Silhouettes: a graphical aid to the interpretation and validation of cluster analysis",
    "Journal of Computational and Applied Mathematics",
    "1987",
    "20:53-65",
    "10.1016/0377-0427(87)90125-7",
)
WANG_ISOLA = Reference(
    "wang2020",
    "inproceedings",
    "Wang, Tongzhou and Isola, Phillip",
    "Understanding contrastive representation learning through alignment and uniformity on the "
    "hypersphere",
    "Proceedings of the 37th International Conference on Machine Learning",
    "2020",
    "119:9929-9939",
)
