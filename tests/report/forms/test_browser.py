"""The page in a real browser: no console errors, no requests, sorting and filtering work."""

import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest

from engine.report import ReportPaths
from engine.report.forms.blocks import Section
from engine.report.forms.grids import Column, Entry, Grid
from engine.report.forms.html import render_html
from engine.report.forms.page import Page

CHROMIUM = (
    shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")

# Runs after the page's own script and leaves what it saw in the page.
PROBE = """
<script>
const figure = document.querySelector("[data-table=leaderboard]");
const table = figure.querySelector("table");
const column = (title) => [...table.tHead.rows[0].cells].findIndex((c) => c.textContent === title);
const shown = (title) => [...table.tBodies[0].rows].filter((row) => !row.hidden)
  .map((row) => row.cells[column(title)].textContent.trim()).join(" ");
const report = (name, text) => {
  const line = document.createElement("p");
  line.className = "probe";
  line.textContent = name + "=" + text;
  document.body.append(line);
};
const click = (title) => table.tHead.rows[0].cells[column(title)].querySelector("button").click();
click("AUROC"); report("largest first", shown("AUROC"));
click("AUROC"); report("smallest first", shown("AUROC"));
click("Adjusted p"); report("p", shown("Adjusted p"));
const choice = figure.querySelector("select");
choice.value = "promoters"; choice.dispatchEvent(new Event("change"));
report("filtered", shown("Task"));
const search = figure.querySelector("input");
search.value = "LORA hyena"; search.dispatchEvent(new Event("input"));
report("searched", shown("Encoder"));
report("count", figure.querySelector("output").textContent);
report("requests", performance.getEntriesByType("resource").length);
report("width", document.documentElement.scrollWidth);
</script>
"""


class Paragraphs(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.inside = False
        self.seen: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.inside = tag == "p" and ("class", "probe") in attrs

    def handle_data(self, data: str) -> None:
        if self.inside:
            name, _, text = data.partition("=")
            self.seen[name] = text
            self.inside = False


def chromium(page: Path, profile: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [
        *(str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic"),
        *("--no-first-run", "--disable-background-networking", "--disable-component-update"),
        *("--disable-sync", f"--user-data-dir={profile}", *options, page.as_uri()),
    ]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)


def visit(page: Path, profile: Path, width: int) -> tuple[str, str]:
    """The page's elements after its scripts ran, and what the browser wrote to its log."""
    options = (f"--window-size={width},900", "--enable-logging=stderr", "--dump-dom")
    done = chromium(page, profile, *options)
    return done.stdout, done.stderr


@pytest.fixture(scope="module")
def probed(demo_report: ReportPaths, tmp_path_factory: pytest.TempPathFactory) -> Path:
    page = tmp_path_factory.mktemp("page") / "report.html"
    text = demo_report.html.read_text(encoding="utf-8")
    page.write_text(text.replace("</body>", PROBE + "</body>"), encoding="utf-8")
    return page


def test_sorting_and_filtering_work_without_errors_or_requests(
    probed: Path, tmp_path: Path
) -> None:
    document, log = visit(probed, tmp_path, 1280)
    assert "CONSOLE" not in log
    paragraphs = Paragraphs()
    paragraphs.feed(document)
    seen = paragraphs.seen
    scores = [float(text) for text in seen["largest first"].split()]
    assert len(scores) == 14
    assert scores == sorted(scores, reverse=True)
    assert [float(text) for text in seen["smallest first"].split()] == scores[::-1]
    p_values = [float(text) for text in seen["p"].split()]
    assert p_values == sorted(p_values, reverse=True)
    assert seen["filtered"] == " ".join(["promoters"] * 7)
    assert seen["searched"] == "tiny-hyena"
    assert seen["count"] == "1 of 14 rows"
    assert seen["requests"] == "0"


def test_page_is_no_wider_than_a_telephone(probed: Path, tmp_path: Path) -> None:
    document, _ = visit(probed, tmp_path, 420)
    width = re.search(r"width=(\d+)</p>", document)
    assert width
    assert int(width[1]) <= 500  # chromium opens no narrower window


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("pdftotext") is None, reason="pdftotext is not installed")
def test_a_printed_table_has_its_headings_on_every_page(tmp_path: Path) -> None:
    columns = [Column("Place"), Column("Verdict", tip="what is said")]
    rows = [[Entry(f"row {n}"), Entry("tied", pill="accent")] for n in range(200)]
    table = Section("leaderboard", "Leaderboard", [Grid("leaderboard", "", columns, rows)])
    page, paper = tmp_path / "report.html", tmp_path / "report.pdf"
    page.write_text(render_html(Page("n", "", "q?", [], "", [], [table])), encoding="utf-8")
    chromium(page, tmp_path / "profile", f"--print-to-pdf={paper}", "--no-pdf-header-footer")
    told = subprocess.run(["pdftotext", paper, "-"], capture_output=True, text=True, check=True)
    pages = told.stdout.split("\f")[:-1]
    assert len(pages) > 3
    assert all("Verdict" in page for page in pages)
