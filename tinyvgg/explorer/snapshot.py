"""A state of the explorer without a kernel or a script: small pictures, plain HTML, a figure."""

from __future__ import annotations

import base64
import io
import json
import textwrap
from dataclasses import asdict
from html import escape
from typing import TYPE_CHECKING

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from PIL import Image

from tinyvgg.explorer.state import State
from tinyvgg.explorer.static import MOUNT
from tinyvgg.figures.style import (
    COMMON,
    CONTROL,
    INK,
    SEQUENTIAL,
    UNIQUE,
    WIDTH,
    bare,
    inverted,
    montage,
    picture,
    rgb,
    use_style,
)

if TYPE_CHECKING:
    from tinyvgg.explorer.session import Session

CLASSES_SHOWN = 6
BACKTRACKED = "#56B4E9"
COLOUR = {
    "backtracked": BACKTRACKED,
    "common": COMMON,
    "unique": UNIQUE,
    "hand": "#E69F00",
    "random": CONTROL,
}
ON_MAPS = COLOUR | {"random": "#555555"}  # darker among pale grey than the bar of a control
PALEST, DARKEST = 0.97, 0.68  # maps stay paler than any colour, so that lightness tells them too
NAMES = {
    "backtracked": "backtracked",
    "common": "common with its twin",
    "unique": "not in its twin",
    "hand": "chosen by hand",
    "random": "drawn at random",
}

STYLE = f"""<style>
.{MOUNT} {{ max-width: 60rem; line-height: 1.45; }}
.{MOUNT} .sentence {{ margin: 0; font-size: 1.2em; font-weight: 600; }}
.{MOUNT} .context {{ margin: .2em 0 1em; white-space: pre-line; }}
.{MOUNT} .row {{ display: flex; flex-wrap: wrap; gap: 1rem 2rem; align-items: start; }}
.{MOUNT} figure {{ margin: 0; width: 8rem; }}
.{MOUNT} figure img {{ display: block; width: 100%; image-rendering: pixelated; }}
.{MOUNT} figcaption {{ margin: .3em 0 0; font-size: .85em; line-height: 1.35; }}
.{MOUNT} .bars {{ flex: 1 1 18rem; display: grid; gap: .5em .7em; align-items: center;
  grid-template-columns: auto minmax(5rem, 1fr) auto; font-variant-numeric: tabular-nums; }}
.{MOUNT} .bars i {{ display: block; height: 5px; margin: 2px 0; min-width: 1px; }}
.{MOUNT} .note {{ margin: 1em 0 0; font-size: .9em; }}
</style>"""
NOTE = (
    "This is a snapshot of the explorer. It becomes interactive where scripts may run: in the "
    "pages of the book, and in a notebook with a running kernel."
)


# ---------------------------------------------------------------------- pictures


def parts(state: State) -> dict[str, np.ndarray]:
    """The suppressed pixels by kind; bool arrays (C, h, w) that share no pixel.

    With a twin, backtracked pixels are either common or unique.
    """
    pixels = state.suppressed
    if state.choice.random:
        return {"random": pixels}
    if state.choice.pixel_set == "hand":
        return {"hand": pixels}
    names = ("backtracked",) if state.case.twin is None else ("common", "unique")
    found = {name: pixels & state.sets[name] for name in names}
    return {name: subset for name, subset in found.items() if subset.any()}


def columns_of(maps: int) -> int:
    """Maps side by side in a montage about twice as wide as high."""
    return max(1, round((2 * maps) ** 0.5))


def feature_maps(state: State, gap: int = 1) -> np.ndarray:
    """The last feature maps side by side, dark where active; suppressed pixels in colour.

    Returns
    -------
    uint8 array (rows, columns, 3)
        One entry for each pixel of the maps; the gaps are white.
    """
    largest = state.maps.max() or 1.0
    shade = PALEST + (DARKEST - PALEST) * np.clip(state.maps / largest, 0, 1)
    coloured = rgb(shade)
    for name, pixels in parts(state).items():
        coloured[pixels] = to_rgb(ON_MAPS[name])
    return _bytes(montage(coloured, columns_of(len(state.maps)), gap, fill=1.0))


