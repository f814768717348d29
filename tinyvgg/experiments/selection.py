"""How much backtracking selects: by unit, by layer, by class, and by where it is cut."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from tinyvgg.backtracking import Backtrace, Cut
from tinyvgg.comparison import jaccard
from tinyvgg.experiments.batches import trace_rows
from tinyvgg.layers import check_network, dense_pass


@dataclass(frozen=True, eq=False)
class LastLayer:
    """Eqs. 2 and 3 for one image and one class.

    Attributes
    ----------
    contributions : float64 array (m,)
        a_i W_i^k of the units of the last hidden layer; all of them together with the bias
        make the class's logit.
    bias : float
        b_k.
    logits : float64 array (classes,)
    target : int
        k.
    """

    contributions: np.ndarray
    bias: float
    logits: np.ndarray
    target: int

    @property
    def total(self) -> float:
        """The right side of Eq. 3, summed in double precision."""
        return float(self.contributions.sum() + self.bias)

    @property
    def probabilities(self) -> np.ndarray:
        """Soft-max of the logits (Eq. 2)."""
        powers = np.exp(self.logits - self.logits.max())
        return powers / powers.sum()


@torch.no_grad()
def last_layer(net: nn.Module, maps: Tensor, target: int | None = None) -> LastLayer:
    """What each unit of the last hidden layer contributes to a class (Fig. 6, Eq. 3).

    Parameters
    ----------
    net : nn.Module
        A supported network.
    maps : Tensor, (1, C, h, w)
        The last feature maps of one image.
    target : int, optional
        The class; the predicted one if not given.
    """
    _, linears = check_network(net)
    if len(maps) != 1:
        raise ValueError(f"maps must be those of one image, (1, C, h, w), got {tuple(maps.shape)}")
    *_, a, logits = dense_pass(linears, maps)
    k = int(logits.argmax()) if target is None else target
    contributions = a[0].double() * linears[-1].weight[k].double()
    bias = 0.0 if linears[-1].bias is None else float(linears[-1].bias[k])
    return LastLayer(contributions.cpu().numpy(), bias, logits[0].double().cpu().numpy(), k)


@torch.no_grad()
def selected_by_layer(net: nn.Module, trace: Backtrace) -> pd.DataFrame:
    """How many units of each layer exist, are active, and were selected (Algorithm 1).

    Returns
    -------
    DataFrame
        One row an image and layer, from the last hidden layer down to the pixels: image,
        layer ("L_3" ... "L_0"), units, active, selected.
    """
    _, linears = check_network(net)
    *activations, _ = dense_pass(linears, trace.maps)
    rows = []
    for name, a, chosen in zip(
        layer_names(trace), reversed(activations), _sets(trace), strict=True
    ):
        rows += [
            (image, name, a.shape[1], int(active), int(count))
            for image, (active, count) in enumerate(
                zip((a > 0).sum(dim=1), chosen.sum(dim=1), strict=True)
            )
        ]
    return pd.DataFrame(rows, columns=["image", "layer", "units", "active", "selected"])


def count_pixels(pixels: Tensor) -> np.ndarray:
    """Pixels in each image's set, int64 (B,); maps count their active pixels."""
    return (pixels > 0).flatten(1).sum(dim=1).cpu().numpy()


def pixel_table(
    counts: Mapping[str, pd.DataFrame], reported: Mapping[str, float], reported_total: float
) -> pd.DataFrame:
    """Mean sizes of the sets of pixels, beside those that the paper reports.

    Parameters
    ----------
    counts : mapping of task to DataFrame
        A row an image, columns total, active, printed, released.
    reported : mapping of task to float
        The paper's mean.
    reported_total : float
        All pixels of the paper's last feature maps.

    Returns
    -------
    DataFrame
        Columns task, set, pixels, of all, of active.
    """
    names = {"active": "active pixels", "printed": "as printed", "released": "as released"}
    rows = []
    for task, table in counts.items():
        mean = table.mean()
        rows += [
            (task, name, mean[which], mean[which] / mean.total, mean[which] / mean.active)
            for which, name in names.items()
        ]
        share = reported[task] / reported_total
        rows.append((task, "the paper's mean", reported[task], share, None))
    return pd.DataFrame(rows, columns=["task", "set", "pixels", "of all", "of active"])


