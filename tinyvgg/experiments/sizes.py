"""Eq. 1, its three inverses and the sizes of Table 1, held against layers that are run."""

from __future__ import annotations

from itertools import product

import pandas as pd
import torch
import torch.nn.functional as F
from torch import nn

from tinyvgg.deconv import record
from tinyvgg.model import (
    VGG,
    conv_size,
    deconv_size_padded,
    deconv_size_strided,
    deconv_size_unit,
    layer_table,
)

CASES = {  # which the paper gives an inverse for
    "padded": "unit stride, padding",
    "strided": "stride, no padding",
    "unit": "unit stride, no padding",
}
INPUTS, KERNELS, PADDINGS, STRIDES = range(1, 41), range(1, 8), range(4), range(1, 5)  # pixels


@torch.no_grad()
def run_sizes() -> pd.DataFrame:
    """Run a convolution and its transpose for every combination of sizes, and note what came out.

    Combinations whose kernel is larger than the padded input are left out, and so are those with
    both padding and a stride, for which the paper gives no inverse.

    Returns
    -------
    DataFrame
        A row a combination: `case` (a key of `CASES`), `i`, `k`, `p`, `s`; `after`, the size
        that the convolution gave, and `after_by_equation`, Eq. 1; `back`, the size that the
        transposed convolution made of it, and `back_by_equation`, the inverse of that case;
        `rest`, the pixels that the stride leaves over.
    """
    rows = []
    for i, k, p, s in product(INPUTS, KERNELS, PADDINGS, STRIDES):
        if k > i + 2 * p or (p and s > 1):
            continue
        case = "padded" if p else "strided" if s > 1 else "unit"
        weight = torch.zeros(1, 1, k, k)
        after = F.conv2d(torch.zeros(1, 1, i, i), weight, padding=p, stride=s)
        back = F.conv_transpose2d(after, weight, padding=p, stride=s)
        size = after.shape[-1]
        inverse = {
            "padded": deconv_size_padded(size, k, p),
            "strided": deconv_size_strided(size, k, s),
            "unit": deconv_size_unit(size, k),
        }
        rows.append(
            {
                "case": case,
                **{"i": i, "k": k, "p": p, "s": s},
                "after": size,
                "after_by_equation": conv_size(i, k, p, s),
                "back": back.shape[-1],
                "back_by_equation": inverse[case],
                "rest": (i - k + 2 * p) % s,
            }
        )
    return pd.DataFrame(rows)


def run_layers(net: VGG) -> pd.DataFrame:
    """The shapes that Table 1 states and those that come out, for every layer that makes maps.

    Returns
    -------
    DataFrame
        Columns `layer`, `stated` (by `layer_table`) and `ran` (on an image of zeros), shapes of
        (maps, rows, columns).
    """
    weight = next(net.parameters())
    ran = record(net.features, weight.new_zeros(1, 3, net.image_size, net.image_size))
    given = [
        size
        for layer, size in zip(net.features, ran.sizes, strict=True)
        if not isinstance(layer, nn.ReLU)
    ]
    stated = [row for row in layer_table(net) if row["kind"] != "dense"]
    return pd.DataFrame(
        {
            "layer": [row["layer"] for row in stated],
            "stated": [row["output"] for row in stated],
            "ran": [*given, tuple(ran.maps.shape[1:])],
        }
    )


def field_of_view(net: VGG) -> tuple[int, int]:
    """What a pixel of the last feature maps sees of the image.

    Returns
    -------
    side : int
        Of the square of image pixels that can change it.
    step : int
        Image pixels between the squares of two neighbours.
    """
    side, step = 1, 1
    for row in layer_table(net):
        if row["kernel"]:
            side, step = side + (row["kernel"] - 1) * step, step * row["stride"]
    return side, step
