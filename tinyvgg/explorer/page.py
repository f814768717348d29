"""A state of the explorer as plain HTML: what a page shows before any script, or without one."""

from __future__ import annotations

import json
from dataclasses import asdict
from html import escape
from typing import TYPE_CHECKING

import numpy as np

from tinyvgg.explorer import pictures
from tinyvgg.explorer.pictures import COLOUR
from tinyvgg.explorer.state import State
from tinyvgg.explorer.static import MOUNT

if TYPE_CHECKING:
    from tinyvgg.explorer.session import Session

CLASSES_SHOWN = 6
NAMES = {
    "none": "nothing",
    "backtracked": "backtracked",
    "common": "common with its twin",
    "unique": "not in its twin",
    "hand": "chosen by hand",
    "random": "drawn at random",
}

STYLE = f"""<style>
.{MOUNT} {{ max-width: 60rem; line-height: 1.45; }}
.{MOUNT} .said {{ margin: 0; font-size: 1.2em; font-weight: 600; }}
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
    "This is a photograph of the explorer. It moves where scripts may run: in the pages of the "
    "book, and in a notebook whose kernel runs."
)


def first_paint(session: Session) -> str:
    """The state of a session as HTML that needs no script, and says how to go on from it.

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
        f'<p class="said">{escape(state.sentence)}</p>'
        f'<p class="context">{escape(state.context)}</p>'
        f'<div class="row">{"".join(_figures(state))}{bars(state)}</div>'
        f'<p class="note">{NOTE}</p></div>'
    )


def bars(state: State) -> str:
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
        "pixels → without the set (without as many at random). ✓ the true class.</small></div>"
    )


def top_classes(state: State, count: int = CLASSES_SHOWN) -> list[int]:
    """The classes most probable in any of the three, in the order that holds after."""
    best = np.max([state.before, state.without_chosen, state.without_control], axis=0)
    best[state.case.true] = 2  # the true class is always among them
    some = np.argsort(-best, kind="stable")[:count]
    return sorted((int(k) for k in some), key=lambda k: (-state.after[k], k))


def set_colour(state: State) -> str:
    """The colour of the set that was chosen."""
    return COLOUR.get(state.choice.pixel_set, COLOUR["backtracked"])


def _figures(state: State) -> list[str]:
    """The picture, its twin, and where the suppressed pixels lie."""
    case, gallery = state.case, state.gallery
    count = int(state.suppressed.sum())
    found = [_figure(pictures.face(state), case.shows, "The picture")]
    if (twin := pictures.twin(state)) is not None and case.twin is not None:
        found.append(_figure(twin, "its twin, which is recognised", gallery.shown[case.twin]))
    if count:
        shown = pictures.over_face(state, only_suppressed=True)
        found.append(_figure(shown, f"the {count:,} suppressed pixels", "Over the picture, summed"))
    return found


def _figure(picture: np.ndarray, caption: str, alt: str) -> str:
    image = f'<img class="dark-light" alt="{escape(alt, quote=True)}" '
    source = f'src="{pictures.data_uri(picture)}">'
    return f"<figure>{image}{source}<figcaption>{escape(caption)}</figcaption></figure>"
