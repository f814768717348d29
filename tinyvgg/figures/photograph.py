"""A figure of many faces as JPEG: a tenth of the bytes of a PNG, at the same size."""

from __future__ import annotations

import io

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from tinyvgg.figures.run_line import signed

DPI = 200  # a page shows it at half of this, sharp on fine screens as well
QUALITY = 85


class Photograph:
    """A picture that a notebook shows as JPEG.

    Attributes
    ----------
    data : bytes
        The JPEG file.
    """

    def __init__(self, data: bytes):
        self.data = data

    def _repr_jpeg_(self) -> bytes:
        return self.data

    def __repr__(self) -> str:
        return f"<photograph, {len(self.data) / 1000:.0f} kB>"


def photograph(figure: Figure) -> Photograph:
    """The figure as JPEG, signed; it is closed, so that a notebook does not show it again."""
    file = io.BytesIO()
    options = {"quality": QUALITY, "optimize": True}
    signed(figure).savefig(file, format="jpeg", dpi=DPI, bbox_inches="tight", pil_kwargs=options)
    plt.close(figure)
    return Photograph(file.getvalue())
