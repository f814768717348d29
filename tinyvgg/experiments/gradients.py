"""How much of the loss's gradient reaches each layer (Section "Discussion").

The paper attributes the failure of VGG-16 and VGG-19 to train under its protocol to a vanishing
gradient. The forward signal and the gradient can both be measured, layer by layer, on one batch,
before and after training.
"""

from __future__ import annotations

import copy

import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

COLUMNS = ["layer", "kind", "signal", "gradient", "weight", "step"]


def gradient_norms(net: nn.Module, x: Tensor, y: Tensor) -> pd.DataFrame:
    """The forward signal and the gradient at each layer with weights.

    Parameters
    ----------
    net : nn.Module
        With ``.features`` and ``.classifier``, such as `model.VGG`. It is not changed.
    x : float Tensor, (B, 3, S, S)
    y : int64 Tensor, (B,)
        The true classes: the loss is the mean cross-entropy, as in training.

    Returns
    -------
    DataFrame
        One row per layer, from the images upwards: layer ("conv1_1", ..., "dense1", ...,
        "output"), kind ("conv" or "dense"), signal (root mean square of the layer's output,
        before batch norm and ReLU), gradient (L2 norm of the gradient by the layer's weights),
        weight (L2 norm of the weights), and step (gradient / weight: the relative change of the
        weights in a step of plain SGD, per unit of learning rate).
    """
    net = copy.deepcopy(net).train()  # so that batch norm's running statistics stay
    layers = named_layers(net)
    signals: dict[nn.Module, float] = {}

    def keep(layer: nn.Module, _given, output: Tensor) -> None:
        signals[layer] = float(output.detach().square().mean().sqrt())

    for layer in layers.values():
        layer.register_forward_hook(keep)
    loss = cross_entropy(net(x), y)
    gradients = torch.autograd.grad(loss, [layer.weight for layer in layers.values()])
    rows = []
    for (name, layer), slope in zip(layers.items(), gradients, strict=True):
        gradient, weight = (float(w.norm()) for w in (slope, layer.weight.detach()))
        kind = "conv" if isinstance(layer, nn.Conv2d) else "dense"
        rows.append((name, kind, signals[layer], gradient, weight, gradient / weight))
    return pd.DataFrame(rows, columns=COLUMNS)


def named_layers(net: nn.Module) -> dict[str, nn.Conv2d | nn.Linear]:
    """The layers with weights, from the images upwards, by their names in Table 1."""
    found: dict[str, nn.Conv2d | nn.Linear] = {}
    block, convolution = 1, 0
    for layer in net.features:  # type: ignore[union-attr]
        if isinstance(layer, nn.Conv2d):
            convolution += 1
            found[f"conv{block}_{convolution}"] = layer
        elif isinstance(layer, nn.MaxPool2d):
            block, convolution = block + 1, 0
    linears = [layer for layer in net.classifier if isinstance(layer, nn.Linear)]  # type: ignore
    for number, linear in enumerate(linears, start=1):
        found["output" if linear is linears[-1] else f"dense{number}"] = linear
    return found
