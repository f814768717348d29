"""Every figure of the book: a function each, which returns a matplotlib figure."""

from tinyvgg.figures.faces import contact_sheet, face_row, mistaken_for
from tinyvgg.figures.style import use_style
from tinyvgg.figures.training import confusion_matrix, error_counts, error_curves

__all__ = [
    "confusion_matrix",
    "contact_sheet",
    "error_counts",
    "error_curves",
    "face_row",
    "mistaken_for",
    "use_style",
]
