"""A person ready to be photographed, and the person's pose at one shot."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np

from tinyvgg.faces.synthetic.canvas import LEVELS, TEXELS_PER_DM, level_for, load_canvas, slope
from tinyvgg.faces.synthetic.hair import locks, scalp
from tinyvgg.faces.synthetic.hair.ribbons import Sheet, make_bun
from tinyvgg.faces.synthetic.paint import blend, halve, ramp
from tinyvgg.faces.synthetic.person.basis import HeadBasis, Mesh, load_basis
from tinyvgg.faces.synthetic.person.expression import Shot
from tinyvgg.faces.synthetic.person.identity import Person, draw_person
from tinyvgg.faces.synthetic.person.mesh import triangulate, unit_sphere, vertex_normals
from tinyvgg.faces.synthetic.rendering import shade
from tinyvgg.faces.synthetic.rendering.camera import Frame
from tinyvgg.faces.synthetic.skin.eyes import lash_layout, lash_roots, lid_edges
from tinyvgg.faces.synthetic.skin.mouth import fit_teeth
from tinyvgg.faces.synthetic.skin.painting import paint_skin


class Part(IntEnum):
    """The parts of a scene; the first four are those of the mesh, `basis.PARTS`."""

    SKIN, TEETH, TONGUE, LASH, LEFT_EYE, RIGHT_EYE, LOCKS, BUN = range(8)


EYES = {"left": Part.LEFT_EYE, "right": Part.RIGHT_EYE}
TWO_SIDED = (Part.TEETH, Part.LASH, Part.LOCKS)
POROUS = (Part.LASH, Part.LOCKS)


class Column:
    """Columns of `Scene.attributes`.

    The layout is the rest position on the mesh and `ribbons.Sheet.layout` on hair, where the
    columns after it hold direction and tone.
    """

    POSITION, NORMAL, LAYOUT = slice(0, 3), slice(3, 6), slice(6, 9)
    LIPS, MOUTH, EARS, LASH_LINE = 9, 10, 11, 12
    TANGENT, TONE = slice(9, 12), 12
    LIT = 13  # share of the lamps' light that no shadow takes away


COARSE = 45.0  # pixels per dm up to which the head is drawn with its coarse faces
MEAN_EYE_DISTANCE = 0.6155  # dm, between the eyes of the mean head
LID_THICKNESS = 1.03  # skin is kept this many radii away from an eye's centre
# How far from the eyeball, in dm, the dark margin of the lid begins and is full.
MARGIN_DISTANCE = (0.030, 0.006)
FAINT = 0.02  # masks below this do not show
GAZE_INWARD = 1.0  # degrees by which both eyes turn to look at the camera


@dataclass(frozen=True)
class Facets:
    """How the vertices of a scene are joined, and what that alone decides."""

    triangles: np.ndarray  # (T, 3)
    part: np.ndarray  # (T,)

    @functools.cached_property
    def corners(self) -> np.ndarray:
        """The triangles' corners, (3, T) and contiguous."""
        return np.ascontiguousarray(self.triangles.T)

    @functools.cached_property
    def is_two_sided(self) -> np.ndarray:
        """Which triangles (T,) are seen from behind too."""
        return np.isin(self.part, TWO_SIDED)

    @functools.cached_property
    def is_porous(self) -> np.ndarray:
        """Which triangles (T,) are hair with gaps in it."""
        return np.isin(self.part, POROUS)


@dataclass(frozen=True)
class HeadModel:
    """Everything about a person that no expression changes."""

    person: Person
    basis: HeadBasis
    mesh: Mesh  # the head's faces, fine or coarse
    vertices: np.ndarray  # coarse neutral head
    eyeballs: dict[str, tuple[np.ndarray, float]]
    frame: Frame
    shell: np.ndarray  # (fine vertices, 3) by how much the hair stands off the scalp, dm
    locks: Sheet | None
    bun: Sheet | None
    canvases: dict[int, np.ndarray]  # level -> (H, W, 7): colour, gloss, hair cover, slope

    def canvas_for(self, pixels_per_dm: float) -> int:
        """The painted level whose texels are about as large as the pixels."""
        return max(level_for(pixels_per_dm), min(self.canvases))

    @functools.cached_property
    def sheets(self) -> dict[Part, Sheet]:
        """The hair that there is, by the number of its part."""
        sheets = {Part.LOCKS: self.locks, Part.BUN: self.bun}
        return {number: sheet for number, sheet in sheets.items() if sheet is not None}

    @functools.cached_property
    def facets(self) -> Facets:
        """The triangles of every scene: those of the mesh, of the eyes, of the hair."""
        _, ball = unit_sphere()
        more = {number: ball for number in EYES.values()}
        more |= {number: sheet.quads for number, sheet in self.sheets.items()}
        triangles, part = [self.mesh.triangles], [self.mesh.part_of_triangle]
        first = len(self.mesh.vertices)
        for number, quads in more.items():
            triangles.append(triangulate(quads) + first)
            part.append(np.full(2 * len(quads), number))
            first += quads.max() + 1
        return Facets(np.concatenate(triangles), np.concatenate(part))

    @functools.cached_property
    def attributes(self) -> np.ndarray:
        """`Scene.attributes` with what does not depend on the shot."""
        basis, mesh = self.basis, self.mesh
        fixed = np.zeros((len(basis.rest), 14))
        fixed[:, Column.LAYOUT], fixed[:, Column.EARS] = basis.rest, scalp.near_ears()
        fixed[:, Column.LIPS] = basis.masks["lips"]
        fixed[:, Column.MOUTH] = basis.masks["inside-mouth"]
        ball, _ = unit_sphere()
        eye = np.zeros((len(ball), 14))
        eye[:, Column.NORMAL] = eye[:, Column.LAYOUT] = ball
        blocks = [fixed.take(mesh.vertices, 0), *[eye] * len(EYES)]
        for sheet in self.sheets.values():
            look = np.zeros((len(sheet.vertices), 14))
            look[:, Column.NORMAL], look[:, Column.LAYOUT] = sheet.normals, sheet.layout
            look[:, Column.TANGENT], look[:, Column.TONE] = sheet.tangent, sheet.tone
            blocks.append(look)
        attributes = np.asfortranarray(np.concatenate(blocks, dtype=np.float32))
        attributes[:, Column.LIT] = 1
        return attributes


