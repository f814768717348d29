"""The committed head: one mesh, the targets that shape it into people, the facial actions.

Lengths are in decimetres, as in MakeHuman; x points to the subject's left, y up, z forward.
"""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import scipy.sparse as sparse

from tinyvgg.faces.synthetic.person.mesh import catmull_clark, triangulate, vertex_normals

BASIS_PATH = Path(__file__).parents[1] / "head_basis.npz"
DELTA_SCALE = 4096  # shifts are stored as int16 in units of 1/4096 dm, up to 8 dm
PARTS = ("skin", "teeth", "tongue", "lash")  # of the mesh, in the order of its quads
MASKS = ("lips", "inside-mouth", "ears")  # values 0..1 at each fine vertex
OPPOSITES = (  # endings of the two targets that shape a detail in opposite directions
    ("incr", "decr"),
    ("out", "in"),
    ("up", "down"),
    ("forward", "backward"),
    ("uncompress", "compress"),
    ("convex", "concave"),
)
SIDES = ("left", "right")  # the subject's own
VERTICES_OF_AN_EYE = 72
DETAILED_LIDS = 1.7  # radii of the eyeball, around which faces stay fine
HEAD_ABOVE = 6.0  # where the neck ends


class Targets:
    """Named shifts of vertices; a shape is the mean head plus a weighted sum of them."""

    def __init__(self, names, index, shift, offset):
        self.names = tuple(str(name) for name in names)
        self._row = {name: row for row, name in enumerate(self.names)}
        self._index = index.astype(np.intp)
        self._shift = shift / DELTA_SCALE
        self._offset = offset

    def __contains__(self, name: str) -> bool:
        return name in self._row

    def shifts(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Indices (n,) of the vertices that a target moves, and by how much (n, 3)."""
        if name not in self._row:
            raise ValueError(f"unknown target {name!r}; known: {', '.join(self.names)}")
        row = self._row[name]
        span = slice(self._offset[row], self._offset[row + 1])
        return self._index[span], self._shift[span]

    def morph(self, vertices: np.ndarray, weights: dict[str, float], scale: float = 1.0):
        """Vertices (V, 3) moved by the weighted targets; `vertices` itself is left as it is."""
        moved = vertices.copy()
        for name, weight in weights.items():
            index, shift = self.shifts(name)
            moved[index] += weight * scale * shift  # no index comes twice in one target
        return moved


@dataclass(frozen=True)
class Mesh:
    """Faces on some of the fine vertices."""

    vertices: np.ndarray  # (n,) numbers of the fine vertices
    quads: np.ndarray  # (F, 4) numbers among those n
    triangles: np.ndarray  # (2F, 3)
    part_of_triangle: np.ndarray  # (2F,) number in PARTS

    @functools.cached_property
    def inside_mouth(self) -> np.ndarray:
        """Numbers, among those n, of the vertices of teeth and tongue."""
        return self.vertices_of("teeth", "tongue")

    def vertices_of(self, *parts: str) -> np.ndarray:
        """Numbers, among those n, of the vertices of some parts."""
        numbers = [PARTS.index(part) for part in parts]
        return np.unique(self.triangles[np.isin(self.part_of_triangle, numbers)])


@dataclass(frozen=True)
class HeadBasis:
    """What all heads share: topology, rest shape, masks and targets.

    The rest shape is the mean head, smoothed once. It serves as the place to paint in: a mole
    is put on the rest shape and goes wherever identity and expression carry that skin.
    """

    vertices: np.ndarray  # (V, 3) coarse mean head, the two eyes last
    smooth: sparse.csr_matrix  # coarse surface -> fine vertices
    is_skin: np.ndarray  # (fine vertices,) bool
    rest: np.ndarray  # (fine vertices, 3)
    rest_normals: np.ndarray
    masks: dict[str, np.ndarray]  # name in MASKS -> (fine vertices,) 0..1
    identity: Targets
    actions: Targets
    fine: Mesh  # all faces, on all fine vertices
    coarse: Mesh  # coarse faces but around eyes and mouth, for small pictures

    def surface(self, vertices: np.ndarray) -> np.ndarray:
        """Fine vertices of a coarse head (V, 3)."""
        return self.smooth @ vertices[: self.smooth.shape[1]]

    def eyeballs(self, vertices: np.ndarray) -> dict[str, tuple[np.ndarray, float]]:
        """Centre and radius of the ball that fits each eye of a coarse head."""
        balls = {}
        first = self.smooth.shape[1]
        for number, side in enumerate(SIDES):
            start = first + number * VERTICES_OF_AN_EYE
            eye = vertices[start : start + VERTICES_OF_AN_EYE]
            # The mesh's eye has a bulging cornea; the widest of its sides is a little too much.
            balls[side] = eye.mean(0), 0.985 * np.ptp(eye, axis=0).max() / 2
        return balls

    def chin_height(self, vertices: np.ndarray) -> float:
        """Height of the lowest point of a coarse head's chin."""
        _, y, z = self.vertices[: self.smooth.shape[1]].T  # of the mean head, to find the chin
        return float(vertices[: self.smooth.shape[1], 1][(z > 1.0) & (y > HEAD_ABOVE)].min())


def read_arrays() -> dict[str, np.ndarray]:
    """The arrays of the committed data file."""
    with np.load(BASIS_PATH, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


@functools.lru_cache(maxsize=1)
def load_basis() -> HeadBasis:
    """The head of the data file, read once per process."""
    arrays = read_arrays()
    vertices = arrays["vertices"].astype(float)
    surface_count = len(vertices) - 2 * VERTICES_OF_AN_EYE
    smooth, quads = catmull_clark(arrays["quads"], surface_count)
    part_of_quad = np.repeat(arrays["part_of_quad"], 4)
    is_skin = np.zeros(smooth.shape[0], bool)
    is_skin[quads[part_of_quad == PARTS.index("skin")].ravel()] = True
    rest = smooth @ vertices[:surface_count]
    targets = [
        Targets(*(arrays[f"{kind}_{field}"] for field in ("names", "index", "shift", "offset")))
        for kind in ("identity", "action")
    ]
    basis = HeadBasis(
        vertices=vertices,
        smooth=smooth,
        is_skin=is_skin,
        rest=rest,
        rest_normals=vertex_normals(rest, quads),
        masks={name: mask / 255 for name, mask in zip(MASKS, arrays["masks"], strict=True)},
        identity=targets[0],
        actions=targets[1],
        fine=_mesh(quads, part_of_quad),
        coarse=_mesh(quads, part_of_quad),
    )
    coarse_quads = arrays["quads"].astype(np.intp)
    detailed = _is_detailed(basis)[quads].any(1).reshape(-1, 4).any(1)  # four fine quads in each
    large, owner = _sealed(coarse_quads, quads, detailed)
    mixed = np.concatenate([large, quads[np.repeat(detailed, 4)]])
    parts = np.concatenate([arrays["part_of_quad"][owner], part_of_quad[np.repeat(detailed, 4)]])
    return replace(basis, coarse=_mesh(mixed, parts))


def _sealed(
    coarse_quads: np.ndarray, quads: np.ndarray, detailed: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The coarse quads that are not detailed, and the number of the quad that each came from.

    Where one meets a detailed quad, their common edge is bent at its middle on that side only,
    which would leave a crack: the coarse quad takes up the middle and is cut into a fan.
    """
    middles = quads[:, 1].reshape(-1, 4)  # of each coarse quad's edges, see `catmull_clark`
    bent = np.isin(middles, quads[np.repeat(detailed, 4)]) & ~detailed[:, None]
    plain = np.flatnonzero(~bent.any(1) & ~detailed)
    pieces, owner = [], []
    for number in np.flatnonzero(bent.any(1)):
        around = np.stack([coarse_quads[number], middles[number]], 1).ravel()
        around = around[np.stack([np.ones(4, bool), bent[number]], 1).ravel()]
        first, *rest = (int(vertex) for vertex in around)
        for k in range(0, len(rest) - 1, 2):  # the last may be a triangle
            pieces.append([first, rest[k], rest[k + 1], rest[min(k + 2, len(rest) - 1)]])
            owner.append(number)
    return (
        np.concatenate([coarse_quads[plain], np.array(pieces, np.intp).reshape(-1, 4)]),
        np.concatenate([plain, np.array(owner, np.intp)]),
    )


def _mesh(quads: np.ndarray, part_of_quad: np.ndarray) -> Mesh:
    vertices, numbers = np.unique(quads, return_inverse=True)
    quads = numbers.reshape(quads.shape)
    return Mesh(vertices, quads, triangulate(quads), np.tile(part_of_quad, 2))


def _is_detailed(basis: HeadBasis) -> np.ndarray:
    """Fine vertices (V,) around the eyes and the mouth, and all that are not skin."""
    detailed = ~basis.is_skin | (basis.masks["lips"] > 0) | (basis.masks["inside-mouth"] > 0)
    for centre, radius in basis.eyeballs(basis.vertices).values():
        detailed |= np.linalg.norm(basis.rest - centre, axis=1) < DETAILED_LIDS * radius
    return detailed


@functools.lru_cache(maxsize=1)
def basis_fingerprint() -> str:
    """SHA-256, in hexadecimal, of the data file's arrays (not of how they are compressed)."""
    digest = hashlib.sha256()
    for name, array in sorted(read_arrays().items()):
        digest.update(f"{name} {array.dtype.str} {array.shape} ".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