def every_class(
    net: nn.Module,
    inputs: Callable[[np.ndarray], Tensor],
    rows: ArrayLike,
    cut: Cut | None = None,
) -> pd.DataFrame:
    """Backtrack each image from every class, and compare with the class predicted.

    Parameters
    ----------
    net, inputs, rows, cut
        As for `trace_rows`.

    Returns
    -------
    DataFrame
        One row an image and class: row, target, predicted (bool: it is the class that the
        network predicts), active and selected (pixels), and for each layer, L_n ... L_0, the
        Jaccard index of what is selected there and what is selected from the predicted class.
    """
    rows = np.asarray(rows, int)
    reference = trace_rows(net, inputs, rows, cut=cut)
    parts = []
    for k in range(reference.logits.shape[1]):
        trace, pixels = _traced_from(net, inputs, rows, k, cut, reference)
        part = {
            "row": rows,
            "target": k,
            "predicted": reference.target.cpu().numpy() == k,
            "active": count_pixels(trace.maps),
            "selected": count_pixels(pixels),
        }
        sets = [*trace.layers, pixels.flatten(1)]
        for name, some, others in zip(layer_names(trace), sets, _sets(reference), strict=True):
            part[name] = jaccard(some, others).cpu().numpy() if len(rows) else np.zeros(0)
        parts.append(pd.DataFrame(part))
    return pd.concat(parts, ignore_index=True)


def _traced_from(
    net: nn.Module,
    inputs: Callable[[np.ndarray], Tensor],
    rows: np.ndarray,
    k: int,
    cut: Cut | None,
    reference: Backtrace,
) -> tuple[Backtrace, Tensor]:
    """The printed trace of class k, and its pixels, which the cut may thin out.

    The cut knows the class only through L_1, and is slow: where L_1 is that of the reference,
    so are the pixels.
    """
    trace = trace_rows(net, inputs, rows, np.full(len(rows), k))
    if cut is None or not len(rows):
        return trace, trace.pixels
    differs = np.ones(len(rows), bool)
    if trace.layers:
        differs = (trace.layers[-1] != reference.layers[-1]).any(dim=1).cpu().numpy()
    pixels = reference.pixels.clone()
    if differs.any():
        some = rows[differs]
        with_cut = trace_rows(net, inputs, some, np.full(len(some), k), cut)
        pixels[torch.from_numpy(differs).to(pixels.device)] = with_cut.pixels
    return trace, pixels


def layer_names(trace: Backtrace) -> list[str]:
    """L_n ... L_1, and L_0 for the pixels."""
    return [f"L_{j}" for j in range(len(trace.layers), -1, -1)]


def _sets(trace: Backtrace) -> list[Tensor]:
    return [*trace.layers, trace.pixels.flatten(1)]


def sensitivity(
    net: nn.Module,
    inputs: Callable[[np.ndarray], Tensor],
    rows: ArrayLike,
    floors: Sequence[float] = (0, 0.02, 0.05, 0.1, 0.2),
    percentiles: Sequence[float] = (50, 80, 90, 95, 99),
) -> pd.DataFrame:
    """Mean number of pixels selected, by the two settings of the released cut.

    Returns
    -------
    DataFrame
        Indexed by floor, a column a percentile; NaN without rows.
    """
    counts = [
        [
            _mean(count_pixels(trace_rows(net, inputs, rows, cut=Cut(floor, percentile)).pixels))
            for percentile in percentiles
        ]
        for floor in floors
    ]
    return pd.DataFrame(
        counts,
        index=pd.Index(floors, name="floor"),
        columns=pd.Index(percentiles, name="percentile"),
    )


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else float("nan")
