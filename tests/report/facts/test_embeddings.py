"""Embeddings in the report: the table, the maps, and nothing where nothing was measured."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from engine.basics.errors import UserError
from engine.report import write_report
from engine.report.facts.embeddings import FEWEST_POINTS, embedding_maps, embeddings_grid
from engine.report.facts.references import references
from engine.report.facts.works import works
from engine.report.figures.embeddings import SHAPES, embedding_map
from engine.report.finished_run import EMBEDDING_NUMBERS, read_run
from engine.report.sections.methods import methods_paragraph

Maker = Callable[..., Path]
CELLS = {("a", "probe"): (0.9,), ("b", "probe"): (0.8,)}
POINTS = 30


def with_embeddings(out: Path, note: str = "") -> Path:
    """The folder with measured embeddings: of encoder a, max has purer neighbours than mean."""
    which = [("a", "mean", 0.6), ("a", "max", 0.7), ("b", "mean", 0.9)]
    rows, maps = [], []
    for encoder, pooling, purity in which:
        names = {"encoder": encoder, "task": "t", "pooling": pooling, "layer": -1}
        rows.append(dict.fromkeys(EMBEDDING_NUMBERS, 0.5) | names | {"note": note})
        rows[-1] |= {"knn_purity": purity, "n_rows": 1000}
        places = np.random.default_rng(1).normal(size=(POINTS, 2))
        points = pd.DataFrame(places, columns=["x", "y"])
        maps.append(points.assign(**names, label=np.arange(POINTS) % 2))
    pd.DataFrame(rows).to_csv(out / "embeddings.csv", index=False)
    pd.concat(maps).to_parquet(out / "embedding_map.parquet")
    return out


def test_the_map_is_of_the_pooling_with_the_purest_neighbours(make_run: Maker) -> None:
    run = read_run(with_embeddings(make_run(cells=CELLS, tasks=("t",), per_cell=2)))
    shown = [(one.encoder, one.pooling, one.purity) for one in embedding_maps(run)["t"]]
    assert shown == [("a", "max", 0.7), ("b", "mean", 0.9)]


def test_maps_share_what_a_page_can_hold(make_run: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    run = read_run(with_embeddings(make_run(cells=CELLS, tasks=("t",), per_cell=2)))
    monkeypatch.setattr("engine.report.facts.embeddings.MOST_POINTS", 2 * FEWEST_POINTS)
    assert [len(one.points) for one in embedding_maps(run)["t"]] == [POINTS, POINTS]
    monkeypatch.setattr("engine.report.facts.embeddings.FEWEST_POINTS", 10)
    monkeypatch.setattr("engine.report.facts.embeddings.MOST_POINTS", 20)
    assert [len(one.points) for one in embedding_maps(run)["t"]] == [10, 10]
    monkeypatch.setattr("engine.report.facts.embeddings.MOST_POINTS", 19)
    assert embedding_maps(run) == {}


def test_an_encoder_without_any_point_has_no_panel(make_run: Maker) -> None:
    out = with_embeddings(make_run(cells=CELLS, tasks=("t",), per_cell=2))
    points = pd.read_parquet(out / "embedding_map.parquet")
    points[points["encoder"] == "b"].to_parquet(out / "embedding_map.parquet")
    maps = embedding_maps(read_run(out))["t"]
    assert [one.encoder for one in maps] == ["b"]


def test_classes_that_take_turns_are_all_left_where_points_are_thinned(
    make_run: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = read_run(with_embeddings(make_run(cells=CELLS, tasks=("t",), per_cell=2)))
    monkeypatch.setattr("engine.report.facts.embeddings.FEWEST_POINTS", 10)
    monkeypatch.setattr("engine.report.facts.embeddings.MOST_POINTS", POINTS)
    for one in embedding_maps(run)["t"]:
        assert len(one.points) == POINTS // 2
        assert one.points["label"].nunique() == 2


def test_every_point_is_drawn_in_the_shape_of_its_class(make_run: Maker) -> None:
    run = read_run(with_embeddings(make_run(cells=CELLS, tasks=("t",), per_cell=2)))
    drawing = embedding_map(run, embedding_maps(run)["t"])
    for axes in drawing.figure.axes:
        corners = [len(patch.get_path().vertices) for patch in axes.patches]
        # A shape is closed by one more vertex than it has corners.
        assert corners == [POINTS // 2 * (SHAPES[k][0] + 1) for k in (0, 1)]
        assert all(
            axes.get_xlim()[0] < x < axes.get_xlim()[1] for x, _ in axes.dataLim.get_points()
        )
    assert "(a)" in drawing.caption


def test_every_name_of_the_legend_is_within_the_picture(make_run: Maker) -> None:
    run = read_run(with_embeddings(make_run(cells=CELLS, tasks=("t",), per_cell=2)))
    run.manifest["tasks"]["t"]["classes"] = [f"a class with a long name {k}" for k in range(11)]
    (a, b) = embedding_maps(run)["t"]
    wide = replace(a, points=a.points.assign(label=np.arange(POINTS) % 12))
    figure = embedding_map(run, [wide, b]).figure
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    (legend,) = figure.legends
    assert len(legend.get_texts()) == 12
    assert legend.get_texts()[-1].get_text() == "class 11"
    box = legend.get_window_extent(canvas.get_renderer())
    assert box.x0 >= 0
    assert box.x1 <= figure.bbox.x1
    lowest = min(axes.get_tightbbox(canvas.get_renderer()).y0 for axes in figure.axes)
    assert box.y1 <= lowest, "and below the panels"


def test_the_table_has_a_row_per_pooling_and_no_empty_columns(make_run: Maker) -> None:
    out = with_embeddings(make_run(cells=CELLS, tasks=("t",), per_cell=2))
    grid = embeddings_grid(read_run(out))
    assert grid is not None
    titles = [column.title for column in grid.columns]
    assert not {"Task", "Layer", "Note"} & set(titles)
    assert [row[1].text for row in grid.rows] == ["mean", "max", "mean"]  # purest first
    noted = embeddings_grid(read_run(with_embeddings(out, "vectors of zeros left out: 2")))
    assert noted is not None
    assert noted.rows[0][-1].text == "vectors of zeros left out: 2"


def test_the_page_and_the_paper_have_it_only_where_it_was_measured(make_run: Maker) -> None:
    out = make_run(cells=CELLS, tasks=("t",), per_cell=2)
    bare = read_run(out)
    assert (embedding_maps(bare), embeddings_grid(bare)) == ({}, None)
    assert works()["wang2020"] not in references(bare)
    run = read_run(with_embeddings(out))
    cited = references(run)
    place = cited.index(works()["wang2020"]) + 1
    assert f"alignment and uniformity [{place}]" in methods_paragraph(run, None, cited)
    paths = write_report(out)
    assert 'id="embeddings"' in paths.html.read_text()
    assert "## Embeddings without a classifier" in paths.markdown.read_text()
    assert "embeddings-t.svg" in {path.name for path in paths.figures}


def test_a_file_that_lacks_a_column_is_one_clear_line(make_run: Maker) -> None:
    out = with_embeddings(make_run(cells=CELLS, tasks=("t",), per_cell=2))
    table = pd.read_csv(out / "embeddings.csv").drop(columns="silhouette")
    table.to_csv(out / "embeddings.csv", index=False)
    with pytest.raises(UserError, match=r"embeddings\.csv lacks the column 'silhouette'"):
        _ = read_run(out).embeddings


def test_purity_stands_beside_what_chance_would_give(make_run: Maker) -> None:
    run = read_run(with_embeddings(make_run(cells=CELLS, tasks=("t",), per_cell=2)))
    drawing = embedding_map(run, embedding_maps(run)["t"])
    assert drawing.figure.axes[0].get_xlabel() == "max; neighbours 0.700 (0.500)"
    assert "by chance" in drawing.caption
