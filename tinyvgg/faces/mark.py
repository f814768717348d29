"""The mark inside a rendered picture that says so, whatever the file is called."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from tinyvgg.storage.files import replacing

MARK = "Synthetic face, rendered by tinyvgg; not a photograph, and nobody's likeness"
QUALITY = 95
_DESCRIPTION, _SOFTWARE = 0x010E, 0x0131  # EXIF


def save_rendered(picture: np.ndarray, path: Path, made_by: str) -> None:
    """Write uint8 (H, W, 3) as a JPEG file that bears the mark; the file is there whole or not.

    The mark stands in the file's comment and in EXIF's ImageDescription, `made_by` in the
    comment and in EXIF's Software.
    """
    exif = Image.Exif()
    exif[_DESCRIPTION], exif[_SOFTWARE] = MARK, made_by
    with replacing(path) as temporary:
        Image.fromarray(picture).save(
            temporary,
            "JPEG",
            quality=QUALITY,
            subsampling=0,  # colours at full resolution
            exif=exif,
            comment=f"{MARK} ({made_by})",
        )


def is_rendered(path: Path) -> bool:
    """Whether an image file bears the mark; no pixel is read. False for what is no image."""
    try:
        with Image.open(path) as image:
            comment = image.info.get("comment", b"")
            return MARK.encode() in comment or image.getexif().get(_DESCRIPTION) == MARK
    except Exception:  # of whatever type: Pillow's readers raise many
        return False
