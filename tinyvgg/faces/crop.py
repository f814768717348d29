"""Crop a photograph to a square around the face.

Databases shot in a studio place every face at the same position, so that one fixed box per camera
angle is enough. The paper says that the faces are cut out, but not how.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import ExifTags, Image, ImageCms

# Replaces transparent areas.
MID_GREY = (128, 128, 128)

# How a picture is turned for each of EXIF's orientations, and modes that a profile may describe.
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
MODES = {"RGB": "RGB", "CMYK": "CMYK", "GRAY": "L"}

# A photograph counts as whole if its width / height is this close to the database's.
ASPECT_TOLERANCE = 0.02


class Box(NamedTuple):
    """A square in a photograph, by fractions, so that it fits the photograph at any scale.

    `left` and `side` are fractions of the width, `top` is a fraction of the height.
    """

    left: float
    top: float
    side: float

    def pixels(self, width: int, height: int) -> tuple[float, float, float, float]:
        """Return left, upper, right and lower edge in pixels.

        Raises
        ------
        ValueError
            If the box reaches out of the picture, or is empty.
        """
        left, upper, side = self.left * width, self.top * height, self.side * width
        right, lower = left + side, upper + side
        slack = 1e-6 * max(width, height)  # rounding of the fractions
        inside = left >= -slack and upper >= -slack
        if side <= 0 or not inside or right > width + slack or lower > height + slack:
            raise ValueError(f"{self} does not lie inside an image of {width} x {height} pixels")
        return max(left, 0.0), max(upper, 0.0), min(right, width), min(lower, height)


class Framing(NamedTuple):
    """How a database frames its faces: the size of its files, and a box per camera angle."""

    width: int
    height: int
    boxes: Mapping[int, Box]

    def box(self, angle: int, width: int, height: int) -> Box:
        """Return the face's box in a picture of this size.

        A square picture is taken for a face that was cut out before, and used whole.

        Raises
        ------
        ValueError
            If the picture is neither square nor of the database's proportions.
        """
        if width == height:
            return Box(0.0, 0.0, 1.0)
        expected = self.width / self.height
        if abs(width / height / expected - 1) > ASPECT_TOLERANCE:
            raise ValueError(
                f"{width} x {height} pixels; expected the proportions of "
                f"{self.width} x {self.height}, or a square crop of the face"
            )
        return self.boxes[angle]


def _side_views(
    centre: float, top: float, side: float, shifts: Mapping[int, float]
) -> dict[int, Box]:
    """Boxes of one size and height, their centres moved sideways by the angle's shift."""
    return {angle: Box(centre + shift - side / 2, top, side) for angle, shift in shifts.items()}


# RaFD, 681 x 1024. Known: every photograph was aligned by hand afterwards, and a published script
# cuts the 621 pixels square at (30, 90) out of those of 45, 90 and 135 degrees alike. So heads
# stand in the middle, whichever way they face. Assumed, from descriptions and without a copy at
# hand: frontal eyes near 0.39 and chins near 0.65 of the height. The same square at all angles,
# 573 pixels at (54, 158), then holds a face as the synthetic ones are framed, eyes at 0.42 of its
# height. The synthetic photographs are made with this box; look at a contact sheet of RaFD's first.
RAFD = Framing(
    681, 1024, _side_views(0.50, 158 / 1024, 573 / 681, dict.fromkeys((0, 45, 90, 135, 180), 0.0))
)

# KDEF, 562 x 762: eyes and mouths were put at fixed coordinates when the films were scanned.
# Frontal face detectors are known to find the face around 0.50 of the width in straight views,
# 0.33 in half left and 0.66 in half right ones, at 0.55 of the height and up to 0.73 of the
# width across. A box of that width around 0.66 would leave the picture, so it stops at the edge.
KDEF = Framing(
    562,
    762,
    _side_views(0.50, 0.295, 0.72, {0: 0.14, 45: 0.14, 90: 0.0, 135: -0.14, 180: -0.14}),
)

# ORL, 92 x 112: the full width. Foreheads end near row 15 and chins near row 105 on average,
# so the square leaves out 14 rows of hair above and 6 rows of collar below.
ORL = Framing(92, 112, {90: Box(0.0, 14 / 112, 1.0)})


def centre_square(width: int, height: int) -> Box:
    """Return the largest square in the middle of a picture."""
    side = min(width, height)
    return Box((width - side) / 2 / width, (height - side) / 2 / height, side / width)


def crop_square(image: Image.Image, box: Box, size: int) -> np.ndarray:
    """Cut a square out of a picture and resize it, without aliasing.

    Parameters
    ----------
    image
        RGB.
    box
        The square to keep.
    size
        Side of the result in pixels.

    Returns
    -------
    ndarray
        uint8, (size, size, 3).
    """
    edges = box.pixels(*image.size)
    square = image.resize((size, size), Image.Resampling.LANCZOS, box=edges)
    return np.asarray(square)


def open_photo(path: str | Path) -> Image.Image:
    """Read an image file of any common kind as upright 8-bit RGB.

    The camera's orientation (EXIF) is applied, and a colour profile other than sRGB; palettes,
    CMYK and greys become RGB; 16 bits become 8; what is transparent shows mid-grey. Of several
    frames the first is read.

    Raises
    ------
    Exception
        Of whatever type, if the file is damaged, foreign or far too large: Pillow's readers raise
        many. ValueError for floating-point or 32-bit pixels.
    """
    with Image.open(path) as file:
        file.load()
        image = _upright(file)
        profile = file.info.get("icc_profile")
    if profile:
        image = _in_srgb(image, profile)
    if image.mode == "F":
        raise ValueError(
            "floating-point pixels have no standard range; save the image with 8 or 16 bits"
        )
    if image.mode.startswith("I"):  # "I;16" and its kin, or "I" where Pillow widened 16 bits
        values = np.asarray(image).astype(np.int64)
        if values.min() < 0 or values.max() > 65535:
            raise ValueError(
                "32-bit pixels have no standard range; save the image with 8 or 16 bits"
            )
        image = Image.fromarray(((values + 128) // 257).astype(np.uint8))
    if image.has_transparency_data:
        backdrop = Image.new("RGBA", image.size, (*MID_GREY, 255))
        image = Image.alpha_composite(backdrop, image.convert("RGBA"))
    return image.convert("RGB")


def _upright(image: Image.Image) -> Image.Image:
    """A picture turned as its EXIF says, whatever else stands there."""
    try:
        turn = TURNS.get(int(image.getexif().get(ExifTags.Base.Orientation, 1)))
    except Exception:  # damaged metadata raise what they like, and the picture is whole
        turn = None
    return image.copy() if turn is None else image.transpose(turn)


def _in_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    """A picture in colours of another profile than sRGB, converted; as it is if that is damaged."""
    try:
        given = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if "srgb" in ImageCms.getProfileDescription(given).casefold():
            return image
        space = given.profile.xcolor_space.strip()
        if MODES.get(space) != image.mode:
            return image
        srgb = ImageCms.createProfile("sRGB")
        found = ImageCms.profileToProfile(image, given, srgb, outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return image
    return image if found is None else found
