"""Synthetic faces: people who do not exist, rendered from a parametric 3D head.

Where to look: `identity` draws a person, `expression` says what a smile is, `sitter` bends
the mesh accordingly, `skin`, `hair`, `wrinkles` and `eyes` paint, `camera` and `raster` take
the picture, `shade` lights it. `basis` loads the data file; `NOTICE.md` tells its origin.
"""

from .basis import basis_fingerprint
from .render import render_face, render_faces

__all__ = ["basis_fingerprint", "render_face", "render_faces"]
