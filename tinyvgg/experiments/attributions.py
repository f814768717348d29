"""Other ways to rank the pixels of the last feature maps: a score for each, by a few lines each.

All of them look at the dense layers only. Each function takes a supported network, the last
feature maps (B, C, h, w) and a class for each image (B,), and returns scores of the shape of
the maps: the larger, the more the pixel is said to speak for the class. A pixel is a place of
one map. Pixels at zero are ranked last whatever their score (see `rank`), because setting them
to zero changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from tinyvgg.backtracking import backtrack_maps
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
    """Gradient times activation: to first order, what the logit loses without the pixel."""
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
    """Grad-CAM's picture, (B, h, w): relu of the maps' sum, weighted by their mean gradients."""
    weights = gradient(net, maps, target).mean(dim=(2, 3), keepdim=True)  # (B, C, 1, 1)
    return torch.relu((weights * maps).sum(dim=1))


def grad_cam(net: nn.Module, maps: Tensor, target: Tensor) -> Tensor:
    """Grad-CAM as a score of pixels: its value at the pixel's place times the activation.

    Grad-CAM ranks places, not pixels. The activation shares out the weight of a place among the
    maps.
    """
    return grad_cam_map(net, maps, target)[:, None] * maps


def activation(net: nn.Module, maps: Tensor, target: Tensor) -> Tensor:
    """The pixel's own value; whatever the class."""
    return maps.clone()


@torch.no_grad()
def largest_contribution(net: nn.Module, maps: Tensor, target: Tensor) -> Tensor:
    """The order behind the released cut: a_0[r] times the largest W_1[r, i] over i in L_1.

    The released set is all pixels whose score exceeds the cut's threshold, so any cut takes the
    first pixels of this order. An image for which nothing was selected in L_1 has scores of 0.
    """
    _, linears = check_network(net)
    trace = backtrack_maps(net, maps, target)
    weight = linears[0].weight  # (units, pixels)
    scores = torch.zeros_like(maps)
    for b, units in enumerate(_first_layer(trace.layers, target, len(weight))):
        if units.any():
            scores[b] = (weight[units].amax(dim=0) * maps[b].flatten()).reshape(maps.shape[1:])
    return scores


def _first_layer(layers: tuple[Tensor, ...], target: Tensor, units: int) -> Tensor:
    """L_1 of each image; without hidden layers, the class itself."""
    if layers:
        return layers[-1]
    return torch.nn.functional.one_hot(target, units).bool()


def rank(scores: Tensor, maps: Tensor) -> Tensor:
    """Pixels in the order of their scores, the largest first; those at zero come last.

    Parameters
    ----------
    scores, maps : Tensor, (B, C, h, w)
        Equal scores are ordered by activation, then by place.

    Returns
    -------
    int64 Tensor, (B, C h w)
        Numbers of pixels in the flattened maps.
    """
    scores, values = scores.flatten(1), maps.flatten(1)
    by_value = values.argsort(dim=1, descending=True, stable=True)
    ordered = scores.masked_fill(values <= 0, -torch.inf).gather(1, by_value)
    return by_value.gather(1, ordered.argsort(dim=1, descending=True, stable=True))


def first_pixels(order: Tensor, counts: Tensor, maps: Tensor) -> Tensor:
    """The first pixels of an order as a set, (B, C, h, w) bool; none that is at zero.

    Parameters
    ----------
    order : int64 Tensor, (B, C h w)
        Of `rank`.
    counts : int Tensor, (B,)
    maps : Tensor, (B, C, h, w)
    """
    taken = torch.arange(order.shape[1], device=order.device) < counts.to(order.device)[:, None]
    chosen = torch.zeros_like(taken).scatter_(1, order, taken)
    return chosen.reshape(maps.shape) & (maps > 0)
