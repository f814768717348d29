"""Train a small VGG on faces, trace its decisions back to pixels, and suppress them.

The package behind an executable edition of Fang, "Understanding deep learning via
backtracking and deconvolution", Journal of Big Data 4:40 (2017).

>>> study = tinyvgg.Study("smoke")
>>> net, outcomes = study.network("face"), study.outcomes("face")
>>> images = study.inputs(outcomes.row[~outcomes.correct])
>>> trace = tinyvgg.backtrack(net, images, cut=tinyvgg.Cut())
>>> tinyvgg.suppress(net, trace.maps, trace.pixels)
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tinyvgg.adapted.network import as_network
    from tinyvgg.backtracking import Backtrace, Cut, backtrack
    from tinyvgg.comparison import PixelSets, compare, find_twins, jaccard, random_pixels
    from tinyvgg.deconv import Recording, deconvolve, record
    from tinyvgg.explorer import Explorer as Explorer
    from tinyvgg.faces import FaceSet, Split, open_faces, split
    from tinyvgg.model import TinyVGG, as_input, vgg
    from tinyvgg.runs.study import Study
    from tinyvgg.tracking import Tracking, grey, suppress, track
    from tinyvgg.training.fit import Fit, fit
    from tinyvgg.training.protocol import Protocol

__version__ = "0.1.0"

# Modules, and what is public of each. They are imported when first asked for: who only wants
# faces, such as each process that renders them, need not wait for torch. Explorer alone needs
# Jupyter's widgets, so that `from tinyvgg import *` leaves it out.
_NAMES = {
    "adapted.network": ("as_network",),
    "backtracking": ("Backtrace", "Cut", "backtrack"),
    "comparison": ("PixelSets", "compare", "find_twins", "jaccard", "random_pixels"),
    "deconv": ("Recording", "deconvolve", "record"),
    "evaluation": (),
    "explorer": ("Explorer",),
    "faces": ("FaceSet", "Split", "open_faces", "split"),
    "layers": (),
    "model": ("TinyVGG", "as_input", "vgg"),
    "runs.study": ("Study",),
    "tracking": ("Tracking", "grey", "suppress", "track"),
    "training.fit": ("Fit", "fit"),
    "training.protocol": ("Protocol",),
}
_HOMES = {name: module for module, names in _NAMES.items() for name in names}

__all__ = sorted(_HOMES.keys() - {"Explorer"})


def __getattr__(name: str) -> Any:
    """One of the public names or modules (PEP 562)."""
    if name in _NAMES:
        return importlib.import_module(f"{__name__}.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_NAMES, *_HOMES})
