"""Deletion and insertion: how soon a decision falls, or stands, as pixels go by some order.

Deletion sets the first pixels of an order to zero and leaves the rest; insertion leaves the
first and sets the rest to zero. An order that puts first what the decision needs makes the
deletion curve fall early and the insertion curve rise early (Petsiuk et al. 2018).
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from tinyvgg.experiments.attributions import (
    Attribution,
    activation,
    grad_cam,
    gradient_x_activation,
    integrated_gradients,
    largest_contribution,
    rank,
)
from tinyvgg.experiments.statistics import bootstrap_mean
from tinyvgg.layers import check_network, dense_pass

RELEASED, RANDOM = "released (largest contribution)", "random"
RANKINGS: dict[str, Attribution] = {
    RELEASED: largest_contribution,
    "activation": activation,
    "gradient x activation": gradient_x_activation,
    "integrated gradients": integrated_gradients,
    "Grad-CAM": grad_cam,
}
ORDERS = (*RANKINGS, RANDOM)
MODES = ("deletion", "insertion")
SHARES = np.linspace(0, 1, 31)
DRAWS = 3


@torch.no_grad()
def both_curves(
    net: nn.Module, maps: Tensor, target: Tensor, order: Tensor, shares: np.ndarray = SHARES
) -> dict[str, np.ndarray]:
    """Probability of a class while pixels are deleted, and while they are inserted, by an order.

    Parameters
    ----------
    net : nn.Module
    maps : Tensor, (B, C, h, w)
    target : int64 Tensor, (B,)
        The class in question.
    order : int64 Tensor, (B, C h w)
        Of `rank`: active pixels first.
    shares : float array (K,)
        How much of the active pixels is deleted or inserted; rounded to whole pixels.

    Returns
    -------
    dict of float64 array (B, K)
        By mode. The first dense layer is run once for both: what it makes of the pixels left is
        what it makes of all less what it makes of the first.
    """
    (first, *above), values = check_network(net)[1], maps.flatten(1)
    place = torch.zeros_like(order).scatter_(
        1, order, torch.arange(order.shape[1], device=order.device).expand_as(order)
    )
    active = (values > 0).sum(dim=1)
    whole = values @ first.weight.T
    found = {mode: np.zeros((len(maps), len(shares))) for mode in MODES}

    def probability(sums: Tensor) -> np.ndarray:
        x = sums if first.bias is None else sums + first.bias
        logits = dense_pass(above, torch.relu(x))[-1] if above else x
        return logits.softmax(dim=1).gather(1, target[:, None])[:, 0].double().cpu().numpy()

    for k, share in enumerate(shares):
        counts = (float(share) * active.double()).round().long()
        part = values.masked_fill(place >= counts[:, None], 0) @ first.weight.T
        found["insertion"][:, k] = probability(part)
        found["deletion"][:, k] = probability(whole - part)
    return found


def all_curves(
    net: nn.Module, maps: Tensor, target: Tensor, draws: int = DRAWS, seed: int = 0
) -> dict[tuple[str, str], np.ndarray]:
    """The curves of each of `ORDERS` in both `MODES`, float (B, K); random ones are means."""
    orders = {name: [rank(make(net, maps, target), maps)] for name, make in RANKINGS.items()}
    generator = torch.Generator().manual_seed(seed)
    keys = [torch.rand(maps.shape, generator=generator).to(maps.device) for _ in range(draws)]
    orders[RANDOM] = [rank(key, maps) for key in keys]
    found: dict[tuple[str, str], np.ndarray] = {}
    for name, some in orders.items():
        made = [both_curves(net, maps, target, order) for order in some]
        found |= {(name, mode): np.mean([one[mode] for one in made], axis=0) for mode in MODES}
    return found


def area(curves: np.ndarray, shares: np.ndarray = SHARES) -> np.ndarray:
    """Area under each curve (B, K) by the trapezoidal rule, (B,): a mean probability."""
    return np.trapezoid(curves, shares, axis=1)


def areas(
    curves: dict[tuple[str, str], np.ndarray], groups: np.ndarray, seed: int = 0
) -> pd.DataFrame:
    """Areas under the curves, and how much better each order is than the released one.

    Parameters
    ----------
    curves : dict
        Of `all_curves`.
    groups : array (B,)
        The person, by image: what the bootstrap resamples.
    seed : int

    Returns
    -------
    DataFrame
        One row an order and mode: order, mode, area, low, high (mean and 95 % interval), better,
        better_low and better_high (the mean by which its area is smaller in deletion, or larger
        in insertion, than that of the released order).
    """
    rows = []
    for (name, mode), some in curves.items():
        own, released = area(some), area(curves[RELEASED, mode])
        better = own - released if mode == "insertion" else released - own
        rows.append(
            (name, mode, *bootstrap_mean(own, groups, seed), *bootstrap_mean(better, groups, seed))
        )
    columns = ["order", "mode", "area", "low", "high", "better", "better_low", "better_high"]
    return pd.DataFrame(rows, columns=columns)
