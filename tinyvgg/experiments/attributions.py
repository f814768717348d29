"""Rankings of the pixels of the last feature maps, and their deletion and insertion curves.

All rankings depend on the dense layers only. Each function takes a supported network, the last
feature maps (B, C, h, w) and a class for each image (B,), and returns scores of the shape of
the maps. A larger score means more evidence for the class. A pixel is a position of one map.
Pixels at zero are ranked last whatever their score (see `rank`), because setting them to zero
changes nothing.

Deletion sets the first pixels of a ranking to zero and keeps the rest. Insertion keeps the first
and sets the rest to zero. If the first pixels are those that the decision needs, the deletion
curve falls early and the insertion curve rises early (Petsiuk et al. 2018).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from tinyvgg.backtracking import Backtrace, backtrack_maps
from tinyvgg.experiments.statistics import bootstrap_mean
from tinyvgg.layers import check_network, dense_pass

Attribution = Callable[[nn.Module, Tensor, Tensor], Tensor]
STEPS = 32  # of the path of integrated gradients


def gradient(net: nn.Module, maps: Tensor, target: Tensor) -> Tensor:
    """Gradient of the class's logit with respect to the last feature maps."""
    _, linears = check_network(net)
    with torch.enable_grad():
        leaf = maps.detach().clone().requires_grad_()
        logits = dense_pass(linears, leaf)[-1]
        chosen = logits.gather(1, target.to(logits.device)[:, None]).sum()
        (found,) = torch.autograd.grad(chosen, leaf)
    return found


def gradient_x_activation(net: nn.Module, maps: Tensor, target: Tensor) -> Tensor:
    """Gradient times activation: to first order, the fall of the logit if the pixel is zero."""
    return gradient(net, maps, target) * maps


def integrated_gradients(
    net: nn.Module, maps: Tensor, target: Tensor, steps: int = STEPS
) -> Tensor:
    """Integrated gradients from maps of zeros, by the midpoint rule (Sundararajan et al. 2017).

    Up to the error of the rule the scores of an image sum to its logit less that of zeros.
    """
    total = torch.zeros_like(maps)
    for step in range(steps):
        total += gradient(net, (step + 0.5) / steps * maps, target)
    return maps * total / steps


def grad_cam_map(net: nn.Module, maps: Tensor, target: Tensor) -> Tensor:
    """Grad-CAM's map, (B, h, w): ReLU of the sum of the maps, weighted by mean gradients."""
    weights = gradient(net, maps, target).mean(dim=(2, 3), keepdim=True)  # (B, C, 1, 1)
    return torch.relu((weights * maps).sum(dim=1))


def grad_cam(net: nn.Module, maps: Tensor, target: Tensor) -> Tensor:
    """Grad-CAM as a score of pixels: its value at the pixel's location times the activation.

    Grad-CAM scores locations rather than pixels. The activation distributes the value of a
    location among the maps.
    """
    return grad_cam_map(net, maps, target)[:, None] * maps


def activation(net: nn.Module, maps: Tensor, target: Tensor) -> Tensor:
    """The pixel's own value, whatever the class."""
    return maps.clone()


def largest_contribution(net: nn.Module, maps: Tensor, target: Tensor) -> Tensor:
    """The ranking behind the released cut: the `strengths` of the pixels."""
    return strengths(net, backtrack_maps(net, maps, target))


@torch.no_grad()
def strengths(net: nn.Module, trace: Backtrace) -> Tensor:
    """Each pixel's largest contribution to a selected unit, a_0[r] max_i W_1[r, i]; (B, C, h, w).

    The released set consists of all pixels whose strength exceeds the cut's threshold, so any cut
    takes the strongest pixels. An image with an empty L_1 has strengths of 0. Without hidden
    layers the class itself is selected.
    """
    weight = check_network(net)[1][0].weight  # (units, pixels)
    best = [
        weight[units].amax(0) if units.any() else weight.new_zeros(weight.shape[1])
        for units in first_layer(trace, len(weight))
    ]
    return trace.maps * torch.stack(best).reshape(trace.maps.shape) if best else trace.maps.clone()


def first_layer(trace: Backtrace, units: int) -> Tensor:
    """L_1 of each image, bool (B, units), or the class itself without hidden layers."""
    return trace.layers[-1] if trace.layers else one_hot(trace.target, units).bool()


def rank(scores: Tensor, maps: Tensor) -> Tensor:
    """Pixels in the order of their scores, largest first and pixels at zero last.

    Parameters
    ----------
    scores, maps : Tensor, (B, C, h, w)
        Equal scores are ordered by activation, then by position.

    Returns
    -------
    int64 Tensor, (B, C h w)
        Numbers of pixels in the flattened maps.
    """
    scores, values = scores.flatten(1), maps.flatten(1)
    by_value = values.argsort(dim=1, descending=True, stable=True)
    ordered = scores.masked_fill(values <= 0, -torch.inf).gather(1, by_value)
    return by_value.gather(1, ordered.argsort(dim=1, descending=True, stable=True))


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
    """Probability of a class while pixels are deleted and while they are inserted in an order.

    Parameters
    ----------
    net : nn.Module
    maps : Tensor, (B, C, h, w)
    target : int64 Tensor, (B,)
        The class in question.
    order : int64 Tensor, (B, C h w)
        Of `rank`: active pixels first.
    shares : float array (K,)
        Shares of the active pixels that are deleted or inserted, rounded to whole pixels.

    Returns
    -------
    dict of float64 array (B, K)
        By mode. The first dense layer is run once for both, since its output for the remaining
        pixels is its output for all pixels minus that for the first ones.
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
    """The curves of each of `ORDERS` in both `MODES`, float (B, K); random curves are means."""
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
    """Area under each curve (B, K) by the trapezoidal rule, (B,), which is a mean probability."""
    return np.trapezoid(curves, shares, axis=1)


def areas(
    curves: dict[tuple[str, str], np.ndarray], groups: np.ndarray, seed: int = 0
) -> pd.DataFrame:
    """Areas under the curves, and how much better each ranking is than the released one.

    Parameters
    ----------
    curves : dict
        Of `all_curves`.
    groups : array (B,)
        The subject of each image; the bootstrap resamples by subject.
    seed : int

    Returns
    -------
    DataFrame
        One row per ranking and mode: order, mode, area, low, high (mean and 95 % interval), and
        better, better_low and better_high (by how much its area is smaller in deletion, or larger
        in insertion, than that of the released ranking).
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
