"""Fig. 4: max-pooling and unpooling, in numbers and in an image; variants of deconvolution."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor, nn

from tinyvgg.deconv import find_switches, unpool
from tinyvgg.experiments.deconv_variants import Variant
from tinyvgg.figures.style import FAINT, INK, WIDTH, bare, centred, panels, picture, picture_panels
from tinyvgg.layers import apply_feature_layer

SWITCH = "#56B4E9"  # the place of a maximum
WINDOW = nn.MaxPool2d(2)
# What titles call the options of `deconvolve`.
RESTORED = {"first": "one maximum", "all": "all maxima"}
BIAS = {"previous": "bias added", "none": "no bias"}
# Pictures finer than the figure are averaged before they get their shades.
SHRUNK: dict[str, Any] = {"interpolation": "antialiased", "interpolation_stage": "data"}


def pool_and_unpool(x: Tensor, ties: str, times: int = 1) -> tuple[Tensor, Tensor]:
    """Max-pool (h, w) with 2 x 2 windows so many times, and unpool as often: (pooled, back)."""
    sizes, switches = [], []
    for _ in range(times):
        sizes.append((x.shape[0], x.shape[1]))
        switches.append(find_switches(x, WINDOW))
        x = apply_feature_layer(WINDOW, x[None, None])[0, 0]
    back = x
    for size, places in zip(reversed(sizes), reversed(switches), strict=True):
        back = unpool(back, places, WINDOW, size, ties)
    return x, back


def unpooling_in_numbers(matrix: np.ndarray) -> Figure:
    """A small matrix, max-pooled, and unpooled again (Fig. 4, top).

    Where windows have several maxima, both ways of unpooling are shown. Places of the maxima
    are blue.
    """
    x = torch.as_tensor(np.asarray(matrix, float))
    pooled, first = pool_and_unpool(x, "first")
    _, every = pool_and_unpool(x, "all")
    blue = _places(x, "all")
    shown = [("input", x, blue), ("max-pooled", pooled, torch.ones_like(pooled) > 0)]
    if torch.equal(first, every):
        shown += [("unpooled", first, blue)]
    else:
        shown += [(f"unpooled, {RESTORED['first']}", first, _places(x, "first"))]
        shown += [(f"unpooled, {RESTORED['all']}", every, blue)]
    figure, axes = panels(1, len(shown), 2.15)
    for ax, (title, values, marked) in zip(axes[0], shown, strict=True):
        _number_grid(ax, values.numpy(), marked.numpy(), window=1 if values is pooled else 2)
        ax.set_title(title, fontsize=9, fontweight="normal")
    return figure


def _places(x: Tensor, ties: str) -> Tensor:
    """Where unpooling would put a value back."""
    ones = torch.ones(x.shape[0] // 2, x.shape[1] // 2)
    return unpool(ones, find_switches(x, WINDOW), WINDOW, (x.shape[0], x.shape[1]), ties) > 0


def _number_grid(ax: Axes, values: np.ndarray, marked: np.ndarray, window: int) -> None:
    rows, columns = values.shape
    bare(ax).set(xlim=(-0.05, 4.05), ylim=(4.05, -0.05), aspect="equal")
    top, left = (4 - rows) / 2, (4 - columns) / 2  # the pooled one stands in the middle
    for (row, column), value in np.ndenumerate(values):
        place = (left + column, top + row)
        face = SWITCH if marked[row, column] else "white"
        ax.add_patch(Rectangle(place, 1, 1, facecolor=face, edgecolor="#bbbbbb", linewidth=0.7))
        style = {
            "color": INK if value else FAINT,
            "fontweight": "bold" if marked[row, column] else "normal",
        }
        centred(ax, place[0] + 0.5, place[1] + 0.5, f"{value:g}", 11, **style)
    for row in range(0, rows, window):
        for column in range(0, columns, window):
            place = (left + column, top + row)
            ax.add_patch(Rectangle(place, window, window, fill=False, edgecolor=INK, linewidth=1.6))


def unpooling_in_a_picture(image: np.ndarray, corner: tuple[int, int], side: int) -> Figure:
    """A grey picture, max-pooled, and unpooled; below, the pixels of a part (Fig. 4, bottom).

    Parameters
    ----------
    image : array (S, S)
    corner : (int, int)
        Row and column of the part that is enlarged.
    side : int
        Its side in pixels, even.
    """
    x = torch.as_tensor(np.asarray(image, float))
    pooled, first = pool_and_unpool(x, "first")
    _, every = pool_and_unpool(x, "all")
    shown = [
        ("input", x, 1),
        ("max-pooled", pooled, 2),
        (f"unpooled, {RESTORED['first']}", first, 1),
        (f"unpooled, {RESTORED['all']}", every, 1),
    ]
    figure, axes = panels(2, len(shown), 4.2)
    limits: dict[str, Any] = {"vmin": 0, "vmax": float(x.max())}
    for column, (title, values, shrink) in enumerate(shown):
        top, left, edge = corner[0] // shrink, corner[1] // shrink, side // shrink
        whole, part = axes[:, column]
        size = f"\n{values.shape[0]} × {values.shape[1]}"
        picture(whole, values.numpy(), title + size, **SHRUNK, **limits)
        picture(part, values.numpy()[top : top + edge, left : left + edge], **limits)
        frame = Rectangle((left, top), edge, edge, fill=False, edgecolor=SWITCH, linewidth=1.5)
        whole.add_patch(frame)
        for spine in part.spines.values():
            spine.set(visible=True, edgecolor=SWITCH, linewidth=1.5)
    return figure


def unpooling_again_and_again(image: np.ndarray, times: int = 3) -> Figure:
    """A grey picture max-pooled once, twice, ...: what is left, and what unpooling restores.

    What comes back from n poolings is drawn 4**n times brighter, which makes up for one pixel
    in 4**n being restored; the title says how many are.
    """
    x = torch.as_tensor(np.asarray(image, float))
    figure, axes = panels(3, times, 3 * (WIDTH * 0.75 / times + 0.2), width=WIDTH * 0.78)
    for number, column in enumerate(axes.T, 1):
        pooled, _ = pool_and_unpool(x, "first", number)
        often = {1: "once", 2: "twice"}.get(number, f"{number} times")
        title = f"pooled {often}: {pooled.shape[0]} × {pooled.shape[1]}"
        picture(column[0], pooled.numpy(), title, vmin=0, vmax=float(x.max()))
        for ax, ties in zip(column[1:], ("first", "all"), strict=True):
            _, back = pool_and_unpool(x, ties, number)
            _, ones = pool_and_unpool(x + 1, ties, number)  # so that no value is zero
            title = f"unpooled, {RESTORED[ties]}: {(ones > 0).double().mean().item():.1%}"
            brightest = float(x.max()) / 4**number
            picture(ax, back.numpy(), title, vmin=0, vmax=brightest, **SHRUNK)
    return figure


def deconvolution_variants(image: np.ndarray, pictures: Mapping[Variant, np.ndarray]) -> Figure:
    """The picture that each variant of the deconvolution makes of one face.

    Parameters
    ----------
    image : uint8 array (S, S, 3)
    pictures : mapping of Variant to float array (S, S)
        Grey. Each is scaled by its own 99.5th percentile of absolute values: red is positive,
        blue negative, white zero.
    """
    figure, axes = picture_panels(2, 5, 3.5)
    picture(axes[0, 0], image, "input")
    columns = [("previous", True), ("previous", False), ("none", True), ("none", False)]
    for row, ties in zip(axes, ("all", "first"), strict=True):
        for ax, (bias, rectify) in zip(row[1:], columns, strict=True):
            values = np.asarray(pictures[Variant(bias, ties, rectify)], float)
            scale = np.percentile(np.abs(values), 99.5) or 1.0
            lines = RESTORED[ties], BIAS[bias], "rectified" if rectify else "not rectified"
            picture(ax, values / scale, "\n".join(lines), cmap="RdBu_r", vmin=-1, vmax=1)
    return figure
