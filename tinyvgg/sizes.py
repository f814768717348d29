"""Eq. 1 and its three inverses, held against convolutions that are run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product

import pandas as pd
import torch
import torch.nn.functional as F

from tinyvgg.model import conv_size, deconv_size_padded, deconv_size_strided, deconv_size_unit

CASES = {
    "padded": "unit stride, padding",
    "strided": "stride, no padding",
    "unit": "unit stride, no padding",
}


@torch.no_grad()
def run_sizes(
    inputs: Sequence[int] = range(1, 41),
    kernels: Sequence[int] = range(1, 8),
    paddings: Sequence[int] = range(4),
    strides: Sequence[int] = range(1, 5),
) -> pd.DataFrame:
    """Run a convolution and its transpose for every combination of sizes, and note what came out.

    Parameters
    ----------
    inputs, kernels, paddings, strides : sequences of int
        In pixels. Combinations whose kernel is larger than the padded input are left out, and
        so are those with both padding and a stride, for which the paper gives no inverse.

    Returns
    -------
    DataFrame
        A row a combination: `case` (a key of `CASES`), `i`, `k`, `p`, `s`; `after`, the size
        that the convolution gave, and `after_by_equation`, Eq. 1; `back`, the size that the
        transposed convolution made of it, and `back_by_equation`, the inverse of that case;
        `rest`, the pixels that the stride leaves over.
    """
    rows = []
    for case, i, k, p, s in _combinations(inputs, kernels, paddings, strides):
        weight = torch.zeros(1, 1, k, k)
        after = F.conv2d(torch.zeros(1, 1, i, i), weight, padding=p, stride=s)
        back = F.conv_transpose2d(after, weight, padding=p, stride=s)
        size = after.shape[-1]
        rows.append(
            {
                "case": case,
                **{"i": i, "k": k, "p": p, "s": s},
                "after": size,
                "after_by_equation": conv_size(i, k, p, s),
                "back": back.shape[-1],
                "back_by_equation": _inverse(case, size, k, p, s),
                "rest": (i - k + 2 * p) % s,
            }
        )
    return pd.DataFrame(rows)


def _inverse(case: str, size: int, k: int, p: int, s: int) -> int:
    if case == "padded":
        return deconv_size_padded(size, k, p)
    return deconv_size_strided(size, k, s) if case == "strided" else deconv_size_unit(size, k)


def _combinations(
    inputs: Sequence[int], kernels: Sequence[int], paddings: Sequence[int], strides: Sequence[int]
) -> Iterator[tuple[str, int, int, int, int]]:
    for i, k, p, s in product(inputs, kernels, paddings, strides):
        if k > i + 2 * p or (p and s > 1):
            continue
        yield "padded" if p else "strided" if s > 1 else "unit", i, k, p, s
