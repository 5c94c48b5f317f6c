"""The whole report, from a folder to its files."""

import json
import math
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest

from engine.report import ReportPaths, write_report

Maker = Callable[..., Path]
VOID = {"meta", "link", "br", "img", "input", "hr", "wbr"}
PAIR = {("a", "probe"): (0.9,), ("b", "probe"): (0.8,)}


class Checker(HTMLParser):
    """Follows open elements; keeps ids, text and every address that a browser would load."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.targets: list[str] = []
        self.loads: list[str] = []
        self.text: list[str] = []
        self.rows: list[int] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.note(tag, attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.note(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag, f"</{tag}> is out of order"

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("style", "script"):
            self.text.append(data)

    def note(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            if name in ("src", "srcset", "data", "action", "poster"):
                self.loads.append(value or "")
            if name in ("href", "xlink:href"):
                (self.targets if tag in ("a", "use") else self.loads).append(value or "")


def check(path: Path) -> Checker:
    checker = Checker()
    checker.feed(path.read_text(encoding="utf-8"))
    checker.close()
    assert checker.open == []
    assert len(checker.ids) == len(set(checker.ids))
    assert checker.loads == []
    assert all(target.startswith("#") for target in checker.targets)
    assert {target[1:] for target in checker.targets} <= set(checker.ids)
    return checker


def test_page_is_well_formed_and_loads_nothing(demo_report: ReportPaths) -> None:
    check(demo_report.html)
    text = demo_report.html.read_text(encoding="utf-8")
    assert not re.search(r"url\((?!#)", text)
    assert "@import" not in text
    assert "default-src 'none'" in text
    assert demo_report.html.stat().st_size < 5_000_000


def test_page_has_the_answer_before_the_leaderboard_before_the_rest(
    demo_report: ReportPaths,
) -> None:
    ids = check(demo_report.html).ids
    order = [
        *("answer", "leaderboard", "ranks", "task-1", "task-2", "tuning"),
        *("failures", "cost", "claims", "methods", "provenance"),
    ]
    assert [name for name in ids if name in order] == order


def test_page_and_markdown_hold_the_answers_word_for_word(demo_report: ReportPaths) -> None:
    sentence = (
        "scores highest (0.972 AUROC), but its lead of 0.003 over onehot · probe is not "
        "significant (95 % CI −0.009 to 0.015, Holm p = 1); it cannot be told apart from "
        "tiny-hyena · lora either; it is significantly ahead of the other 4 cells."
    )
    assert sentence in "".join(check(demo_report.html).text)
    assert f"**tiny-bert · lora** {sentence}" in demo_report.markdown.read_text(encoding="utf-8")


def test_every_figure_is_an_svg_a_png_and_inline(demo_report: ReportPaths) -> None:
    assert len(demo_report.figures) == 24
    assert all(path.stat().st_size > 0 for path in demo_report.figures)
    assert {path.suffix for path in demo_report.figures} == {".svg", ".png"}
    assert demo_report.html.read_text(encoding="utf-8").count("<svg ") == 12


def test_figures_of_the_page_follow_its_colour_scheme(demo_report: ReportPaths) -> None:
    text = demo_report.html.read_text(encoding="utf-8")
    drawings = re.findall(r"<svg .*?</svg>", text, flags=re.DOTALL)
    assert not [colour for svg in drawings for colour in re.findall(r"#[0-9a-f]{6}\b", svg)]


def test_links_of_the_markdown_lead_to_figures(demo_report: ReportPaths) -> None:
    links = re.findall(r"!\[[^\]]*\]\(([^)]+)\)", demo_report.markdown.read_text(encoding="utf-8"))
    assert len(links) == 12
    assert all((demo_report.markdown.parent / link).is_file() for link in links)


def test_rows_of_markdown_tables_are_as_wide_as_their_headings(demo_report: ReportPaths) -> None:
    width = 0
    for line in demo_report.markdown.read_text(encoding="utf-8").splitlines():
        cells = len(re.findall(r"(?<!\\)\|", line)) - 1 if line.startswith("|") else 0
        assert not (width and cells) or cells == width
        width = cells


def test_no_temporary_file_is_left(demo_report: ReportPaths) -> None:
    assert list(demo_report.html.parent.rglob(".*")) == []


def test_a_second_report_of_the_same_run_is_the_same(make_run: Maker) -> None:
    out = make_run(cells=PAIR, tasks=("t",))
    first = {path: path.read_bytes() for path in write_report(out).figures}
    page = (out / "report.html").read_bytes()
    write_report(out)
    assert (out / "report.html").read_bytes() == page
    assert {path: path.read_bytes() for path in first} == first


def test_names_are_escaped_everywhere(make_run: Maker) -> None:
    names = {("<b>&x|y_*`$e$", "pr<i>be"): (0.9,), ("b", "pr<i>be"): (0.8,)}
    paths = write_report(make_run(cells=names, tasks=("t<script>alert(1)</script>",)))
    checker = check(paths.html)
    text = "".join(checker.text)
    assert "<b>&x|y_*`$e$ · pr<i>be" in text
    assert "t<script>alert(1)</script>" in text
    assert paths.html.read_text(encoding="utf-8").count("<script>") == 1
    markdown = paths.markdown.read_text(encoding="utf-8")
    assert "<b>" not in re.sub(r"\\<", "", markdown)
    assert r"\<b\>&amp;x\|y\_\*\`$e$" in markdown


def test_one_cell_and_no_comparison_still_make_a_report(make_run: Maker) -> None:
    paths = write_report(make_run(cells={("kmer", "probe"): (0.9,)}, tasks=("t",)))
    text = "".join(check(paths.html).text)
    assert "kmer · probe reaches 0.900 AUROC" in " ".join(text.split())
    assert "No pair was tested in this study." in text
    assert not [path for path in paths.figures if path.name.startswith("p-")]


def test_a_task_without_any_model_is_reported_and_not_dropped(make_run: Maker) -> None:
    out = make_run(cells={("a", "probe"): (0.9, 0.8), ("b", "probe"): (0.8, 0.7)}, tasks=("t", "u"))
    for name, column in (("scores.csv", "task"), ("comparisons.csv", "task")):
        table = pd.read_csv(out / name)
        table[table[column] == "t"].to_csv(out / name, index=False)
    trials = pd.read_parquet(out / "trials.parquet")
    lost = trials["task"] == "u"
    trials.loc[lost, ["status", "score"]] = ["failed", math.nan]
    trials.to_parquet(out / "trials.parquet")
    text = "".join(check(write_report(out).html).text)
    assert "No cell of this task produced a fitted model." in text


def test_a_run_without_any_score_still_has_a_report(make_run: Maker) -> None:
    out = make_run(cells=PAIR, tasks=("t",))
    for name in ("scores.csv", "comparisons.csv"):
        pd.read_csv(out / name).iloc[:0].to_csv(out / name, index=False)
    assert "No cell of this task" in "".join(check(write_report(out).html).text)


def test_another_metric_is_named_everywhere(make_run: Maker) -> None:
    paths = write_report(make_run(cells=PAIR, tasks=("t",), metric="mcc"))
    text = "".join(check(paths.html).text)
    assert "(0.900 MCC)" in text
    assert "MCC on the test split" in text
    assert "0.900 AUROC" not in text


@pytest.mark.parametrize(
    ("kind", "metric", "label", "told"),
    [
        ("regression", "spearman", "Spearman's rho", "sequence regression task"),
        ("multilabel", "auroc", "AUROC", "sequence multilabel task"),
    ],
)
def test_other_kinds_of_tasks_are_named_and_show_their_own_metrics(
    make_run: Maker, kind: str, metric: str, label: str, told: str
) -> None:
    out = make_run(cells=PAIR, tasks=("t",), metric=metric)
    manifest = json.loads((out / "manifest.json").read_text())
    classes = {"regression": ["value"], "multilabel": ["H3K4me3", "H3K9ac"]}[kind]
    manifest["tasks"]["t"] |= {"kind": kind, "classes": classes}
    (out / "manifest.json").write_text(json.dumps(manifest))
    scores = pd.read_csv(out / "scores.csv").rename(columns={"mcc": "r2"})
    # What the other tasks of a study have is empty here.
    scores["auprc"] = math.nan
    scores.to_csv(out / "scores.csv", index=False)
    text = " ".join(check(write_report(out).html).text)
    assert f"(0.900 {label})" in text
    assert told in text
    assert "R²" in text
    assert "AUPRC" not in text
    assert ("H3K4me3, H3K9ac" in text) == (kind == "multilabel")


def test_missing_and_vanishing_p_values_are_shown_as_such(make_run: Maker) -> None:
    cells = {("a", "probe"): (0.9,), ("b", "probe"): (0.8,), ("c", "probe"): (0.7,)}
    out = make_run(cells=cells, tasks=("t",))
    rows = pd.read_csv(out / "comparisons.csv")
    rows.loc[0, ["p", "log10_p", "p_adjusted"]] = [0.0, -320.0, 0.0]
    rows.loc[1, ["p", "log10_p", "p_adjusted"]] = math.nan
    rows["verdict"] = ["significant", "no test", "significant"]
    rows.to_csv(out / "comparisons.csv", index=False)
    text = "".join(check(write_report(out).html).text)
    assert "1e-320" in text
    assert "Holm p < 1e-300" in text
    assert "no test" in text
    assert not re.search(r"\bnan\b", text.lower())


def test_manifest_with_little_in_it_is_enough(make_run: Maker) -> None:
    out = make_run(cells=PAIR, tasks=("t",))
    manifest = json.loads((out / "manifest.json").read_text())
    (out / "manifest.json").write_text(json.dumps({"study": manifest["study"]}))
    check(write_report(out).html)


def test_many_cells_stay_small_and_every_pair_with_the_best_is_listed(make_run: Maker) -> None:
    cells = {(f"encoder-{i}", "probe"): (0.95 - 0.005 * i,) for i in range(16)}
    paths = write_report(make_run(cells=cells, tasks=("t",), per_cell=3))
    checker = check(paths.html)
    assert "Only pairs with the best cell; all are in comparisons.csv." in "".join(checker.text)
    assert paths.html.stat().st_size < 500_000


def test_tasks_with_the_same_letters_get_different_figures(make_run: Maker) -> None:
    cells = {("a", "probe"): (0.9, 0.8)}
    paths = write_report(make_run(cells=cells, tasks=("x/y", "x y"), per_cell=3))
    assert len(set(paths.figures)) == len(paths.figures) == 20


def test_what_is_bold_in_the_page_is_bold_in_the_markdown(demo_report: ReportPaths) -> None:
    lines = demo_report.markdown.read_text(encoding="utf-8").splitlines()
    scores = next(line for line in lines if line.startswith("| tiny-bert | lora |"))
    assert "| **0.972** |" in scores
    assert "| 0.951 |" in scores or "| **0.951** |" in scores


def test_a_tip_is_told_where_there_is_no_pill_to_carry_it(demo_report: ReportPaths) -> None:
    text = demo_report.html.read_text(encoding="utf-8")
    assert '<td class="number strong" title="best">0.972</td>' in text


def test_long_names_break_after_an_underscore(demo_report: ReportPaths) -> None:
    assert "<td>splice_<wbr>junctions</td>" in demo_report.html.read_text(encoding="utf-8")


def test_a_page_of_many_tasks_is_brief_and_says_what_it_leaves_out(
    make_run: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.report.facts.findings.MANY_TASKS", 1)
    cells = {(name, "probe"): (0.9 - k / 50, 0.9 - k / 50) for k, name in enumerate("abc")}
    out = make_run(cells=cells, tasks=("t", "u"), per_cell=3)
    paths = write_report(out)
    text = "".join(check(paths.html).text)
    assert "Search and learning curves of 2 tasks are left out here" in text
    assert "Only pairs with the best cell; all are in comparisons.csv." in text
    assert not [path for path in paths.figures if path.name.startswith("search-")]
    assert len(pd.read_csv(out / "comparisons.csv")) == 6