def build_head(subject: int, group: str, gender: str, side: int | None = None) -> HeadModel:
    """Shape and paint a person; work that all their pictures share.

    `side` is that of the largest pictures to be drawn, in pixels; it decides how finely
    to paint, by default as finely as can be.
    """
    basis = load_basis()
    person = draw_person(subject, group, gender)
    vertices = basis.identity.morph(basis.vertices, person.targets)
    eyeballs = basis.eyeballs(vertices)
    left, right = eyeballs["left"][0], eyeballs["right"][0]
    eyes = (left + right) / 2
    unit = float(np.linalg.norm(left - right)) / MEAN_EYE_DISTANCE
    frame = Frame(eyes, float(eyes[1]) - basis.chin_height(vertices), unit)
    vertices = fit_teeth(vertices, unit)

    above = scalp.scalp_growth(person, basis)
    thickness = scalp.shell(person, basis, above) * unit
    surface = basis.surface(vertices)
    shell = vertex_normals(surface, basis.fine.quads) * thickness[:, None]
    surface = surface + shell
    normals = vertex_normals(surface, basis.fine.quads)
    return HeadModel(
        person=person,
        basis=basis,
        mesh=basis.fine if side is None or frame.scale(side) > COARSE else basis.coarse,
        vertices=vertices,
        eyeballs=eyeballs,
        frame=frame,
        shell=shell,
        locks=locks.grow_locks(person, basis, surface, normals, frame, above, scalp.near_ears()),
        bun=make_bun(person, frame),
        canvases=_paint(person, 0 if side is None else level_for(frame.scale(side))),
    )


def _paint(person: Person, finest: int) -> dict[int, np.ndarray]:
    """The painted canvas at a level and all coarser ones."""
    canvas = load_canvas(finest)
    colour, gloss, relief = paint_skin(person, canvas)
    cover, hair_colour, hair_relief = scalp.paint_hair(person, canvas)
    relief = relief * (1 - cover) + hair_relief
    colour = blend(colour, hair_colour, cover)
    gloss = gloss * (1 - cover)
    tilt = slope(relief, TEXELS_PER_DM / canvas.shrink)
    channels = [*np.moveaxis(colour, -1, 0), gloss, cover, *np.moveaxis(tilt, -1, 0)]
    painted = np.stack(channels, dtype=np.float32, casting="same_kind")
    levels = {finest: np.moveaxis(painted, 0, -1)}  # kept apart: quicker to sample
    for level in range(finest + 1, LEVELS):
        levels[level] = halve(levels[level - 1])
    return levels


@dataclass(frozen=True)
class Eye:
    """A posed eyeball."""

    centre: np.ndarray
    radius: float
    gaze: np.ndarray  # unit vector
    lids: np.ndarray  # (2, 3) edges of the lids, see `eyes.lid_edges`


