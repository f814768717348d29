"""The studio's photographs: the direct rendering's camera with a larger film.

The square that `crop.RAFD` cuts out of a photograph is the frame of the direct rendering, at
the same scale and place: faces read from photographs and faces rendered directly agree.
"""

from __future__ import annotations

import functools
from dataclasses import replace

import numpy as np

from tinyvgg.faces.crop import RAFD
from tinyvgg.faces.design import whole_number
from tinyvgg.faces.synthetic.head import Column, Facets, HeadModel, Part, Scene, build_head, pose
from tinyvgg.faces.synthetic.person.basis import load_basis
from tinyvgg.faces.synthetic.person.expression import draw_shot
from tinyvgg.faces.synthetic.person.mesh import grid_quads, triangulate, vertex_normals
from tinyvgg.faces.synthetic.rendering.camera import Rig, aim
from tinyvgg.faces.synthetic.rendering.picture import expose

WIDTH, HEIGHT = RAFD.width, RAFD.height
LOWEST = 128  # pixels; the face is cut out of 72 x 72 of them
# The mesh is cut off at the height of the armpits. A photograph shows a little more, so the shirt
# falls straight down from the cut. The square frames end above the cut and never show it.
SHIRT_LENGTH = 1.5  # dm; photographs reach 0.1 to 0.6 dm below the cut
SHIRT_ROWS = 7
SMOOTHINGS = 3  # per row: the cut is ragged, and the hem need not be


def film_size(height: int = HEIGHT) -> tuple[int, int]:
    """Width and height in pixels of photographs of this height, in RaFD's proportions.

    Raises
    ------
    ValueError
        If the height is not a whole number from `LOWEST` to `HEIGHT`.
    """
    height = whole_number("height", height, LOWEST, HEIGHT, "pixels")
    return round(height * WIDTH / HEIGHT), height


def take_photographs(
    subject: int,
    group: str,
    gender: str,
    emotion: str,
    gaze: str,
    angles: tuple[int, ...],
    height: int = HEIGHT,
) -> list[np.ndarray]:
    """One shot from several cameras at once: uint8 (height, width, 3) each, see `film_size`."""
    size = film_size(height)
    scene = pose(_cached_head(subject, group, gender), draw_shot(subject, emotion, gaze))
    scene = hang_shirt(scene)
    return [_photograph(scene, angle, *size) for angle in angles]


@functools.lru_cache(maxsize=1)
def _cached_head(subject: int, group: str, gender: str) -> HeadModel:
    """The last head is kept, for one shot after the other."""
    return build_head(subject, group, gender)


def _photograph(scene: Scene, angle: int, width: int, height: int) -> np.ndarray:
    left, upper, right, _ = RAFD.boxes[angle].pixels(width, height)
    side = right - left  # of a small film no whole number of pixels: the crop is not either
    camera = aim(scene.head.frame, scene.shot, angle, side)  # type: ignore[arg-type]
    return expose(scene, Rig((camera.with_film(width, height, left, upper),)))[0]


@functools.lru_cache(maxsize=1)
def rim() -> np.ndarray:
    """Vertices (n,) of the fine mesh along its cut, in order, leftwards seen from in front."""
    basis = load_basis()
    quads = basis.fine.quads[basis.is_skin[basis.fine.quads].all(1)]
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
    for _ in range(SHIRT_ROWS):
        below = rows[-1] - np.array([0, SHIRT_LENGTH / SHIRT_ROWS, 0])
        for _ in range(SMOOTHINGS):
            below = 0.5 * below + 0.25 * (np.roll(below, 1, 0) + np.roll(below, -1, 0))
        rows.append(below)
    vertices = np.concatenate(rows)
    quads = grid_quads(len(rows), len(loop), wrap=True)
    # All of it bears the paint of the edge: the shirt's.
    attributes = np.tile(scene.attributes[loop], (len(rows), 1))
    attributes[:, Column.POSITION] = vertices
    attributes[len(loop) :, Column.NORMAL] = vertex_normals(vertices, quads)[len(loop) :]
    triangles = triangulate(quads) + len(scene.vertices)
    return replace(
        scene,
        vertices=np.concatenate([scene.vertices, vertices]),
        attributes=np.concatenate([scene.attributes, attributes]),
        facets=Facets(
            np.concatenate([scene.facets.triangles, triangles]),
            np.concatenate([scene.facets.part, np.full(len(triangles), Part.SKIN)]),
        ),
    )
