"""A state in words and HTML: the sentence, the bars, the pictures with their captions."""

from __future__ import annotations

from html import escape

import numpy as np

from tinyvgg.explorer import pictures
from tinyvgg.explorer.pictures import COLOUR
from tinyvgg.explorer.state import State

CLASSES_SHOWN = 6
NAMES = {
    "none": "nothing",
    "backtracked": "backtracked",
    "common": "common with its twin",
    "unique": "not in its twin",
    "hand": "chosen by hand",
    "random": "drawn at random",
}

STYLE = """<style>
.tve { font: 14px/1.45 system-ui, sans-serif; color: inherit; }
.tve figure { margin: 0 !important; padding: 0 !important; flex: 1 1 84px; max-width: 150px; }
.tve figcaption { max-width: none !important; padding: 0 !important;
  font-size: 12px !important; line-height: 1.35 !important;
  opacity: .85;
  margin: 4px 0 0 !important; color: inherit !important; }
.tve img { display: block; width: 100%; image-rendering: pixelated; border-radius: 3px;
  padding: 0 !important; filter: none !important; }
.tve-empty { aspect-ratio: 1; display: grid; place-items: center; border: 1px dashed currentColor;
  border-radius: 3px; opacity: .6; }
.tve-row { display: flex; flex-wrap: wrap; gap: 12px; }
.tve-maps { max-width: 560px; background: #fff; padding: 6px; border-radius: 3px; }
.tve-said { font-size: 18px; font-weight: 600; line-height: 1.35; }
.tve-key { display: inline-block; width: 11px; height: 11px; border-radius: 2px;
  margin: 0 5px 0 12px; vertical-align: -1px; }
.tve-key:first-child { margin-left: 0; }
.tve-small { font-size: 12px; opacity: .85; }
.tve-bars { display: grid; grid-template-columns: auto minmax(70px, 1fr) auto; gap: 7px 10px;
  align-items: center; font-variant-numeric: tabular-nums; max-width: 560px; }
.tve-bars b { font-weight: 600; }
.tve-bar { height: 5px; margin: 1px 0; border-radius: 2px; min-width: 1px; }
.tve-track { border-left: 1px solid currentColor; padding-left: 1px; }
</style>"""

SEEN = 0.005  # a class less probable than this wins or loses no place worth a mark


def said(state: State) -> str:
    """The sentence, and what it was before."""
    return (
        f'<div class="tve" role="status"><div class="tve-said">{escape(state.sentence)}</div>'
        f"<div>{escape(state.context)}</div></div>"
    )


def faces(state: State) -> str:
    """The face, its twin, the maps over it, and the tracked features, each with a caption."""
    count = int(state.suppressed.sum())
    case, gallery = state.case, state.gallery
    tiles = [("the picture", pictures.face(state), f"{case.shows}: the picture")]
    if (twin := pictures.twin(state)) is not None:
        shows = gallery.shown[case.twin] if case.twin is not None else ""
        tiles.append(("its twin, classified correctly", twin, f"its twin: {shows}"))
    tiles += [
        (
            "all maps, summed",
            pictures.over_face(state),
            "The last feature maps, summed, as colours over the face: yellow is most",
        ),
        (
            f"the {count:,} suppressed pixels" if count else "no pixel is suppressed",
            pictures.over_face(state, only_suppressed=True),
            f"The {count} suppressed pixels, summed, over the face, on the same scale",
        ),
        (
            "what they show (tracked)",
            pictures.tracked(state),
            f"Tracked features of the {count} suppressed pixels, dark on light grey",
        ),
        (
            "what all pixels show",
            pictures.deconvolved(state),
            "Deconvolution of all pixels, dark on light grey",
        ),
    ]
    return f'<div class="tve tve-row">{"".join(_figure(*tile) for tile in tiles)}</div>'


def maps(state: State) -> str:
    """The feature maps side by side, and the key of their colours."""
    found = {name: int(pixels.sum()) for name, pixels in pictures.parts(state).items()}
    height, width = state.maps.shape[1:]
    words = ", ".join(f"{count} {NAMES[name]}" for name, count in found.items()) or "none"
    key = "".join(
        f"{_key(pictures.DRAWN if name == 'random' else COLOUR[name])}{NAMES[name]} ({count:,})"
        for name, count in found.items()
    )
    return (
        f'<div class="tve"><div class="tve-maps"><img alt="{len(state.maps)} feature maps of '
        f'{height} x {width} pixels; suppressed: {words}" '
        f'src="{pictures.data_uri(pictures.feature_maps(state))}"></div>'
        f'<div class="tve-small">{key}{" · " if key else ""}the {len(state.maps)} feature maps, '
        f"darker where active</div></div>"
    )


def bars(state: State) -> str:
    """Probabilities with all pixels, without the set, and without as many at random."""
    colour = set_colour(state)
    shown = top_classes(state)
    places = {k: place for place, k in enumerate(np.argsort(-state.before, kind="stable"))}
    now = {k: place for place, k in enumerate(np.argsort(-state.after, kind="stable"))}
    rows = []
    for k in shown:
        name = escape(state.gallery.say(k))
        mark = " ✓" if k == state.case.true else ""
        moved = places[k] - now[k] if max(state.before[k], state.after[k]) >= SEEN else 0
        arrow = f' <span class="tve-small">{"▲" if moved > 0 else "▼"}{abs(moved)}</span>'
        values = state.before[k], state.without_chosen[k], state.without_control[k]
        tracks = "".join(
            f'<div class="tve-bar" style="width:{100 * value:.1f}%;background:{c}"></div>'
            for value, c in zip(values, ("currentColor", colour, COLOUR["random"]), strict=True)
        )
        rows.append(
            f"<div>{f'<b>{name}</b>' if mark else name}{mark}{arrow if moved else ''}</div>"
            f'<div class="tve-track" aria-hidden="true">{tracks}</div>'
            f'<div title="without as many at random: {values[2]:.3f}">'
            f"{values[0]:.2f} → <b>{state.after[k]:.2f}</b></div>"
        )
    key = (
        f"{_key('currentColor')}all pixels{_key(colour)}without the set"
        f"{_key(COLOUR['random'])}without as many at random"
    )
    return (
        f'<div class="tve"><div class="tve-bars">{"".join(rows)}</div>'
        f'<div class="tve-small" style="margin-top:8px">{key}<br>✓ the true class; ▲▼ places '
        f"won or lost</div></div>"
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


def _figure(caption: str, picture: np.ndarray, alt: str) -> str:
    shown = f'<img alt="{escape(alt, quote=True)}" src="{pictures.data_uri(picture)}">'
    if (picture == picture[0, 0]).all():
        shown = '<div class="tve-empty">nothing</div>'
    return f"<figure>{shown}<figcaption>{escape(caption)}</figcaption></figure>"


def _key(colour: str) -> str:
    return f'<span class="tve-key" style="background:{colour}"></span>'
