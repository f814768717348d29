"""The pack of a gallery, with as few bits as will do: measured and made once."""

from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np

from tinyvgg.explorer.gallery import Gallery
from tinyvgg.explorer.pack import fewest_bits, pack_gallery, tested
from tinyvgg.storage.files import digest
from tinyvgg.storage.store import Store


def kept_pack(gallery: Gallery, store: Store | None = None) -> tuple[int, bytes]:
    """The bits of a gallery's first linear layer, and its pack.

    Parameters
    ----------
    gallery : Gallery
    store : Store, optional
        Where it is found if it was made before; a study's.

    Returns
    -------
    bits : int
        The fewest with which no prediction of the tested pictures changes (`fewest_bits`).
    pack : bytes
        As `pack_gallery` gives it.
    """

    def make(_=None) -> dict[str, int | np.ndarray]:
        bits = fewest_bits(gallery.net, tested(gallery))
        return {"bits": bits, "pack": np.frombuffer(pack_gallery(gallery, bits), np.uint8)}

    kept = make() if store is None else store.get("pack", _recipe(gallery), make)
    return int(kept["bits"]), np.asarray(kept["pack"]).tobytes()


def _recipe(gallery: Gallery) -> dict[str, str]:
    """What a pack is made of: weights, pictures, cases."""
    weights = {name: tensor.cpu().numpy() for name, tensor in gallery.net.state_dict().items()}
    named = [part for item in weights.items() for part in item]
    cases = [asdict(case) for case in gallery.cases.values()]
    about = json.dumps([gallery.classes, cases, list(gallery.shown.items())])
    return {"task": gallery.task, "content": digest(*named, gallery.images, about)}
