"""Faces and their labels: the factorial design, the sources, the splits (no torch here)."""

from tinyvgg.faces.design import ANGLES, EMOTIONS, GAZES, GROUPS, PAPER_ANGLES, full_design
from tinyvgg.faces.faceset import FaceSet
from tinyvgg.faces.sources import SOURCES, open_faces, source_fingerprint
from tinyvgg.faces.split import Split, split

__all__ = [
    "ANGLES",
    "EMOTIONS",
    "GAZES",
    "GROUPS",
    "PAPER_ANGLES",
    "SOURCES",
    "FaceSet",
    "Split",
    "full_design",
    "open_faces",
    "source_fingerprint",
    "split",
]
