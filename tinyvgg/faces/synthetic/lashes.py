"""Eyelashes: strips of the mesh, cut into single hairs."""

from __future__ import annotations

import functools

import numpy as np

from .basis import PARTS, SIDES, load_basis

HAIRS = 330.0  # radians per dm along the lid
ROOT_DISTANCE = 1.13  # from the eyeball's centre, in its radii
SOLID_ROOT = 0.16  # share of the strip that is closed


@functools.lru_cache(maxsize=1)
def lash_layout() -> np.ndarray:
    """Place along the lid (dm), share from root to tip, and 1 on the upper lid; per vertex."""
    basis = load_basis()
    lash = PARTS.index("lash")
    here = np.unique(basis.triangles[basis.part_of_triangle == lash])
    layout = np.zeros((len(basis.rest), 3))
    balls = basis.eyeballs(basis.vertices)
    for side in SIDES:
        centre, _ = balls[side]
        own = here[(basis.rest[here, 0] > 0) == (side == "left")]
        distance = np.linalg.norm(basis.rest[own] - centre, axis=1)
        layout[own, 0] = basis.rest[own, 0]
        layout[own, 1] = (distance - distance.min()) / np.ptp(distance)
        layout[own, 2] = basis.rest[own, 1] > centre[1] + 0.015
    return layout


@functools.lru_cache(maxsize=2)
def lash_roots(side: str) -> tuple[np.ndarray, np.ndarray]:
    """Vertices of the strips on the edges of the upper and of the lower lid."""
    basis = load_basis()
    centre, radius = basis.eyeballs(basis.vertices)[side]
    layout = lash_layout()
    lash = np.unique(basis.triangles[basis.part_of_triangle == PARTS.index("lash")])
    away = np.linalg.norm(basis.rest[lash] - centre, axis=1)
    roots = lash[away < ROOT_DISTANCE * radius]
    upper = layout[roots, 2] > 0.5
    return roots[upper], roots[~upper]


def is_gap(layout: np.ndarray, fullness: float) -> np.ndarray:
    """Which points (n, 3) of the strips lie between or beyond the hairs."""
    along, out, upper = layout.T
    hairs = np.sin(HAIRS * along + 9 * out) > -0.35 + 2.4 * out
    upper_hair = (out < SOLID_ROOT) | ((out < 0.28 + 0.22 * fullness) & hairs)
    lower_hair = out < 0.03 + 0.05 * fullness
    return ~np.where(upper > 0.5, upper_hair, lower_hair)
