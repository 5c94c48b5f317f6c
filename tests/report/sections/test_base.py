"""How the page finds its subjects, and takes one from outside."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.basics.errors import UserError
from engine.report.facts.findings import Findings
from engine.report.figures.drawing import Album
from engine.report.finished_run import read_run
from engine.report.forms.blocks import Paragraph, Section
from engine.report.forms.html import render_html
from engine.report.forms.markdown import render_markdown
from engine.report.forms.page import compose
from engine.report.sections import Subject, base, register, subjects


def licences(found: Findings, album: Album) -> Iterator[Section]:
    """A subject as another package would write it."""
    known = {str(found.run.encoder(name).get("licence")) for name in found.run.encoders}
    said = Paragraph(f"Encoders are licensed under {', '.join(sorted(known))}.", "said")
    yield Section("licences", "Licences of the encoders", [said])


@pytest.fixture
def nothing_registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base.SUBJECTS, "_all", dict(base.SUBJECTS))


def test_every_file_of_the_folder_is_found_in_the_order_of_the_page() -> None:
    files = {path.stem for path in Path(base.__file__).parent.glob("*.py")} - {"__init__", "base"}
    names = [subject.name for subject in subjects()]
    first = ["leaderboard", "across", "tasks", "tuning", "lost", "cost", "calibration"]
    assert names == [*first, "embeddings", "published", "claims", "methods", "provenance"]
    assert set(names) == files


@pytest.mark.usefixtures("nothing_registered", "unsaved")
def test_a_subject_from_outside_stands_at_its_place_in_both_forms(
    demo_run: Path, tmp_path: Path
) -> None:
    register(Subject("licences", 65, licences))
    page = compose(read_run(demo_run), tmp_path)
    said = "Encoders are licensed under Apache-2.0."
    titles = ("Cost", "Licences of the encoders", "What the tests say, and what they do not")
    html, markdown = render_html(page), render_markdown(page)
    assert f'<p class="said">{said}</p>' in html
    assert '<a href="#licences">Licences of the encoders</a>' in html
    assert f"## {titles[1]}\n\n{said}\n" in markdown
    for text, heading in ((html, "<h2>{}</h2>"), (markdown, "## {}\n")):
        places = [text.index(heading.format(title)) for title in titles]
        assert places == sorted(places)


@pytest.mark.usefixtures("nothing_registered")
def test_two_subjects_of_one_name_are_refused() -> None:
    with pytest.raises(UserError, match="'cost' is taken"):
        register(Subject("cost", 1, licences))
    register(Subject("licences", 65, licences))
    with pytest.raises(UserError, match="'licences' is taken"):
        register(Subject("licences", 5, licences))
