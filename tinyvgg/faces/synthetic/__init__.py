"""Synthetic faces: people who do not exist, rendered from a parametric 3D head.

Where to look, in the order of the work: `render` goes through a table of labels. `person` says who
is seen: `identity` draws a person, who looks as `shape`, `complexion` and `haircuts` say, and
`expression` says what a smile is; `basis` loads the head's data, whose origin `NOTICE.md` tells.
`head` builds the person's head (`HeadModel`) and poses it (`Scene`): it bends the mesh, paints it
on the `canvas` (`skin`, and `hair` with brows and beards) and grows the locks. `rendering` takes
the pictures: `camera` aims, `view` finds what each pixel sees (by `raster`), `surface` says what
is there, `shade` lights it, `picture` puts these together, and `photograph` takes the larger ones
of an export. `settings` lists what decides how hard the set is.
"""

from tinyvgg.faces.synthetic.person.basis import basis_fingerprint
from tinyvgg.faces.synthetic.render import render_face, render_faces

__all__ = ["basis_fingerprint", "render_face", "render_faces"]