@dataclass(frozen=True)
class Scene:
    """A posed head as one heap of triangles; what the five cameras photograph."""

    head: HeadModel
    shot: Shot
    vertices: np.ndarray  # (V, 3), kept apart by coordinate: quicker to project
    attributes: np.ndarray  # float32 (V, 14), columns as named above, kept apart too
    facets: Facets
    eyes: dict[str, Eye]
    lips_z: float  # how far forward the lips are
    cache: dict = field(default_factory=dict)  # relief of the folds, by canvas level

    # What all cameras need again, worked out when the first one does.

    @functools.cached_property
    def is_plain(self) -> np.ndarray:
        """Which triangles (T,) are skin that looks the same all over a pixel: no lips, no lids."""
        masks = (Column.LIPS, Column.MOUTH, Column.LASH_LINE)
        detailed = (self.attributes[:, masks] > FAINT).any(1)
        return (self.facets.part == Part.SKIN) & ~detailed.take(self.facets.corners).any(0)

    @functools.cached_property
    def hair_layout(self) -> np.ndarray:
        """Where on its lock or strip of lashes each vertex lies, (V, 3)."""
        layout = self.attributes[:, Column.LAYOUT].astype(float, "F")
        mesh = self.head.mesh  # its vertices come first
        lashes = mesh.vertices_of("lash")
        layout[lashes] = lash_layout()[mesh.vertices[lashes]]
        return layout


def pose(head: HeadModel, shot: Shot) -> Scene:
    """Put on the expression, turn the eyes, and gather all parts."""
    basis, unit = head.basis, head.frame.unit
    coarse = basis.actions.morph(head.vertices, shot.actions, unit)
    surface = basis.surface(coarse)
    eyes = {
        side: Eye(centre, radius, gaze_vector(shot, side), _lids(surface, centre, radius, side))
        for side, (centre, radius) in head.eyeballs.items()
    }
    lash_line = _fit_lids(surface, eyes, unit)
    mesh = head.mesh
    surface = (surface + head.shell).take(mesh.vertices, 0)
    normals = vertex_normals(surface, mesh.quads)

    ball, _ = unit_sphere()
    points = [surface, *(eye.centre + eye.radius * ball for eye in eyes.values())]
    points += [sheet.carried(coarse - head.vertices) for sheet in head.sheets.values()]
    vertices = np.concatenate(points)

    attributes = head.attributes.copy("F")
    attributes[:, Column.POSITION] = vertices
    of_mesh = attributes[: len(surface)]
    of_mesh[:, Column.NORMAL], of_mesh[:, Column.LASH_LINE] = normals, lash_line.take(mesh.vertices)
    on_skin = np.flatnonzero(basis.is_skin.take(mesh.vertices))
    lit = surface.take(on_skin, 0), normals.take(on_skin, 0)
    casters = lit[0] if head.locks is None else np.concatenate([lit[0], head.locks.vertices])
    of_mesh[on_skin, Column.LIT] = shade.lit_share(*lit, casters, shade.lamps(shot.light))
    lips = basis.masks["lips"].take(mesh.vertices) > 0.5
    return Scene(
        head=head,
        shot=shot,
        vertices=np.asfortranarray(vertices),
        attributes=attributes,
        facets=head.facets,
        eyes=eyes,
        lips_z=float(np.percentile(surface[lips, 2], 80)),
    )


def gaze_vector(shot: Shot, side: str) -> np.ndarray:
    """Unit vector that an eye looks along; positive x is the subject's left."""
    inward = -GAZE_INWARD if side == "left" else GAZE_INWARD
    turn, lift = np.radians(shot.gaze_turn + inward), np.radians(shot.gaze_lift)
    return np.array([np.sin(turn) * np.cos(lift), np.sin(lift), np.cos(turn) * np.cos(lift)])


def _lids(surface, centre, radius, side) -> np.ndarray:
    upper, lower = ((surface[roots] - centre) / radius for roots in lash_roots(side))
    return lid_edges(upper, lower)


def _fit_lids(surface: np.ndarray, eyes: dict[str, Eye], unit: float) -> np.ndarray:
    """Push the lids out of the eyeballs, in place; the dark margin 0..1 of each vertex."""
    margin = np.zeros(len(surface))
    for side, eye in eyes.items():
        lids = lid_vertices(side)
        lid = surface.take(lids, 0)
        away = lid - eye.centre
        distance = np.linalg.norm(away, axis=1)
        lid += away * np.maximum(LID_THICKNESS * eye.radius / distance - 1, 0)[:, None]
        surface[lids] = lid
        distance = np.linalg.norm(lid - eye.centre, axis=1)
        margin[lids] = ramp(
            distance - eye.radius, MARGIN_DISTANCE[0] * unit, MARGIN_DISTANCE[1] * unit
        )
    return margin


@functools.lru_cache(maxsize=2)
def lid_vertices(side: str) -> np.ndarray:
    """Vertices of the skin around an eye that the eyeball may push: the lids, not the brow.

    They are chosen on the rest head, from just inside the ball's surface outwards.
    """
    basis = load_basis()
    centre, _ = basis.eyeballs(basis.vertices)[side]
    away = basis.rest - centre
    distance = np.linalg.norm(away, axis=1)
    near = (distance > 0.136) & (distance < 0.28) & (away[:, 2] > 0.045)
    near &= (np.abs(away[:, 1]) < 0.20) & (np.abs(away[:, 0]) < 0.18)
    return np.flatnonzero(near & basis.is_skin)
