"""The pictures that the study of the paper's size keeps with its record: Figs. 7 to 11, as WebP."""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from tinyvgg.experiments.batches import track_rows
from tinyvgg.experiments.control_experiments import ControlExperiments
from tinyvgg.experiments.first_case import first_case
from tinyvgg.experiments.suppressions import MISCLASSIFIED
from tinyvgg.experiments.table_3 import one_for_each
from tinyvgg.figures.first_page import at_a_glance
from tinyvgg.figures.pixels import missing_pixels
from tinyvgg.figures.style import Photograph, note, photograph, use_style
from tinyvgg.figures.suppression import common_values, twin_faces, unique_features
from tinyvgg.figures.tracking import tracked_features
from tinyvgg.runs.records import pictures_of
from tinyvgg.runs.so_far import so_far

DPI, QUALITY = 150, 80
SHOWN, TRACKED = 3, 15  # images of Fig. 7 and of Fig. 8


def paper_pictures(study: Any) -> dict[str, bytes]:
    """The figures of each task that is trained, or of the epochs that are trained so far.

    Of synthetic faces alone: nobody's photograph is passed on.
    """
    if study.source != "synthetic":
        return {}
    drawn: dict[str, Figure] = {}
    for task in study.tasks:
        if (own := so_far(study, task)) is not None:
            drawn |= {f"{name}_{task}": figure for name, figure in _figures(own, task).items()}
    return {f"{name}.webp": as_webp(figure) for name, figure in drawn.items()}


def as_webp(figure: Figure) -> bytes:
    """A figure as a WebP file; it is closed."""
    file = io.BytesIO()
    options: Mapping[str, Any] = {"quality": QUALITY, "method": 6}
    figure.savefig(file, format="webp", dpi=DPI, bbox_inches="tight", pil_kwargs=options)
    plt.close(figure)
    return file.getvalue()


def _figures(study: Any, task: str) -> dict[str, Figure]:
    use_style()
    made, what = ControlExperiments(study, task), "subject " * (task == "face")
    drawn = {"first": at_a_glance(first_case(study, task), what)}
    if not len(made.wrong):
        return drawn
    drawn |= {"fig_07": _fig_7(study, made, what), "fig_08": _fig_8(study, made)}
    if not len(made.pairs[MISCLASSIFIED]):
        return drawn
    if task == "face":
        return drawn | _figs_9_and_10(study, made)
    return drawn | {"fig_11": _fig_11(study, made)}


def _fig_7(study: Any, made: ControlExperiments, what: str) -> Figure:
    """Feature maps whose backtracked pixels are missing: the most confident mistakes."""
    some = made.wrong.drop_duplicates("true").head(SHOWN)
    places = some.index.to_numpy().copy()
    traces = {"as released": made.released, "as printed": made.printed}
    sets = {name: trace.pixels[places].cpu().numpy() for name, trace in traces.items()}
    titles = [
        f"{what}{case.true_name}, classified as {case.predicted_name}" for case in some.itertuples()
    ]
    maps = made.released.maps[places].cpu().numpy()
    return missing_pixels(study.faces.images[some.row], maps, sets, titles)


def _fig_8(study: Any, made: ControlExperiments) -> Figure:
    """The features of the most confident mistakes."""
    rows = made.wrong.row.head(TRACKED)
    pixels = made.released.pixels[: len(rows)]
    features = track_rows(made.net, study.inputs, rows, pixels).numpy()
    return tracked_features(study.faces.images[rows], features)


def _figs_9_and_10(study: Any, made: ControlExperiments) -> dict[str, Figure]:
    """The pair whose case is misclassified with the highest confidence."""
    pairs = made.pairs[MISCLASSIFIED]
    first = pairs.table.iloc[0]
    maps = np.stack([trace.maps[0].cpu().numpy() for trace in (pairs.twin, pairs.case)])
    parts = (pairs.sets.common, pairs.sets.only_b, pairs.sets.only_a)
    sets = np.stack([part[0].cpu().numpy() for part in parts])
    titles = [
        f"classified as {first.true_name}: {first.twin_confidence:.2f}",
        f"classified as {first.predicted_name}: {first.confidence:.2f}",
    ]
    images = study.faces.images[[int(first.twin), int(first.case)]]
    return {
        "fig_09": twin_faces(images, maps, sets, titles),
        "fig_10": common_values(maps[0][sets[0]], maps[1][sets[0]]),
    }


def _fig_11(study: Any, made: ControlExperiments) -> Figure:
    """The unique features of one case for each emotion that an image was misclassified as."""
    pairs = made.pairs[MISCLASSIFIED]
    chosen = one_for_each(pairs.table)
    places = chosen.index.to_numpy().copy()
    only = pairs.sets.only_a[places]
    features = track_rows(made.net, study.inputs, chosen.case.to_numpy(int), only).numpy()
    titles = [
        (
            f"{case.predicted_name}\n{case.confidence:.2f}",
            f"{case.true_name}\n{case.twin_confidence:.2f}",
        )
        for case in chosen.itertuples()
    ]
    images = study.faces.images
    cases, twins = (images[chosen[name].to_numpy(int)] for name in ("case", "twin"))
    return unique_features(cases, twins, features, titles)


PICTURES = {"paper": paper_pictures}  # by the name of the study


def kept_pictures(name: str, shown: bool = True) -> Mapping[str, Photograph | None]:
    """The pictures of a record, by name without ending; a note for one that is not there.

    None for each, if the record is not of the faces of a page and is not shown there.
    """
    if not shown:
        return defaultdict(lambda: None)
    missing = "The record has no such picture yet."
    found = {path.stem: kept_photograph(path) for path in pictures_of(name).values()}
    return defaultdict(lambda: photograph(note(missing)), found)


def kept_photograph(path: Path) -> Photograph:
    """A picture file, as a notebook shows it."""
    file = io.BytesIO()
    Image.open(path).convert("RGB").save(file, format="jpeg", quality=90, optimize=True)
    return Photograph(file.getvalue(), None)
