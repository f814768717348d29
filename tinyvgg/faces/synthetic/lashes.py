"""Eyelashes: strips of the mesh, cut into single hairs."""

from __future__ import annotations

import functools

import numpy as np

from tinyvgg.faces.synthetic.basis import PARTS, SIDES, load_basis

HAIRS = 760.0  # radians per dm along the lid
ROOT_DISTANCE = 1.13  # from the eyeball's centre, in its radii
SOLID_ROOT = 0.13  # share of the strip that is closed


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
    phase = HAIRS * along + 1.6 * np.sin(53 * along) + 1.1 * np.sin(171 * along)
    hairs = np.sin(phase + 14 * out) > -0.45 + 2.9 * out
    longest = (0.20 + 0.26 * fullness) * (0.85 + 0.15 * np.sin(0.37 * phase))
    upper_hair = (out < SOLID_ROOT) | ((out < longest) & hairs)
    lower_hair = out < 0.03 + 0.05 * fullness
    return ~np.where(upper > 0.5, upper_hair, lower_hair)
