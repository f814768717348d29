"""Train a small VGG on faces, trace its decisions back to pixels, and suppress them.

The package behind an executable edition of Fang, "Understanding deep learning via
backtracking and deconvolution", Journal of Big Data 4:40 (2017).

>>> study = tinyvgg.Study("smoke")
>>> net, outcomes = study.network("face"), study.outcomes("face")
>>> images = study.inputs(outcomes.row[~outcomes.correct])
>>> trace = tinyvgg.backtrack(net, images, cut=tinyvgg.Cut())
>>> tinyvgg.suppress(net, trace.maps, trace.pixels)
"""

from tinyvgg.backtracking import Backtrace, Cut, backtrack
from tinyvgg.comparison import PixelSets, compare, find_twins, jaccard, random_pixels
from tinyvgg.deconv import Recording, deconvolve, record
from tinyvgg.faces import FaceSet, Split, open_faces, split
from tinyvgg.model import TinyVGG, as_input, vgg
from tinyvgg.study import Study
from tinyvgg.tracking import Tracking, grey, suppress, track
from tinyvgg.training import Fit, Protocol, fit

__version__ = "0.1.0"

__all__ = [
    "Backtrace",
    "Cut",
    "FaceSet",
    "Fit",
    "PixelSets",
    "Protocol",
    "Recording",
    "Split",
    "Study",
    "TinyVGG",
    "Tracking",
    "as_input",
    "backtrack",
    "compare",
    "deconvolve",
    "find_twins",
    "fit",
    "grey",
    "jaccard",
    "open_faces",
    "random_pixels",
    "record",
    "split",
    "suppress",
    "track",
    "vgg",
]
