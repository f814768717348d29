"""Fig. 3: the network and its reverse, drawn from a network's own layers; its feature maps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, Patch, Polygon

from tinyvgg.figures.style import FAINT, INK, WIDTH, bare, inverted, montage, panels, picture
from tinyvgg.model import VGG, layer_table

CONV, POOL, DENSE, INPUT = "#56B4E9", "#F0E442", "#c4c4c4", "#ffffff"
FILL = {"input": INPUT, "conv": CONV, "max-pool": POOL, "deconv": CONV, "unpool": POOL}
LABELS = {
    "conv": "3 × 3 convolution, ReLU",
    "max-pool": "2 × 2 max-pooling",
    "dense": "fully connected",
    "deconv": "3 × 3 transposed convolution, ReLU",
    "unpool": "2 × 2 unpooling",
}

# All lengths in inches, and the axes count in inches too.
TALLEST = 1.35  # the input image
RECEDE = 0.22  # how far the third dimension leans to the right and upwards, as a share of it
THICKNESS = {3: 0.05}  # of 3 channels; all other stacks of maps are as thick as
STACK = 0.17
BAR = 0.13  # width of a dense layer


class Stage(NamedTuple):
    """A stack of maps: the layer that makes it, the kind of that layer, (maps, rows, columns)."""

    name: str
    kind: str
    shape: tuple[int, ...]


def way_forward(net: VGG) -> list[Stage]:
    """What the images become on the way to the dense layers, the image itself first."""
    return [
        Stage(row["layer"], row["kind"], row["output"])
        for row in layer_table(net)
        if row["kind"] != "dense"
    ]


def way_back(net: VGG) -> list[Stage]:
    """What the last maps become on the way back, the image last (Fig. 3b).

    A convolution is undone by a transposed one of the same number (deconv2_1 undoes conv2_1),
    a max-pooling by an unpooling; each gives the shape that its counterpart was given.
    """
    forward = way_forward(net)
    undo = {"conv": ("de", "deconv"), "max-pool": ("un", "unpool")}
    return [
        Stage(undo[undone.kind][0] + undone.name, undo[undone.kind][1], given.shape)
        for given, undone in zip(forward[-2::-1], forward[:0:-1], strict=True)
    ]


def architecture(net: VGG) -> Figure:
    """The network from the image to the classes (Fig. 3a), its maps to scale.

    The edge of every box is in proportion to the size of its maps. The bars of the dense
    layers are on a scale of their own: their height goes with the square root of the units.
    """
    stages = way_forward(net)
    dense = [row for row in layer_table(net) if row["kind"] == "dense"]
    units = [int(np.prod(stages[-1].shape)), *(row["units"] for row in dense)]
    names = ["pixels", *(row["layer"] for row in dense)]

    figure, axes = _canvas(height=3.1)
    middle, bars = 1.75, 0.42 * len(units)
    _arrow(axes, (0.02, middle), (WIDTH - 0.02, middle), color=FAINT)
    row = _Row(axes, stages, WIDTH - bars - 0.15, middle, "forward")
    row.draw()
    tallest = np.sqrt(max(units))
    for number, (count, name) in enumerate(zip(units, names, strict=True)):
        height, left = TALLEST * np.sqrt(count) / tallest, WIDTH - bars + 0.42 * number + 0.08
        corners = [(0, -height / 2), (BAR, -height / 2), (BAR, height / 2), (0, height / 2)]
        colour = POOL if number == 0 else DENSE
        _polygon(axes, corners, (left, middle), colour, gid=f"forward:{name}")
        centre = left + BAR / 2
        _text(axes, centre, middle + height / 2 + 0.06, f"{count:,}", va="bottom")
        _text(axes, centre, middle - TALLEST / 2 - 0.12, name, rotation=60, ha="right", va="top")
    _legend(axes, "conv", "max-pool", "dense")
    return figure


def deconvolutional_network(net: VGG) -> Figure:
    """The way back, below the way forward that it undoes (Fig. 3b)."""
    forward, back = way_forward(net), way_back(net)
    maps = Stage("maps", "max-pool", forward[-1].shape)
    figure, axes = _canvas(height=6.0)
    above = _Row(axes, forward, WIDTH - 0.2, 4.25, "forward", pale=0.55, names_above=True)
    below = _Row(axes, [*reversed(back), maps], WIDTH - 0.2, 1.75, "back")
    for row, title, level in ((above, "forward pass", 1.55), (below, "deconvolution", 1.22)):
        row.draw()
        _text(axes, 0.02, row.middle + level, title, ha="left", va="bottom", fontweight="bold")
    _arrow(axes, (0.02, above.middle), (WIDTH - 0.05, above.middle), color=FAINT)
    _arrow(axes, (WIDTH - 0.05, below.middle), (0.02, below.middle), color=FAINT)
    _arrow(axes, above.foot(forward[-1].name, 0.26), below.head("maps"), color=INK)

    pools = [stage.name for stage in forward if stage.kind == "max-pool"]
    for pool in pools:
        x, y = above.foot(pool)
        start, end = (x - STACK / 2 - 0.03, y), below.head(f"un{pool}")
        _arrow(axes, start, end, color=INK, linestyle="--", gid=f"switches:{pool}")
        if pool == pools[0]:
            x, y = (start[0] + end[0]) / 2, (start[1] + end[1]) / 2
            _text(axes, x + 0.1, y, "switches", ha="left", va="center")
    _legend(axes, "deconv", "unpool")
    return figure


def feature_maps(image: np.ndarray, blocks: Mapping[str, np.ndarray], columns: int = 8) -> Figure:
    """An image and, row by row, some of the maps that each block makes of it.

    Parameters
    ----------
    image : uint8 array (S, S, 3)
    blocks : mapping of str to array (C, h, w)
        Maps by the name of their layer, values >= 0. Of each the maps with the most variance
        are shown, in their own order and on one scale: features dark on light grey.
    columns : int
        Maps in a row.
    """
    label = 1.25
    side = (WIDTH - label) / columns
    figure, axes = panels(
        len(blocks), 2, len(blocks) * (side + 0.16), width_ratios=[label, WIDTH - label]
    )
    for (left, right), (name, maps) in zip(axes, blocks.items(), strict=True):
        maps = np.asarray(maps, float)
        spread = maps.reshape(len(maps), -1).var(axis=1)
        chosen = np.sort(np.argsort(-spread, kind="stable")[:columns]).tolist()
        shades = montage(inverted(maps[chosen]), columns, max(1, maps.shape[-1] // 16), fill=1)
        picture(right, shades, vmin=0, vmax=1)
        right.set_xlabel(f"maps {', '.join(map(str, chosen))}", fontsize=8, labelpad=2)
        words = f"{name}\n{maps.shape[0]} maps of\n{maps.shape[1]} × {maps.shape[2]}"
        place = {"transform": left.transAxes, "ha": "right", "va": "center"}
        bare(left).text(1, 0.5, words, fontsize=8.5, **place)
    inset = axes[0, 0].inset_axes((0, 0, 0.45, 1))
    picture(inset, image)
    return figure


# ------------------------------------------------------------------ drawing, in inches


class _Box(NamedTuple):
    """Where a box begins, how wide and high its front is, and how far it recedes."""

    left: float
    thick: float
    height: float
    lean: float


class _Row:
    """Boxes side by side, a stage each, with equal gaps; the first stage is as tall as any."""

    def __init__(
        self,
        axes: Axes,
        stages: Sequence[Stage],
        width: float,
        middle: float,
        gid: str,
        pale: float = 0.0,
        names_above: bool = False,
    ):
        self.axes, self.stages, self.middle = axes, list(stages), middle
        self.gid, self.pale, self.names_above = gid, pale, names_above
        self.colour, self.edge = ("#666666", "#999999") if pale else (INK, INK)
        self.boxes, scale = {}, TALLEST / stages[0].shape[1]
        for stage in stages:
            height = scale * stage.shape[1]
            thick = THICKNESS.get(stage.shape[0], STACK)
            self.boxes[stage.name] = _Box(0.0, thick, height, RECEDE * height)
        gap = width - 0.1 - sum(box.thick + box.lean for box in self.boxes.values())
        left = 0.1
        for name, box in self.boxes.items():
            self.boxes[name] = box._replace(left=left)
            left += box.thick + box.lean + gap / (len(stages) - 1)

    def foot(self, name: str, away: float = 0.05) -> tuple[float, float]:
        """A point under a box."""
        box = self.boxes[name]
        return box.left + box.thick / 2, self.middle - box.height / 2 - away

    def head(self, name: str, away: float = 0.05) -> tuple[float, float]:
        """A point above a box."""
        box = self.boxes[name]
        x = box.left + (box.thick + box.lean) / 2
        return x, self.middle + box.height / 2 + box.lean + away

    def draw(self) -> None:
        """Draw the boxes, with their names and sizes."""
        for stage in self.stages:
            left, thick, height, lean = self.boxes[stage.name]
            colour = np.array(to_rgb(FILL[stage.kind])) * (1 - self.pale) + self.pale
            foot = (left, self.middle - height / 2)
            front = [(0, 0), (thick, 0), (thick, height), (0, height)]
            back = np.add(front, (lean, lean))
            side, roof = (
                [front[1], back[1], back[2], front[2]],
                [front[3], front[2], back[2], back[3]],
            )
            _polygon(self.axes, side, foot, colour * 0.82, edge=self.edge)
            _polygon(self.axes, roof, foot, colour * 0.92, edge=self.edge)
            _polygon(self.axes, front, foot, colour, f"{self.gid}:{stage.name}", self.edge)
        self._names()
        self._sizes()

    def _names(self) -> None:
        """Write every name at one level, with a thread from a small box to its name."""
        if self.names_above:
            level = self.middle + TALLEST * (0.5 + RECEDE) + 0.1
        else:
            level = self.middle - TALLEST / 2 - 0.12
        ha, va = ("left", "bottom") if self.names_above else ("right", "top")
        for name, box in self.boxes.items():
            x = box.left + box.thick
            more = {"rotation": 60, "ha": ha, "va": va, "color": self.colour}
            _text(self.axes, x, level, name, **more)
            if TALLEST - box.height > 0.3:
                near = self.head if self.names_above else self.foot
                x, y = near(name, 0.03)
                end = level - 0.03 if self.names_above else level + 0.03
                self.axes.plot([x, x], [y, end], color="#bbbbbb", linewidth=0.7, zorder=0)

    def _sizes(self) -> None:
        """Write rows x columns once, opposite the names, at the neighbours that share them."""
        shown = [
            stage for stage in self.stages if stage.name != "maps"
        ]  # of `deconvolutional_network`
        for size, group in groupby(shown, key=lambda stage: stage.shape[1:]):
            first, *_, last = [stage.name for stage in group] * 2
            near = self.foot if self.names_above else self.head
            x, y = (near(first, 0.07)[0] + near(last, 0.07)[0]) / 2, near(last, 0.07)[1]
            ha, va = "center", "top" if self.names_above else "bottom"
            if first == last and self.names_above:  # room for the arrow that starts on its left
                ha, x = "left", self.boxes[last].left
            label = f"{size[0]} × {size[1]}"
            _text(self.axes, x, y, label, ha=ha, va=va, color=self.colour)


def _canvas(height: float) -> tuple[Figure, Axes]:
    figure, axes = panels(1, 1, height)
    axes[0, 0].set(xlim=(0, WIDTH), ylim=(0, height), aspect="equal")
    axes[0, 0].set_axis_off()
    return figure, axes[0, 0]


def _polygon(axes: Axes, corners, foot, colour, gid: str | None = None, edge: str = INK) -> None:
    shape = Polygon(
        np.add(corners, foot), closed=True, facecolor=colour, edgecolor=edge, linewidth=0.7
    )
    shape.set_gid(gid)
    axes.add_patch(shape)


def _text(axes: Axes, x: float, y: float, words: str, **more: Any) -> None:
    settings: dict[str, Any] = {"ha": "center", "fontsize": 8.5} | more
    axes.text(x, y, words, **settings)


def _arrow(axes: Axes, start, end, gid: str | None = None, **more: Any) -> None:
    arrow = FancyArrowPatch(
        start, end, arrowstyle="-|>", mutation_scale=9, shrinkA=0, shrinkB=0, linewidth=1, **more
    )
    arrow.set_gid(gid)
    arrow.set_zorder(0.5)
    axes.add_patch(arrow)


def _legend(axes: Axes, *kinds: str) -> None:
    fills = FILL | {"dense": DENSE}
    axes.legend(
        handles=[Patch(facecolor=fills[k], edgecolor=INK, label=LABELS[k]) for k in kinds],
        loc="lower center",
        ncols=len(kinds),
        borderaxespad=0,
    )
