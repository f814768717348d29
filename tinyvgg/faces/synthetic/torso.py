"""The rest of the T-shirt: below the bust of the mesh, as far down as a photograph reaches.

The mesh is cut off at the height of the armpits. A photograph shows a little more, so the shirt
falls straight down from the cut. The square frames end above the cut and never show it.
"""

from __future__ import annotations

import functools
from dataclasses import replace

import numpy as np

from tinyvgg.faces.synthetic.basis import load_basis
from tinyvgg.faces.synthetic.mesh import grid_quads, triangulate, vertex_normals
from tinyvgg.faces.synthetic.sitter import NORMAL, POSITION, SKIN, Facets, Scene

LENGTH = 1.5  # dm; photographs reach 0.1 to 0.6 dm below the cut
ROWS = 7
SMOOTHINGS = 3  # per row: the cut is ragged, and the hem need not be


@functools.lru_cache(maxsize=1)
def rim() -> np.ndarray:
    """Vertices (n,) of the fine mesh along its cut, in order, leftwards seen from in front."""
    basis = load_basis()
    quads = basis.quads[basis.is_skin[basis.quads].all(1)]
    forward = np.stack([quads, np.roll(quads, -1, 1)], -1).reshape(-1, 2)
    edges = {tuple(edge) for edge in forward.tolist()}
    following = {start: stop for start, stop in edges if (stop, start) not in edges}
    loop = [min(following)]
    while (vertex := following[loop[-1]]) != loop[0]:
        loop.append(vertex)
    if len(loop) != len(following):
        raise ValueError("the mesh has more than one hole; expected only the cut below the bust")
    return np.array(loop)


def hang_shirt(scene: Scene) -> Scene:
    """The same scene with the shirt's lower part."""
    loop = rim()
    edge = scene.vertices[loop]
    rows = [edge]
    for _ in range(ROWS):
        below = rows[-1] - np.array([0, LENGTH / ROWS, 0])
        for _ in range(SMOOTHINGS):
            below = 0.5 * below + 0.25 * (np.roll(below, 1, 0) + np.roll(below, -1, 0))
        rows.append(below)
    vertices = np.concatenate(rows)
    quads = grid_quads(len(rows), len(loop), wrap=True)
    # All of it bears the paint of the edge: the shirt's.
    attributes = np.tile(scene.attributes[loop], (len(rows), 1))
    attributes[:, POSITION] = vertices
    attributes[len(loop) :, NORMAL] = vertex_normals(vertices, quads)[len(loop) :]
    triangles = triangulate(quads) + len(scene.vertices)
    return replace(
        scene,
        vertices=np.concatenate([scene.vertices, vertices]),
        attributes=np.concatenate([scene.attributes, attributes]),
        facets=Facets(
            np.concatenate([scene.facets.triangles, triangles]),
            np.concatenate([scene.facets.part, np.full(len(triangles), SKIN)]),
        ),
    )
