"""How much backtracking selects: by unit and by layer, and how many pixels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from scipy.special import softmax
from torch import Tensor, nn

from tinyvgg.backtracking import Backtrace
from tinyvgg.experiments.attributions import first_layer
from tinyvgg.experiments.statistics import NAN, mean
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
        return softmax(self.logits)


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
    sets = [trace.pixels.flatten(1), *reversed(trace.layers)]
    layers = [
        pd.DataFrame(
            {
                "image": np.arange(len(a)),
                "layer": f"L_{j}",
                "units": a.shape[1],
                "active": count_pixels(a),
                "selected": count_pixels(chosen),
            }
        )
        for j, (a, chosen) in enumerate(zip(activations, sets, strict=True))
    ]
    return pd.concat(layers[::-1], ignore_index=True)


def layer_in_words(name: str) -> str:
    """A layer as a table names it: "L_3" is "hidden layer 3", "L_0, printed" the printed pixels."""
    symbol, _, reading = name.partition(", ")
    words = "pixels" if symbol == "L_0" else symbol.replace("L_", "hidden layer ")
    return f"{words}, as {reading}" if reading else words


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
        Columns task, set, pixels, of all, of active (means over images, the shares too).
    """
    names = {"active": "active pixels", "printed": "as printed", "released": "as released"}
    rows = []
    for task, table in counts.items():
        some = table[table.active > 0]
        rows += [
            (
                task,
                name,
                table[which].mean(),
                (table[which] / table.total).mean(),
                (some[which] / some.active).mean(),
            )
            for which, name in names.items()
        ]
        share = reported[task] / reported_total
        rows.append((task, "mean in the paper", reported[task], share, None))
    return pd.DataFrame(rows, columns=["task", "set", "pixels", "of all", "of active"])


@torch.no_grad()
def contribution_variation(net: nn.Module, trace: Backtrace) -> dict[str, float]:
    """Coefficients of variation of the two factors of a pixel's largest contribution.

    Returns
    -------
    dict
        activation and weight: standard deviation over mean among the active pixels, of
        a_0[r] and of the largest W_1[r, i] over i in L_1, means over images; units: how many i
        there are.
    """
    weight = check_network(net)[1][0].weight
    found = []
    layers = first_layer(trace, len(weight))
    for a_0, units in zip(trace.maps.flatten(1), layers, strict=True):
        active = a_0 > 0
        if active.sum() >= 2 and units.any():
            factors = a_0[active], weight[units].amax(dim=0)[active]
            found.append([float(x.std() / x.mean()) for x in factors])
    of_activation, of_weight = np.mean(found, axis=0) if found else (NAN, NAN)
    return {
        "activation": float(of_activation),
        "weight": float(of_weight),
        "units": mean(layers.sum(dim=1).cpu()),
    }
