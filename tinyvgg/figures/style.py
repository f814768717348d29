"""One look for all figures: sizes, colours, pictures, and the line that tells a figure's run."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

WIDTH = 7.4  # inches; the book's column is as wide, so type appears at the size given here

# Okabe and Ito's colours, told apart by colour-blind eyes; each stands for one thing only
INK = "#222222"
FAINT = "#8a8a8a"
FACE = "#0072B2"  # the face task
EMOTION = "#D55E00"  # the emotion task
TASK = {"face": FACE, "emotion": EMOTION}
COMMON = "#009E73"  # pixels of both images of a pair
UNIQUE = "#CC79A7"  # pixels of the misclassified image alone
CONTROL = "#999999"  # the same number of pixels drawn at random
PAPER = "#E69F00"  # what the paper prints
LINEAR = "#56B4E9"  # a linear classifier, beside the network
TRUE, WRONG = "#0072B2", "#D55E00"  # the true class, the class it was mistaken for

SEQUENTIAL = "viridis"
COUNTS = "Blues"

_STYLE = {
    "figure.dpi": 100,
    "savefig.dpi": 160,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "figure.constrained_layout.use": True,
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.labelsize": 9,
    "axes.labelcolor": INK,
    "axes.edgecolor": FAINT,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "text.color": INK,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "xtick.color": INK,
    "ytick.color": INK,
    "grid.color": "#e3e3e3",
    "grid.linewidth": 0.7,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "lines.linewidth": 1.8,
    "image.interpolation": "nearest",
}


def use_style() -> None:
    """Make this the look of every figure drawn from now on."""
    plt.rcParams.update(_STYLE)


def panels(
    rows: int, columns: int, height: float, width: float = WIDTH, **more
) -> tuple[Figure, np.ndarray]:
    """A figure of rows x columns axes; the axes always come as a 2-D array."""
    use_style()
    return plt.subplots(rows, columns, figsize=(width, height), squeeze=False, **more)


def bare(axes: Axes) -> Axes:
    """Take ticks and frame away: for pictures."""
    axes.set(xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set_visible(False)
    return axes


def picture_panels(
    rows: int, columns: int, height: float, titles: Sequence[str] = (), size: float = 8, **more
) -> tuple[Figure, np.ndarray]:
    """Bare axes as of `panels`; a title of `size` points to the left of each row, if there are."""
    figure, axes = panels(rows, columns, height, **more)
    for ax in axes.flat:
        bare(ax)
    for ax, title in zip(axes[:, 0], titles, strict=bool(titles)):
        ax.set_ylabel(title, fontsize=size)
    return figure, axes


def picture(axes: Axes, image: np.ndarray, title: str = "", colour: str = INK, **more) -> Axes:
    """Show a picture (H, W, 3) uint8, or a grey one (H, W), without ticks."""
    bare(axes).imshow(image, **({"cmap": "gray"} | more))
    if title:
        axes.set_title(title, color=colour, fontsize=8, fontweight="normal", pad=3)
    return axes


def inverted(values: np.ndarray, percentile: float = 99.5) -> np.ndarray:
    """Features dark on light grey, as the paper shows them (Section 6 of the method).

    Parameters
    ----------
    values : array, >= 0
        Scaled by their own `percentile`, so that one bright pixel does not blank the rest.

    Returns
    -------
    float array in [0, 1]: 0.86 (light grey) where values are 0, down to 0 (black).
    """
    values = np.asarray(values, float)
    scale = np.percentile(values, percentile) if values.size else 0.0
    scale = scale if scale > 0 else (values.max() or 1.0)
    return 0.86 * (1 - np.clip(values / scale, 0, 1))


def montage(pictures: np.ndarray, columns: int, gap: int = 1, fill: float = 255) -> np.ndarray:
    """Pictures (N, H, W[, 3]) side by side in rows of `columns`, with a gap between them."""
    pictures = np.asarray(pictures)
    count, height, width = pictures.shape[:3]
    rows = -(-count // columns)
    sheet = np.full(
        (rows * (height + gap) - gap, columns * (width + gap) - gap, *pictures.shape[3:]),
        fill,
        dtype=pictures.dtype,
    )
    for k, image in enumerate(pictures):
        y, x = (k // columns) * (height + gap), (k % columns) * (width + gap)
        sheet[y : y + height, x : x + width] = image
    return sheet


def note(sentence: str) -> Figure:
    """One sentence in the place of a figure, for runs too small to have such a case."""
    figure, axes = panels(1, 1, 1.0)
    bare(axes[0, 0]).text(0.5, 0.5, sentence, ha="center", va="center", color=FAINT, wrap=True)
    return figure


# ---------------------------------------------------------------------- the line of the run


NAME = "run line"  # of the text, among the artists of a figure
SIZE = 6.5  # points
COLOUR = "#6b6b6b"
GAP = 0.05  # inches, between the figure and the line

_line: Callable[[], str] | None = None


def sign_with(line: Callable[[], str] | None) -> None:
    """From now on, `signed` figures carry this line; None: they carry none.

    Parameters
    ----------
    line : callable, optional
        Asked when the first figure is signed, and not before.
    """
    global _line
    _line = line


def signed(figure: Figure) -> Figure:
    """The same figure, with the line below all that it shows; once, however often it is asked.

    The line stands outside the figure's own area, where nothing else is: save the figure with
    ``bbox_inches="tight"``, or it is cut off. The layout is fixed by then, since to lay the
    figure out again would take as long as to draw it.
    """
    if _line is None or any(text.get_gid() == NAME for text in figure.texts):
        return figure
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    box = figure.get_tightbbox()  # inches
    width, height = figure.get_size_inches()
    figure.text(
        box.x1 / width,
        (box.y0 - GAP) / height,
        _line(),
        ha="right",
        va="top",
        fontsize=SIZE,
        color=COLOUR,
        gid=NAME,
    )
    return figure


DPI = 200  # a page shows it at half of this, sharp on fine screens as well
QUALITY = 85


class Photograph:
    """A picture that a notebook shows as JPEG.

    Attributes
    ----------
    data : bytes
        The JPEG file.
    figure : Figure or None
        What it is a picture of, if that is at hand.
    """

    def __init__(self, data: bytes, figure: Figure | None):
        self.data, self.figure = data, figure

    def _repr_jpeg_(self) -> bytes:
        return self.data

    def __repr__(self) -> str:
        return f"<photograph, {len(self.data) / 1000:.0f} kB>"


def photograph(figure: Figure) -> Photograph:
    """The figure as JPEG, signed; it is closed, so that a notebook does not show it again."""
    file = io.BytesIO()
    options = {"quality": QUALITY, "optimize": True}
    signed(figure).savefig(file, format="jpeg", dpi=DPI, bbox_inches="tight", pil_kwargs=options)
    plt.close(figure)
    return Photograph(file.getvalue(), figure)


COLOURS = 256
UNSEEN = 1.5  # levels of 255, on average: a difference that no eye finds


def lighter(png: bytes) -> bytes:
    """A PNG file with a palette, a third as large, if that looks the same; else as it is."""
    whole = Image.open(io.BytesIO(png)).convert("RGB")
    for method in (Image.Quantize.FASTOCTREE, Image.Quantize.MEDIANCUT):  # the smaller file first
        few = whole.quantize(COLOURS, method=method, dither=Image.Dither.NONE)
        apart = np.abs(np.asarray(whole, np.int16) - np.asarray(few.convert("RGB"), np.int16))
        if apart.mean() >= UNSEEN:
            continue
        file = io.BytesIO()
        few.save(file, format="png", optimize=True)
        if len(file.getvalue()) < len(png):
            return file.getvalue()
    return png


# ---------------------------------------------------------------------- marks, words, legends


def beside(ax: Axes, words: str, place: tuple[float, float], points: tuple, **more: Any) -> None:
    """Words so many points to the right of a place and above it."""
    style: dict[str, Any] = {"va": "center", "fontsize": 8.5} | more
    ax.annotate(words, place, points, textcoords="offset points", **style)


def centred(ax: Axes, x: float, y: float, words: object, fontsize: float = 8, **more: Any) -> None:
    """Words in the middle of a place, such as the cell of a table."""
    ax.text(x, y, str(words), ha="center", va="center", fontsize=fontsize, **more)


def mark(
    ax: Axes, at: float, found: Sequence[float], colour: str, filled: bool = True, **more: Any
) -> None:
    """A dot at (value, at), filled or hollow, on the line of its interval.

    Parameters
    ----------
    found : (value, low, high)
    more
        `lw` of the line, `ms` and `marker` of the dot; all else is of both.
    """
    value, low, high = found
    shape = {"marker": more.pop("marker", "o"), "ms": more.pop("ms", 5), "ls": ""}
    face = colour if filled else "white"
    ax.plot([low, high], [at, at], color=colour, lw=more.pop("lw", 1.4), **more)
    ax.plot(value, at, mfc=face, mec=colour, **shape, **more)


def row_axis(ax: Axes, labels: Sequence[str], grid: bool = True) -> None:
    """Rows with these labels, the first on top, without ticks."""
    ax.set_yticks(range(len(labels)), labels)
    ax.set_ylim(len(labels) - 0.5, -0.5)
    ax.tick_params(axis="y", length=0)
    if grid:
        ax.grid(axis="x")


def legend_of(figure: Figure, ax: Axes, where: str = "upper", **more: Any) -> None:
    """The legend of one axes, for the whole figure: above or below it."""
    handles, labels = ax.get_legend_handles_labels()
    columns = 3 if len(labels) > 4 else len(labels)
    figure.legend(handles, labels, loc=f"outside {where} center", ncols=columns, **more)


def rgb(grey: np.ndarray) -> np.ndarray:
    """Grey pictures (..., H, W) as (..., H, W, 3)."""
    return np.repeat(grey[..., None], 3, axis=-1)


def probability(p: float) -> str:
    """Two decimals; of a small one its power of ten."""
    return f"{p:.2f}" if p >= 0.005 else f"{p:.0e}"
