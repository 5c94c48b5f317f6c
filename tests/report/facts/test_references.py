import re
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from engine.report.facts.references import references
from engine.report.facts.works import works
from engine.report.finished_run import read_run
from engine.report.sections.methods import methods_paragraph

Maker = Callable[..., Path]
DELONG, SUN_XU, HOLM = (works()[key] for key in ("delong1988", "sun2014", "holm1979"))


def test_a_reference_reads_as_a_line_and_as_bibtex() -> None:
    # Biometrics 44(3):837-845, as PubMed 3203132 gives it.
    assert DELONG.text.startswith("DeLong, DeLong, Clarke-Pearson. Comparing the areas under two")
    assert DELONG.text.endswith("Biometrics 44(3):837-845, 1988. doi:10.2307/2531595")
    for field in (
        "@article{delong1988,",
        "author = {DeLong, Elizabeth R. and DeLong, David M. and Clarke-Pearson, Daniel L.}",
        "journal = {Biometrics}",
        "volume = {44}",
        "number = {3}",
        "pages = {837--845}",
        "doi = {10.2307/2531595}",
    ):
        assert field in DELONG.bibtex


def test_every_bibtex_entry_is_balanced_and_keys_differ(demo_run: Path) -> None:
    cited = references(read_run(demo_run))
    assert len({work.key for work in cited}) == len(cited)
    for work in cited:
        assert work.bibtex.count("{") == work.bibtex.count("}")
        assert not re.search(r"(?<!\\)[&%#]", work.bibtex)


def test_a_run_cites_its_data_its_tests_and_its_tools(demo_run: Path) -> None:
    cited = references(read_run(demo_run))
    assert {DELONG, SUN_XU, HOLM} <= set(cited)
    assert sum(work.text.startswith("Hu et al. 2022, LoRA") for work in cited) == 1
    assert any("Splice-junction" in work.text for work in cited)


def test_one_citation_of_two_encoders_is_listed_once(demo_run: Path) -> None:
    texts = [work.text for work in references(read_run(demo_run))]
    assert texts.count("This repository.") == 1


def test_what_a_run_did_not_use_is_not_cited(make_run: Maker) -> None:
    out = make_run(cells={("kmer", "probe"): (0.9,)}, tasks=("t",))
    study = out / "study.yaml"
    study.write_text(study.read_text().replace("  lora: search_spaces/lora.yaml\n", ""))
    cited = references(read_run(out))
    assert not {DELONG, HOLM} & set(cited)
    assert not [work for work in cited if "LoRA" in work.text]


@pytest.mark.parametrize("resolved", ["{method: lora, parameters: {}}", "search_spaces/lora.yaml"])
def test_lora_is_cited_under_whatever_name_the_study_gives_it(
    make_run: Maker, resolved: str
) -> None:
    out = make_run(cells={("kmer", "probe"): (0.9,)}, tasks=("t",))
    study = out / "study.yaml"
    text = study.read_text().replace("lora: search_spaces/lora.yaml", f"adapted: {resolved}")
    study.write_text(text)
    cited = [work for work in references(read_run(out)) if "LoRA" in work.text]
    assert bool(cited) == resolved.startswith("{")


def test_works_are_numbered_in_the_order_of_the_paragraph(make_run: Maker) -> None:
    cells = {("a", "probe"): (0.9,), ("b", "lora"): (0.8,)}
    out = make_run(cells=cells, tasks=("t",))
    pairs = pd.read_csv(out / "comparisons.csv")
    pairs = pairs.assign(claim="methods", n_groups=9, equivalence_p=0.5)
    pairs.to_csv(out / "comparisons.csv", index=False)
    run = read_run(out)
    cited = references(run)
    text = methods_paragraph(run, None, cited)
    places = [int(n) for many in re.findall(r"\[([\d, ]+)\]", text) for n in many.split(", ")]
    assert list(dict.fromkeys(places)) == sorted(set(places)) == [*range(1, len(cited) + 1)]


def test_a_correction_of_two_names_is_cited_once(demo_run: Path) -> None:
    run = read_run(demo_run)
    run.comparisons["correction"] = "bh"
    cited = references(run)
    place = cited.index(works()["benjamini1995"]) + 1
    assert f" [{place}] over " in methods_paragraph(run, None, cited)
