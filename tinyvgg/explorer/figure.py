"""One state of the explorer as a figure, for a page without a kernel."""

from __future__ import annotations

import textwrap

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from tinyvgg.explorer import page, pictures
from tinyvgg.explorer.state import State
from tinyvgg.figures.style import INK, WIDTH, bare, picture, use_style


def still(state: State) -> Figure:
    """What the explorer shows: the face and its twin, the probabilities, the maps.

    Parameters
    ----------
    state : State
        As `Session.choose` gives it.
    """
    use_style()
    figure = plt.figure(figsize=(WIDTH, 5.6))
    title = textwrap.fill(state.context, 95)
    figure.suptitle(f"{state.sentence}\n{title}", fontsize=9.5, color=INK)
    above, below = figure.subfigures(2, 1, height_ratios=[1, 1.25])
    count = int(state.suppressed.sum())
    tiles = {
        state.case.shows: pictures.face(state),
        "its twin": pictures.twin(state),
        "all maps, summed": pictures.over_face(state),
        f"the {count:,} suppressed pixels": pictures.over_face(state, only_suppressed=True),
        "what they show": pictures.tracked(state),
    }
    for ax, (title, image) in zip(above.subplots(1, len(tiles)), tiles.items(), strict=True):
        if image is None:
            bare(ax).text(0.5, 0.5, "no twin", ha="center", va="center", fontsize=8.5)
        else:
            picture(ax, image, textwrap.fill(title, 22))
    left, right = below.subplots(1, 2, width_ratios=[1, 1.4])
    _draw_bars(left, state)
    picture(right, pictures.feature_maps(state))
    keys = [
        Patch(
            color=pictures.DRAWN if name == "random" else pictures.COLOUR[name],
            label=f"{page.NAMES[name]} ({int(pixels.sum()):,})",
        )
        for name, pixels in pictures.parts(state).items()
    ]
    if keys:
        right.legend(
            handles=keys, loc="upper center", bbox_to_anchor=(0.5, 0), ncols=len(keys), fontsize=8
        )
    return figure


def _draw_bars(axes: Axes, state: State) -> None:
    """Probabilities of the top classes with all pixels, without the set, and the control's."""
    classes = page.top_classes(state)
    y = np.arange(len(classes))
    rows = (
        (state.before, INK, "all pixels"),
        (state.without_chosen, page.set_colour(state), "without the set"),
        (state.without_control, pictures.COLOUR["random"], "without as many at random"),
    )
    for offset, (values, colour, label) in zip((-0.27, 0, 0.27), rows, strict=True):
        hatch = "////" if label.endswith("random") else None
        axes.barh(
            y + offset, values[classes], 0.25, color=colour, label=label,
            hatch=hatch, edgecolor="white", linewidth=0,
        )  # fmt: skip
    names = [state.gallery.say(k) + " ✓" * (k == state.case.true) for k in classes]
    axes.set_yticks(y, names)
    axes.invert_yaxis()
    axes.set(xlim=(0, 1), xlabel="probability")
    axes.grid(axis="x")
    axes.legend(loc="upper center", bbox_to_anchor=(0.4, -0.2), fontsize=8)
