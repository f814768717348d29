"""The line at a figure's foot: what it says, that it stands clear, that it moves nothing."""

from __future__ import annotations

import io
import subprocess
from types import SimpleNamespace

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

from tinyvgg import figures
from tinyvgg.book import notebook
from tinyvgg.book.execute import RUN
from tinyvgg.figures.style import NAME, panels, picture

LINE = "default profile  ·  seed 0  ·  data synthetic 0123abcd  ·  commit 4567cdef"
STUDY = SimpleNamespace(
    profile=SimpleNamespace(name="smoke"),
    seed=3,
    source="rafd:/data/RaFD",
    faces=SimpleNamespace(fingerprint="0123abcd4567"),
)


@pytest.fixture(autouse=True)
def line():
    figures.sign_with(lambda: LINE)
    yield
    figures.sign_with(None)
    plt.close("all")


def chart():
    figure, axes = panels(1, 2, 2.0)
    for ax in axes.flat:
        ax.plot([0, 1])
        ax.set_xlabel("a label below")
    return figure


def overflowing():
    figure = chart()
    figure.axes[1].annotate("far below", (0.5, -0.9), xycoords="axes fraction")
    return figure


def faces():
    figure, axes = panels(1, 3, 3.0)  # more height than square pictures fill
    for ax in axes.flat:
        picture(ax, np.zeros((4, 4), np.uint8), "a face")
    return figure


def narrow():
    return panels(1, 1, 1.0, width=1.5)[0]


def box_of_line(figure):
    (text,) = (text for text in figure.texts if text.get_gid() == NAME)
    return text.get_window_extent()


@pytest.mark.parametrize("draw", [chart, overflowing, faces, narrow])
def test_the_line_stands_just_below_all_else(draw):
    figure = figures.signed(draw())
    box = box_of_line(figure)
    figure.texts[-1].remove()
    bottom = figure.get_tightbbox().y0 * figure.dpi
    assert bottom - 0.1 * figure.dpi < box.y1 < bottom


@pytest.mark.parametrize("draw", [chart, faces, narrow])
def test_the_line_moves_nothing(draw):
    plain, with_line = draw(), figures.signed(draw())
    for figure in (plain, with_line):
        figure.canvas.draw()
    for before, after in zip(plain.axes, with_line.axes, strict=True):
        np.testing.assert_allclose(before.get_position().bounds, after.get_position().bounds)


def test_a_figure_is_signed_once():
    figure = figures.signed(figures.signed(chart()))
    assert [text.get_text() for text in figure.texts] == [LINE]


def test_a_figure_is_not_signed_unless_there_is_a_line():
    figures.sign_with(None)
    assert not figures.signed(chart()).texts


def test_the_line_is_not_asked_for_before_a_figure_is_shown():
    figures.sign_with(lambda: pytest.fail("asked"))
    chart()


def test_a_photograph_shows_the_whole_line():
    with_line = Image.open(io.BytesIO(figures.photograph(faces()).data))
    figures.sign_with(None)
    without = Image.open(io.BytesIO(figures.photograph(faces()).data))
    assert with_line.height - without.height > 15  # pixels, at 200 an inch
    foot = np.asarray(with_line.convert("L"))[without.height - 15 :]
    assert (foot < 160).any(axis=0).sum() > 300  # columns with ink


def test_the_line_names_profile_seed_data_run_and_commit(monkeypatch):
    monkeypatch.setenv(RUN, "fedcba9876543210")
    monkeypatch.setattr(notebook, "commit", lambda: "9" * 40)
    said = notebook.run_line(STUDY)
    for part in ("smoke profile", "seed 3", "data rafd 0123abcd", "run fedcba98", "commit 9999"):
        assert part in said
    assert "/data" not in said and "changes" not in said


def test_the_line_admits_what_nobody_can_look_up(monkeypatch):
    monkeypatch.delenv(RUN, raising=False)
    monkeypatch.setattr(notebook, "commit", lambda: "9" * 40 + "-dirty")
    assert notebook.run_line(STUDY).endswith("run by hand  ·  commit 99999999, modified")
    monkeypatch.setattr(notebook, "commit", lambda: "unknown")
    assert notebook.run_line(STUDY).endswith("commit unknown")


def test_outside_a_checkout_the_commit_is_unknown(tmp_path):
    from tinyvgg.runs.records import commit

    assert subprocess.run(["git", "-C", tmp_path, "status"], capture_output=True).returncode
    assert commit(tmp_path) == "unknown"


def test_a_cell_shows_a_signed_figure(monkeypatch):
    """As a kernel does: the formatter of figures is asked, and signs what it draws."""
    shell = pytest.importorskip("IPython.core.interactiveshell").InteractiveShell
    pytest.importorskip("matplotlib_inline")
    instance = shell.instance()
    try:
        monkeypatch.setattr("IPython.get_ipython", lambda: instance)
        notebook._show_sharp_and_signed()
        figure = chart()
        instance.display_formatter.formatters["image/png"](figure)
        assert [text.get_text() for text in figure.texts] == [LINE]
    finally:
        shell.clear_instance()


def test_a_cell_draws_no_figure_that_it_does_not_show():
    """The inline backend draws each figure as it shows it; nothing else is to draw it as well."""
    shell = pytest.importorskip("IPython.core.interactiveshell").InteractiveShell
    pytest.importorskip("matplotlib_inline")
    before, drawn = matplotlib.get_backend(), []
    instance = shell.instance()
    try:
        plt.switch_backend("module://matplotlib_inline.backend_inline")
        with plt.ion():
            notebook._show_sharp_and_signed()
            figure = plt.figure()
            figure.canvas.draw = lambda: drawn.append(figure)
            instance.events.trigger("post_execute")
            assert not drawn
            plt.install_repl_displayhook()  # as it was
            instance.events.trigger("post_execute")
            assert drawn
    finally:
        shell.clear_instance()
        plt.close("all")
        plt.switch_backend(before)
