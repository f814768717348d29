"""Random models of every layer that can be traced, and what they compute, from the definition.

A model is a list of *steps*, plain tuples. `RandomModel` builds torch modules of them, in one of
many ways; `computed` does what they say with slices, sums and comparisons.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tinyvgg.backtracking import Cut

Step = tuple[Any, ...]
DTYPE = torch.float64
ACTIVATIONS = ("relu", "relu", "relu", "relu6", "hardtanh", "softplus", "sigmoid", "squared")


# ---------------------------------------------------------------------- drawn


def drawn(*shape: int, low: float = -1.0, high: float = 1.0) -> Tensor:
    return torch.empty(shape, dtype=DTYPE).uniform_(low, high)


def conv_step(pick: random.Random, below: int, maps: int, same: bool = False) -> Step:
    groups = pick.choice([n for n in (1, 1, 2, 3, 4) if below % n == 0 and maps % n == 0])
    rows, columns = pick.choice([1, 3]), pick.choice([1, 3, 5])
    dilation = pick.choice([(1, 1), (1, 1), (2, 1)])
    padding = (dilation[0] * (rows // 2), dilation[1] * (columns // 2))
    stride = (1, 1)
    if not same:
        padding = (padding[0], pick.choice([0, padding[1], 2]))
        stride = pick.choice([(1, 1), (2, 1), (1, 2)])
    fan = below // groups * rows * columns
    weight = drawn(maps, below // groups, rows, columns) * (6 / fan) ** 0.5
    bias = pick.choice([None, drawn(maps) * 0.3])
    return ("conv", weight, bias, stride, padding, dilation, groups)


def norm_step(maps: int) -> Step:
    weight, bias = drawn(maps, low=0.5, high=1.5), drawn(maps) * 0.3
    weight[0] = -weight[0]
    return ("norm", drawn(maps) * 0.3, drawn(maps, low=0.5, high=2), weight, bias, 1e-3)


def activation_steps(pick: random.Random) -> list[Step]:
    name = pick.choice(ACTIVATIONS)
    return [("relu",), ("square",)] if name == "squared" else [(name,)]


def pool_step(pick: random.Random, same: bool = False) -> Step:
    kind = pick.choice(["max", "max", "average"])
    if same:
        return (kind, (3, 3), (1, 1), (1, 1), False)
    window = pick.choice(
        [((2, 2), (2, 2), (0, 0)), ((3, 2), (2, 1), (1, 0)), ((3, 3), (2, 2), (1, 1))]
    )
    return (kind, *window, pick.choice([False, True]))


def branch_steps(pick: random.Random, below: int, maps: int) -> list[Step]:
    """From maps to maps of the same size."""
    steps = [pool_step(pick, same=True)] * pick.choice([0, 0, 1])
    steps += [conv_step(pick, below, maps, same=True)]
    steps += [norm_step(maps)] * pick.choice([0, 1])
    return steps + activation_steps(pick) * pick.choice([0, 1])


@dataclass
class Plan:
    """The steps of a model: up to the last maps, then linear ones, then the dense layers.

    A dense layer is (weight, bias, batch norm or None, name of the activation or None).
    """

    channels: int
    size: tuple[int, int]
    features: list[Step] = field(default_factory=list)
    linear: list[Step] = field(default_factory=list)
    dense: list[tuple] = field(default_factory=list)
    ending: str = "logits"


def random_plan(seed: int) -> Plan:
    pick = random.Random(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        plan = Plan(pick.randint(1, 4), (pick.randint(9, 14), pick.randint(9, 14)))
        maps, steps = plan.channels, plan.features
        if pick.random() < 0.4:
            steps.append(("normalise", drawn(maps) * 0.5, drawn(maps, low=0.2, high=2)))
        nothing = torch.zeros(1, maps, *plan.size, dtype=DTYPE)
        for _ in range(pick.randint(1, 3)):
            if min(computed(steps, nothing).shape[2:]) < 6:
                break
            below, kind = maps, pick.choice(["plain", "plain", "cat", "sum", "before"])
            if kind == "cat":
                shares = [pick.randint(1, 4) for _ in range(pick.randint(2, 3))]
                branches = [branch_steps(pick, below, share) for share in shares]
                if pick.random() < 0.5:
                    branches, shares = [*branches, []], [*shares, below]
                steps.append(("cat", branches))
                maps = sum(shares)
            elif kind == "sum":
                maps = pick.choice([below, 6])
                other = [] if maps == below else [conv_step(pick, below, maps, same=True)]
                steps.append(("sum", [other, branch_steps(pick, below, maps)]))
            elif kind == "before":  # normalised and rectified before the convolution
                maps = 4
                steps += [norm_step(below), ("relu",), conv_step(pick, below, maps)]
            else:
                maps = pick.choice([4, 6])
                steps += [conv_step(pick, below, maps), *[norm_step(maps)] * pick.choice([0, 1])]
            if kind == "plain" or pick.random() < 0.5:
                steps += activation_steps(pick)
            steps += [pool_step(pick)] * (pick.random() < 0.3)
        steps += activation_steps(pick)
        if pick.random() < 0.3 and min(computed(steps, nothing).shape[2:]) > 2:
            steps.append(("max", (2, 2), (1, 1), (0, 0), False))
        plan.linear = pick.choice(
            [
                [],
                [("average", (2, 2), (2, 2), (0, 0), False)],
                [("whole",)],
                [conv_step(pick, maps, 5, same=True), ("whole",)],
            ]
        )
        at_end = computed(plan.features + plan.linear, nothing)
        units = at_end.numel()
        plan.ending = pick.choice(["logits", "logits", "log-soft-max", "soft-max", "sigmoid"])
        classes = 1 if plan.ending == "sigmoid" else pick.randint(2, 4)
        widths = [pick.randint(5, 8) for _ in range(pick.randint(0, 3))] + [classes]
        for k, width in enumerate(widths):
            last = k == len(widths) - 1
            weight = drawn(width, units) * (6 / units) ** 0.5
            norm = None if last or pick.random() < 0.5 else norm_step(width)
            name = None if last else pick.choice(["relu", "relu", "relu6", "softplus"])
            plan.dense.append((weight, pick.choice([None, drawn(width) * 0.3]), norm, name))
            units = width
    return plan


# ---------------------------------------------------------------------- from the definition


class Rectified(torch.autograd.Function):
    """An activation whose gradient is replaced by a rectifier: the deconvolution's way back."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, name: str) -> Tensor:
        return activated(name, x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return gradient.clamp(min=0), None


def activated(name: str, x: Tensor) -> Tensor:
    return {
        "relu": lambda: torch.where(x > 0, x, 0),
        "relu6": lambda: torch.where(x > 6, 6, torch.where(x > 0, x, 0)),
        "hardtanh": lambda: torch.where(x > 0.5, 0.5, torch.where(x > 0, x, 0)),
        "softplus": lambda: torch.where(x > 20, x, x.clamp(max=20).exp().log1p()),
        "sigmoid": lambda: 1 / (1 + (-x).exp()),
        "square": lambda: x * x,
    }[name]()


def convolved(x: Tensor, weight: Tensor, bias: Tensor | None, *options: Any) -> Tensor:
    """A sum over the kernel's places and the groups."""
    (down, right), (top, left), (apart, aside), groups = options
    maps, below, rows, columns = weight.shape
    padded = F.pad(x, (left, left, top, top))
    height = (padded.shape[2] - apart * (rows - 1) - 1) // down + 1
    width = (padded.shape[3] - aside * (columns - 1) - 1) // right + 1
    parts = []
    for group in range(groups):
        kernel = weight[group * maps // groups : (group + 1) * maps // groups]
        given, total = padded[:, group * below : (group + 1) * below], 0
        for i, j in itertools.product(range(rows), range(columns)):
            at_rows = slice(i * apart, i * apart + (height - 1) * down + 1, down)
            at_columns = slice(j * aside, j * aside + (width - 1) * right + 1, right)
            total = total + torch.einsum(
                "bchw,mc->bmhw", given[:, :, at_rows, at_columns], kernel[:, :, i, j]
            )
        parts.append(total)
    result = torch.cat(parts, dim=1)
    return result if bias is None else result + bias[:, None, None]


def pooled(kind: str, x: Tensor, *options: Any) -> Tensor:
    """Window by window; the first of equal maxima is the one that counts."""
    kernel, stride, padding, ceil = options
    ends = []
    for size, k, s, p in zip(x.shape[2:], kernel, stride, padding, strict=True):
        count = (math.ceil if ceil else math.floor)((size + 2 * p - k) / s) + 1
        if ceil and (count - 1) * s >= size + p:  # no window begins in the padding at the end
            count -= 1
        ends.append([(n * s - p, min(n * s - p + k, size + p)) for n in range(count)])
    rows = []
    for top, bottom in ends[0]:
        row = []
        for left, right in ends[1]:
            window = x[:, :, max(top, 0) : bottom, max(left, 0) : right].flatten(2)
            if kind == "average":  # padding counts, as torch's default has it
                row.append(window.sum(dim=2) / ((bottom - top) * (right - left)))
                continue
            most = window[..., 0]
            for n in range(1, window.shape[2]):
                most = torch.where(window[..., n] > most, window[..., n], most)
            row.append(most)
        rows.append(torch.stack(row, dim=2))
    return torch.stack(rows, dim=2)


def computed(steps: Sequence[Step], x: Tensor) -> Tensor:
    for kind, *what in steps:
        if kind == "conv":
            x = convolved(x, *what)
        elif kind == "norm":
            mean, variance, weight, bias, epsilon = what
            x = by_map(x, mean, (variance + epsilon) ** 0.5) * weight[:, None, None]
            x = x + bias[:, None, None]
        elif kind == "normalise":
            x = by_map(x, *what)
        elif kind in ("max", "average"):
            x = pooled(kind, x, *what)
        elif kind == "whole":
            x = x.sum(dim=(2, 3), keepdim=True) / x[0, 0].numel()
        elif kind == "cat":
            x = torch.cat([computed(branch, x) for branch in what[0]], dim=1)
        elif kind == "sum":
            x = sum(computed(branch, x) for branch in what[0])
        else:
            x = Rectified.apply(x, kind)
    return x


def by_map(x: Tensor, mean: Tensor, deviation: Tensor) -> Tensor:
    return (x - mean[:, None, None]) / deviation[:, None, None]


def effective(layer: tuple) -> tuple[Tensor, Tensor]:
    """Weight and bias of a dense layer with the batch norm after it."""
    weight, bias, norm, _ = layer
    bias = torch.zeros(len(weight), dtype=DTYPE) if bias is None else bias
    if norm is None:
        return weight, bias
    _, mean, variance, factor, shift, epsilon = norm
    factor = factor / (variance + epsilon) ** 0.5
    return weight * factor[:, None], (bias - mean) * factor + shift


def dense_weights(plan: Plan, maps: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Of each dense layer; the first one's from the last maps (C, h, w), one pixel at a time."""
    (weight, bias), *others = (effective(layer) for layer in plan.dense)
    one_pixel = torch.eye(maps.numel(), dtype=DTYPE).reshape(-1, *maps.shape)
    nothing = computed(plan.linear, torch.zeros_like(maps)[None]).flatten(1)
    each = computed(plan.linear, one_pixel).flatten(1) - nothing  # (pixels, units below)
    first = (each @ weight.T).T
    first = torch.where(first.abs() < 1e-13, 0, first)
    doubled = [(first, bias + (nothing @ weight.T)[0]), *others]
    if len(doubled[-1][1]) == 1:  # one output x: the logits are 0 and x
        weight, bias = doubled[-1]
        doubled[-1] = (torch.cat([0 * weight, weight]), torch.cat([0 * bias, bias]))
    return doubled


def dense_values(plan: Plan, maps: Tensor) -> list[Tensor]:
    """a_0, a_1 ... a_n and the logits of one image's last maps."""
    values = [maps.flatten()]
    for (weight, bias), (*_, name) in zip(dense_weights(plan, maps), plan.dense, strict=True):
        x = weight @ values[-1] + bias
        values.append(x if name is None else activated(name, x))
    return values


@torch.no_grad()
def traced(
    plan: Plan, maps: Tensor, target: int, cut: Cut | None
) -> tuple[list[set[int]], set[int]]:
    """Algorithm 1 with index sets for one image, and the pixels that rounding may decide."""
    *a, _ = dense_values(plan, maps)
    weights = [weight for weight, _ in dense_weights(plan, maps)]
    above, sets, close = {target}, [], set()
    for j in reversed(range(len(weights))):
        products = {r: [float(a[j][r] * weights[j][i, r]) for i in above] for r in range(len(a[j]))}
        threshold = 0.0
        if cut is not None and j == 0:
            pool = [p for each in products.values() for p in each if p > cut.floor]
            threshold = math.inf
            if pool:
                pool = torch.tensor(pool, dtype=DTYPE)
                threshold = float(pool.quantile(cut.percentile / 100))
            close = {r for r, each in products.items() for p in each if abs(p - threshold) < 1e-12}
        above = {r for r, each in products.items() if any(p > threshold for p in each)}
        sets.append(above)
    return sets, close


def brought_back(plan: Plan, images: Tensor, maps: Tensor | None = None) -> Tensor:
    """The deconvolution of maps: a gradient in which activations rectify."""
    images = images.clone().requires_grad_()
    last = computed(plan.features, images)
    (gradient,) = torch.autograd.grad(last, images, last.detach() if maps is None else maps)
    return gradient


# ---------------------------------------------------------------------- as modules


class Steps(nn.Module):
    """Some steps as modules or functions, in parts of parts, under any name."""

    def __init__(self, steps: Sequence[Step], pick: random.Random) -> None:
        super().__init__()
        self.functional = pick.random() < 0.3
        self.steps = [(kind, what) for kind, *what in steps]
        parts: list[nn.Module] = []
        for step in steps:
            if step[0] in ("cat", "sum"):
                parts.append(nn.ModuleList(Steps(branch, pick) for branch in step[1]))
            elif self.functional:
                parts.append(nn.ParameterList(v for v in step if isinstance(v, Tensor)))
            else:
                parts.append(as_module(step, pick))
        for name, part in zip("qwertyuiopasdfghjklzxcvbnm", parts, strict=False):
            self.add_module(name, part)

    def forward(self, x: Tensor) -> Tensor:
        for (kind, what), part in zip(self.steps, self.children(), strict=True):
            if kind == "cat":
                x = torch.cat([branch(x) for branch in part], dim=1)
            elif kind == "sum":
                first, *others = (branch(x) for branch in part)
                x = first.clone()
                for other in others:
                    x += other
            else:
                x = as_function(kind, what, list(part), x) if self.functional else part(x)
        return x


class Normalise(nn.Module):
    def __init__(self, mean: Tensor, deviation: Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", mean.reshape(1, -1, 1, 1))
        self.register_buffer("deviation", deviation.reshape(1, -1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return (x - self.mean) / self.deviation


class Square(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x**2


def as_module(step: Step, pick: random.Random) -> nn.Module:
    kind, *what = step
    if kind == "conv":
        weight, bias, stride, padding, dilation, groups = what
        below = weight.shape[1] * groups
        kernel = tuple(weight.shape[2:])
        options = (stride, padding, dilation, groups, bias is not None)
        layer: nn.Module = nn.Conv2d(below, len(weight), kernel, *options)
        state = {"weight": weight} | ({} if bias is None else {"bias": bias})
    elif kind == "norm":
        mean, variance, weight, bias, epsilon = what
        layer = nn.BatchNorm2d(len(mean), eps=epsilon)
        state = {"running_mean": mean, "running_var": variance, "weight": weight, "bias": bias}
    else:
        return {
            "normalise": lambda: Normalise(*what),
            "max": lambda: nn.MaxPool2d(*what[:3], ceil_mode=what[3]),
            "average": lambda: nn.AvgPool2d(*what),
            "whole": lambda: nn.AdaptiveAvgPool2d(1),
            "relu": lambda: nn.Sequential(nn.Identity(), nn.ReLU(inplace=pick.random() < 0.5)),
            "relu6": nn.ReLU6,
            "hardtanh": lambda: nn.Hardtanh(0, 0.5),
            "softplus": nn.Softplus,
            "sigmoid": nn.Sigmoid,
            "square": Square,
        }[kind]()
    layer.to(DTYPE).load_state_dict(state, strict=False)
    return layer


def as_function(kind: str, what: list, tensors: list[Tensor], x: Tensor) -> Tensor:
    if kind == "conv":
        bias = tensors[1] if len(tensors) > 1 else None
        return F.conv2d(x, tensors[0], bias, *what[2:])
    if kind == "norm":
        return F.batch_norm(x, *tensors, eps=what[-1])
    if kind == "normalise":
        return (x - tensors[0].view(-1, 1, 1)) * tensors[1].reciprocal().view(-1, 1, 1)
    return {
        "max": lambda: F.max_pool2d(x, *what[:3], ceil_mode=what[3]),
        "average": lambda: F.avg_pool2d(x, *what),
        "whole": lambda: x.mean(dim=(2, 3), keepdim=True),
        "relu": lambda: x.clamp(min=0),
        "relu6": lambda: F.relu6(x),
        "hardtanh": lambda: x.clamp(0, 0.5),
        "softplus": lambda: F.softplus(x),
        "sigmoid": lambda: torch.sigmoid(x),
        "square": lambda: x * x,
    }[kind]()


class RandomModel(nn.Module):
    """A plan as a model, whose parts are called anything but features and classifier."""

    def __init__(self, plan: Plan, seed: int) -> None:
        super().__init__()
        pick = random.Random(seed)
        self.ending = plan.ending
        self.body = nn.Sequential(Steps(plan.features, pick), Steps(plan.linear, pick))
        layers: list[nn.Module] = [nn.Flatten()]
        for weight, bias, norm, name in plan.dense:
            linear = nn.Linear(*reversed(weight.shape), bias=bias is not None)
            state = {"weight": weight} | ({} if bias is None else {"bias": bias})
            linear.to(DTYPE).load_state_dict(state)
            layers += [nn.Dropout(0.4), linear]
            if norm is not None:
                _, mean, variance, factor, shift, epsilon = norm
                after = nn.BatchNorm1d(len(mean), eps=epsilon).to(DTYPE)
                after.load_state_dict(
                    {
                        "running_mean": mean,
                        "running_var": variance,
                        "weight": factor,
                        "bias": shift,
                    },
                    strict=False,
                )
                layers.append(after)
            layers += [] if name is None else [as_module((name,), pick)]
        self.top = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        x = self.top(self.body(x))
        if self.ending == "log-soft-max":
            return F.log_softmax(x, dim=1)
        if self.ending == "soft-max":
            return x.softmax(dim=-1)
        return torch.sigmoid(x).squeeze(1) if self.ending == "sigmoid" else x
