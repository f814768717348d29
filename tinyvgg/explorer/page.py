"""An explorer as one file that needs nothing else: no server, no other host, no Python."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from torch import nn

from tinyvgg.explorer.pack import pack_bits, weights_of
from tinyvgg.explorer.snapshot import first_paint
from tinyvgg.explorer.static import SCRIPT, STYLE, bundle, web_text
from tinyvgg.storage.files import write_text

if TYPE_CHECKING:
    from tinyvgg.explorer.session import Session

LARGEST = 60  # megabytes of weights, at 8 bits each
MEGA = 10**6
TITLE = "Explore what a network's decisions depend on"
ABOUT = (
    "Choose an image and a set of pixels of the last feature maps. This page classifies the image "
    "again with these pixels suppressed, and nothing leaves your browser. The method is that of "
    'Fang, <a href="https://doi.org/10.1186/s40537-017-0101-8">Understanding deep learning via '
    "backtracking and deconvolution</a> (2017)."
)
PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ margin: 0 auto; max-width: 1240px; padding: 16px clamp(8px, 3vw, 32px) 48px;
  font-family: system-ui, sans-serif; line-height: 1.5; }}
h1 {{ font-size: 1.4rem; margin: .5rem 0; }}
.about {{ max-width: 44rem; }}
{style}
</style>
</head>
<body>
<main>
<h1>{title}</h1>
<p class="about">{about}</p>
{first}
</main>
<script>window.tinyvggExplorerFiles = {contents};</script>
<script>
{script}
</script>
</body>
</html>
"""


@dataclass(frozen=True)
class SavedPage(os.PathLike):
    """A page that was written.

    Attributes
    ----------
    path : Path
    size : int
        Of the file, in bytes.
    bits : dict of str to int
        By task, the bits of a weight of the first linear layer.
    """

    path: Path
    size: int
    bits: Mapping[str, int]

    def __fspath__(self) -> str:
        return str(self.path)

    def __str__(self) -> str:
        bits = " and ".join(str(count) for count in dict.fromkeys(self.bits.values()))
        return f"{self.path}: {self.size / MEGA:.1f} MB, with weights of {bits} bits"

    __repr__ = __str__


def write_page(
    path: str | os.PathLike, session: Session, packs: Mapping[str, bytes], title: str = TITLE
) -> SavedPage:
    """Write an explorer as one HTML file, whole or not at all.

    Parameters
    ----------
    path : path
    session : Session
        Of the networks with the rounded weights of the packs; the page begins with its state.
    packs : mapping of str to bytes
        By task, as `pack_gallery` gives them.
    title : str
    """
    contents = {"module": bundle()}
    contents |= {task: base64.b64encode(pack).decode() for task, pack in packs.items()}
    text = PAGE.format(
        title=escape(title),
        style=web_text(STYLE),
        about=ABOUT,
        first=first_paint(session),
        contents=json.dumps(contents).replace("</", "<\\/"),
        script=web_text(SCRIPT),
    )
    path = Path(path)
    write_text(path, text)
    bits = {task: pack_bits(pack) for task, pack in packs.items()}
    return SavedPage(path, path.stat().st_size, bits)


def check_size(networks: Iterable[nn.Module]) -> None:
    """Refuse networks too large for a page, with their size and what would help.

    Raises
    ------
    ValueError
    """
    parts = {"features": 0, "classifier": 0}
    for network in networks:
        for name, weight in weights_of(network):
            parts[name.partition(".")[0]] += weight.numel()
    total = sum(parts.values())
    if total > LARGEST * MEGA:
        largest = max(parts, key=lambda part: parts[part])
        helps = {
            "classifier": "a global average before the classifier, or fewer units in its first "
            "layer, would help, and so would smaller images",
            "features": "fewer feature maps would help",
        }
        raise ValueError(
            f"the network has {total / MEGA:.0f} million weights, {total / MEGA:.0f} MB at 8 bits "
            f"each, and a page may have {LARGEST} MB; {parts[largest] / total:.0%} of them are in "
            f"its {largest}: {helps[largest]}. In a notebook it can be explored as it is"
        )