def over_face(state: State, only_suppressed: bool = False) -> np.ndarray:
    """The feature maps summed, as colours over the face in grey.

    Parameters
    ----------
    state : State
    only_suppressed : bool
        Sum the suppressed pixels alone, in the colours of the same scale.

    Returns
    -------
    uint8 array (S, S, 3)
    """
    summed = state.maps.sum(axis=0)  # (h, w)
    shown = (state.maps * state.suppressed).sum(axis=0) if only_suppressed else summed
    face = state.image
    sides = zip(face.shape[:2], shown.shape, strict=True)
    rows, columns = (np.arange(large) * small // large for large, small in sides)
    strength = shown[np.ix_(rows, columns)] / (summed.max() or 1.0)  # each pixel as a block
    grey = rgb(face.mean(axis=-1) / 255)
    colour = matplotlib.colormaps[SEQUENTIAL](strength)[..., :3]
    return _bytes(0.4 * grey + 0.6 * colour)


def tracked(state: State) -> np.ndarray:
    """What the suppressed pixels show in the image (D' of Algorithm 2), dark on light grey."""
    return _bytes(rgb(inverted(state.difference)))


def _bytes(picture: np.ndarray) -> np.ndarray:
    return np.rint(np.clip(picture, 0, 1) * 255).astype(np.uint8)


# ---------------------------------------------------------------------- probabilities


def top_classes(state: State, count: int = CLASSES_SHOWN) -> list[int]:
    """The classes most probable in any of the three conditions, in the order that holds after."""
    best = np.max([state.before, state.without_chosen, state.without_control], axis=0)
    best[state.case.true] = 2  # the true class is always among them
    some = np.argsort(-best, kind="stable")[:count]
    return sorted((int(k) for k in some), key=lambda k: (-state.after[k], k))


def set_colour(state: State) -> str:
    """The colour of the set that was chosen."""
    return COLOUR.get(state.choice.pixel_set, BACKTRACKED)


# ---------------------------------------------------------------------- HTML


def first_paint(session: Session) -> str:
    """The state of a session as HTML that needs no script, with a note how to go on from it.

    Parameters
    ----------
    session : Session

    Returns
    -------
    str
        One element of the class `MOUNT`; in its ``data-explorer`` the choice and the tasks, as
        JSON.
    """
    state = session.state
    chosen = {**asdict(state.choice), "tasks": session.tasks}
    return (
        f'<div class="{MOUNT}" data-explorer="{escape(json.dumps(chosen), quote=True)}">{STYLE}'
        f'<p class="sentence">{escape(state.sentence)}</p>'
        f'<p class="context">{escape(state.context)}</p>'
        f'<div class="row">{"".join(_html_figures(state))}{_html_bars(state)}</div>'
        f'<p class="note">{NOTE}</p></div>'
    )


def _html_bars(state: State) -> str:
    """Probabilities with all pixels, without the set, and without as many at random."""
    colours = "currentColor", set_colour(state), COLOUR["random"]
    rows = []
    for k in top_classes(state):
        name, is_true = escape(state.gallery.say(k)), k == state.case.true
        values = state.before[k], state.without_chosen[k], state.without_control[k]
        tracks = "".join(
            f'<i style="width:{100 * value:.1f}%;background:{colour}"></i>'
            for value, colour in zip(values, colours, strict=True)
        )
        rows.append(
            f"<span>{f'<b>{name}</b> ✓' if is_true else name}</span>"
            f'<span aria-hidden="true">{tracks}</span>'
            f"<span>{values[0]:.2f} → {values[1]:.2f} ({values[2]:.2f})</span>"
        )
    return (
        f'<div class="bars">{"".join(rows)}<small style="grid-column:1/-1">Probability with all '
        "pixels → with the set suppressed (with as many random pixels suppressed). ✓ marks the "
        "true class.</small></div>"
    )


def _html_figures(state: State) -> list[str]:
    """The picture, its twin, and where the suppressed pixels lie."""
    case, gallery = state.case, state.gallery
    count = int(state.suppressed.sum())
    found = [_html_figure(state.image, case.shows, "The image of the case")]
    if state.twin_image is not None and case.twin is not None:
        caption = "its twin, which is classified correctly"
        found.append(_html_figure(state.twin_image, caption, gallery.shown[case.twin]))
    if count:
        shown, alt = over_face(state, only_suppressed=True), "Over the image, summed"
        found.append(_html_figure(shown, f"the {count:,} suppressed pixels", alt))
    return found


def _html_figure(image: np.ndarray, caption: str, alt: str) -> str:
    """A picture (H, W, 3) uint8 with its caption."""
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(image)).save(file, "PNG")
    address = f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
    shown = f'<img class="dark-light" alt="{escape(alt, quote=True)}" src="{address}">'
    return f"<figure>{shown}<figcaption>{escape(caption)}</figcaption></figure>"


# ---------------------------------------------------------------------- a figure


def still(state: State) -> Figure:
    """What the explorer shows as a figure: the face and its twin, the probabilities, the maps.

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
        state.case.shows: state.image,
        "its twin": state.twin_image,
        "all maps, summed": over_face(state),
        f"the {count:,} suppressed pixels": over_face(state, only_suppressed=True),
        "what they show": tracked(state),
    }
    for ax, (title, image) in zip(above.subplots(1, len(tiles)), tiles.items(), strict=True):
        if image is None:
            bare(ax).text(0.5, 0.5, "no twin", ha="center", va="center", fontsize=8.5)
        else:
            picture(ax, image, textwrap.fill(title, 22))
    left, right = below.subplots(1, 2, width_ratios=[1, 1.4])
    _draw_bars(left, state)
    picture(right, feature_maps(state))
    keys = [
        Patch(color=ON_MAPS[name], label=f"{NAMES[name]} ({int(pixels.sum()):,})")
        for name, pixels in parts(state).items()
    ]
    if keys:
        right.legend(
            handles=keys, loc="upper center", bbox_to_anchor=(0.5, 0), ncols=len(keys), fontsize=8
        )
    return figure


def _draw_bars(axes: Axes, state: State) -> None:
    """Probabilities of the top classes with all pixels, without the set, and the control's."""
    classes = top_classes(state)
    y = np.arange(len(classes))
    rows = (
        (state.before, INK, "all pixels"),
        (state.without_chosen, set_colour(state), "set suppressed"),
        (state.without_control, COLOUR["random"], "as many random pixels suppressed"),
    )
    for offset, (values, colour, label) in zip((-0.27, 0, 0.27), rows, strict=True):
        hatch = "////" if colour == COLOUR["random"] else None
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
