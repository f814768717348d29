"""Quad meshes: smooth subdivision, normals, and the ball that serves as an eye."""

from __future__ import annotations

import functools

import numpy as np
import scipy.sparse as sparse


def _incidence(rows, columns, shape) -> sparse.csr_matrix:
    return sparse.csr_matrix((np.ones(np.size(rows)), (np.ravel(rows), np.ravel(columns))), shape)


def _row_mean(matrix: sparse.csr_matrix) -> sparse.csr_matrix:
    """Divide each row by its sum; empty rows stay empty."""
    total = np.asarray(matrix.sum(1)).ravel()
    return sparse.diags(1 / np.maximum(total, 1e-12)) @ matrix


def _choose(condition, where_true, where_false) -> sparse.csr_matrix:
    condition = np.asarray(condition, float)
    return sparse.diags(condition) @ where_true + sparse.diags(1 - condition) @ where_false


def catmull_clark(quads: np.ndarray, vertex_count: int) -> tuple[sparse.csr_matrix, np.ndarray]:
    """One Catmull-Clark step as a linear map.

    Since every new vertex is a fixed average of old ones, the step is computed once for a
    topology and then applied to any shape of it as ``matrix @ vertices``.

    Parameters
    ----------
    quads : int array (F, 4)
        Vertex indices of each face, in order around it.
    vertex_count : int
        Number of vertices V; vertices that no face uses are kept where they are.

    Returns
    -------
    matrix : sparse (V + E + F, V)
        Gives the moved old vertices, then one vertex per edge, then one per face.
    quads : int array (4F, 4)
        Corner k of face f became face 4f + k, which starts at that corner.

    Notes
    -----
    Inside: face point = mean of corners; edge point = mean of its two ends and two face points;
    vertex = (Q + 2R + (n - 3) v) / n, with Q and R the means of the n face points and the n edge
    midpoints around it. Along a border: edge midpoint, and v/2 + (mean of border midpoints)/2.
    """
    quads = np.asarray(quads, np.int64)
    face_count = len(quads)
    edges = np.sort(np.stack([quads, np.roll(quads, -1, 1)], -1).reshape(-1, 2), 1)
    edges, edge_of = np.unique(edges, axis=0, return_inverse=True)
    edge_of = edge_of.reshape(face_count, 4)  # edge from corner k to corner k + 1
    edge_count = len(edges)
    faces_of_edge = np.bincount(edge_of.ravel(), minlength=edge_count)
    border = faces_of_edge == 1

    corner_face = np.repeat(np.arange(face_count), 4)
    shape = (face_count, vertex_count)
    face_point = _row_mean(_incidence(corner_face, quads, shape))
    midpoint = _row_mean(
        _incidence(np.repeat(np.arange(edge_count), 2), edges, (edge_count, vertex_count))
    )
    beside_edge = _row_mean(_incidence(edge_of, corner_face, (edge_count, face_count)))
    edge_point = _choose(border, midpoint, 0.5 * midpoint + 0.5 * (beside_edge @ face_point))

    faces_at = _incidence(quads, corner_face, (vertex_count, face_count))
    edges_at = _incidence(edges, np.repeat(np.arange(edge_count), 2), (vertex_count, edge_count))
    valence = np.maximum(np.asarray(faces_at.sum(1)).ravel(), 1)
    itself = sparse.identity(vertex_count, format="csr")
    inner = (
        sparse.diags(1 / valence) @ (_row_mean(faces_at) @ face_point)
        + sparse.diags(2 / valence) @ (_row_mean(edges_at) @ midpoint)
        + sparse.diags((valence - 3) / valence) @ itself
    )
    border_mean = _row_mean(edges_at @ sparse.diags(border.astype(float))) @ midpoint
    on_border = np.zeros(vertex_count, bool)
    on_border[edges[border].ravel()] = True
    moved = _choose(on_border, 0.5 * itself + 0.5 * border_mean, inner)
    unused = np.bincount(quads.ravel(), minlength=vertex_count) == 0
    moved = _choose(unused, itself, moved)

    edge_index = vertex_count + edge_of
    face_index = vertex_count + edge_count + np.arange(face_count)
    children = [
        np.stack([quads[:, k], edge_index[:, k], face_index, edge_index[:, k - 1]], 1)
        for k in range(4)
    ]
    matrix = sparse.vstack([moved, edge_point, face_point]).tocsr()
    matrix.eliminate_zeros()
    return matrix, np.stack(children, 1).reshape(-1, 4)


def triangulate(quads: np.ndarray) -> np.ndarray:
    """Split quads (F, 4) into triangles (2F, 3), the two halves of a quad F rows apart."""
    return np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])


def vertex_normals(vertices: np.ndarray, quads: np.ndarray) -> np.ndarray:
    """Unit normals (V, 3): the area-weighted mean of the quads around each vertex."""
    first, second, third, fourth = np.ascontiguousarray(quads.T)
    across, along = [], []
    for axis in np.ascontiguousarray(vertices.T):
        across.append(axis.take(third) - axis.take(first))
        along.append(axis.take(fourth) - axis.take(second))
    corner = quads.ravel()
    normal = [
        np.bincount(
            corner, np.repeat(across[k] * along[m] - across[m] * along[k], 4), len(vertices)
        )
        for k, m in ((1, 2), (2, 0), (0, 1))
    ]
    length = np.maximum(np.sqrt(sum(axis * axis for axis in normal)), 1e-12)
    return np.stack([axis / length for axis in normal], 1)


@functools.lru_cache(maxsize=1)
def unit_sphere(around: int = 32, down: int = 20) -> tuple[np.ndarray, np.ndarray]:
    """A ball of radius 1: vertices ((down + 1) * around, 3) and quads, seen from outside."""
    polar = np.linspace(0, np.pi, down + 1)[:, None]
    turn = np.linspace(0, 2 * np.pi, around, endpoint=False)[None]
    vertices = np.stack(
        [np.sin(polar) * np.cos(turn), np.sin(polar) * np.sin(turn), np.cos(polar) + 0 * turn], -1
    ).reshape(-1, 3)
    return vertices, grid_quads(down + 1, around, wrap=True)


def grid_quads(rows: int, columns: int, wrap: bool = False) -> np.ndarray:
    """Quads of a grid of vertices stored row by row; `wrap` joins the last column to the first."""
    index = np.arange(rows * columns).reshape(rows, columns)
    if wrap:
        index = np.concatenate([index, index[:, :1]], 1)
    return np.stack([index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:]], -1).reshape(
        -1, 4
    )
