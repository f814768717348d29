"""Synthetic faces: people who do not exist, rendered from a parametric 3D head.

Where to look, in the order of the work: `render` goes through a table of labels; `identity` draws
a person, who looks as `shape`, `complexion` and `haircuts` say; `sitter` bends the mesh, paints it
(`skin` with `brows` and `beard`, `hair`) and grows the `locks`; `expression` says what a smile is,
and `sitter` poses it. `camera` aims, `view` finds what each pixel sees (by `raster`), `surface`
says what is there (`wrinkles`, `mouth`; `eyes` for themselves), `shade` lights it, and `picture`
puts these together. `photograph` takes the larger ones of an export. `basis` loads the data file,
whose origin `NOTICE.md` tells; `settings` lists what decides how hard the set is, and `bench`
times all of it.
"""

from tinyvgg.faces.synthetic.basis import basis_fingerprint
from tinyvgg.faces.synthetic.render import render_face, render_faces

__all__ = ["basis_fingerprint", "render_face", "render_faces"]
