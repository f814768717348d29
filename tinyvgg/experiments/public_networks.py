"""Public architectures built from torch alone with random weights, and functions to trace them.

The networks are those of torchvision, with its attribute names: AlexNet (Krizhevsky et al.
2012), VGG-16 (Simonyan and Zisserman 2014), SqueezeNet 1.1 (Iandola et al. 2016), ResNet-18 (He
et al. 2016) and GoogLeNet (Szegedy et al. 2015). `width` divides the number of maps.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from itertools import pairwise
from typing import Any

import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tinyvgg.adapted.network import AdaptedNetwork, as_network
from tinyvgg.backtracking import Cut, backtrack
from tinyvgg.deconv import deconvolve, record
from tinyvgg.tracking import suppress, track


class Classifies(nn.Module):
    """`features`, `avgpool` and `classifier`, as torchvision names them."""

    def __init__(self, features: nn.Module, size: int, classifier: nn.Module) -> None:
        super().__init__()
        self.features, self.classifier = features, classifier
        self.avgpool = nn.AdaptiveAvgPool2d((size, size))

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(torch.flatten(self.avgpool(self.features(x)), 1))


def alexnet(width: int = 1, classes: int = 1000) -> nn.Module:
    a, b, c, d, units = (n // width for n in (64, 192, 384, 256, 4096))
    features = nn.Sequential(
        *(nn.Conv2d(3, a, 11, stride=4, padding=2), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2)),
        *(nn.Conv2d(a, b, 5, padding=2), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2)),
        *(nn.Conv2d(b, c, 3, padding=1), nn.ReLU(inplace=True)),
        *(nn.Conv2d(c, d, 3, padding=1), nn.ReLU(inplace=True)),
        *(nn.Conv2d(d, d, 3, padding=1), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2)),
    )
    classifier = nn.Sequential(
        *(nn.Dropout(), nn.Linear(d * 36, units), nn.ReLU(inplace=True)),
        *(nn.Dropout(), nn.Linear(units, units), nn.ReLU(inplace=True)),
        nn.Linear(units, classes),
    )
    return Classifies(features, 6, classifier)


def vgg16(width: int = 1, classes: int = 1000, norm: bool = False) -> nn.Module:
    layers: list[nn.Module] = []
    below, units = 3, 4096 // width
    for maps, count in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
        for _ in range(count):
            layers.append(nn.Conv2d(below, maps // width, 3, padding=1))
            layers += [nn.BatchNorm2d(maps // width)] * norm + [nn.ReLU(inplace=True)]
            below = maps // width
        layers.append(nn.MaxPool2d(2, 2))
    classifier = nn.Sequential(
        *(nn.Linear(below * 49, units), nn.ReLU(True), nn.Dropout()),
        *(nn.Linear(units, units), nn.ReLU(True), nn.Dropout()),
        nn.Linear(units, classes),
    )
    return Classifies(nn.Sequential(*layers), 7, classifier)


class Fire(nn.Module):
    def __init__(self, below: int, squeezed: int, one: int, three: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(below, squeezed, 1)
        self.squeeze_activation = nn.ReLU(inplace=True)
        self.expand1x1 = nn.Conv2d(squeezed, one, 1)
        self.expand1x1_activation = nn.ReLU(inplace=True)
        self.expand3x3 = nn.Conv2d(squeezed, three, 3, padding=1)
        self.expand3x3_activation = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        x = self.squeeze_activation(self.squeeze(x))
        one = self.expand1x1_activation(self.expand1x1(x))
        return torch.cat([one, self.expand3x3_activation(self.expand3x3(x))], 1)


class SqueezeNet(nn.Module):
    """SqueezeNet 1.1: the classifier is a convolution, a ReLU and the global average."""

    def __init__(self, width: int = 1, classes: int = 1000) -> None:
        super().__init__()
        w = width
        pool = partial(nn.MaxPool2d, kernel_size=3, stride=2, ceil_mode=True)
        fires = [
            Fire(below // w, squeezed // w, expanded // w, expanded // w)
            for below, squeezed, expanded in (
                *((64, 16, 64), (128, 16, 64), (128, 32, 128), (256, 32, 128)),
                *((256, 48, 192), (384, 48, 192), (384, 64, 256), (512, 64, 256)),
            )
        ]
        self.features = nn.Sequential(
            *(nn.Conv2d(3, 64 // w, 3, stride=2), nn.ReLU(inplace=True), pool()),
            *(*fires[:2], pool(), *fires[2:4], pool(), *fires[4:]),
        )
        self.classifier = nn.Sequential(
            *(nn.Dropout(), nn.Conv2d(512 // w, classes, 1)),
            *(nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d((1, 1))),
        )

    def forward(self, x: Tensor) -> Tensor:
        return torch.flatten(self.classifier(self.features(x)), 1)


class BasicBlock(nn.Module):
    def __init__(self, below: int, maps: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(below, maps, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(maps)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(maps, maps, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(maps)
        self.downsample = None
        if stride != 1 or below != maps:
            self.downsample = nn.Sequential(
                nn.Conv2d(below, maps, 1, stride, bias=False), nn.BatchNorm2d(maps)
            )

    def forward(self, x: Tensor) -> Tensor:
        identity = x
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        if self.downsample is not None:
            identity = self.downsample(x)
        out += identity
        return self.relu(out)


class ResNet18(nn.Module):
    def __init__(self, width: int = 1, classes: int = 1000) -> None:
        super().__init__()
        maps = [n // width for n in (64, 64, 128, 256, 512)]
        self.conv1 = nn.Conv2d(3, maps[0], 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(maps[0])
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        self.layer1, self.layer2, self.layer3, self.layer4 = (
            nn.Sequential(BasicBlock(below, here, 1 + (k > 0)), BasicBlock(here, here))
            for k, (below, here) in enumerate(pairwise(maps))
        )
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(maps[-1], classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(torch.flatten(self.avgpool(x), 1))


class BasicConv2d(nn.Module):
    def __init__(self, below: int, maps: int, **options: Any) -> None:
        super().__init__()
        self.conv = nn.Conv2d(below, maps, bias=False, **options)
        self.bn = nn.BatchNorm2d(maps, eps=0.001)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(x)), inplace=True)


class Inception(nn.Module):
    def __init__(self, below: int, one: int, *others: int) -> None:
        super().__init__()
        three_before, three, five_before, five, pool = others
        self.branch1 = BasicConv2d(below, one, kernel_size=1)
        self.branch2 = nn.Sequential(
            BasicConv2d(below, three_before, kernel_size=1),
            BasicConv2d(three_before, three, kernel_size=3, padding=1),
        )
        self.branch3 = nn.Sequential(
            BasicConv2d(below, five_before, kernel_size=1),
            BasicConv2d(five_before, five, kernel_size=3, padding=1),
        )
        self.branch4 = nn.Sequential(
            nn.MaxPool2d(3, stride=1, padding=1, ceil_mode=True),
            BasicConv2d(below, pool, kernel_size=1),
        )

    def forward(self, x: Tensor) -> Tensor:
        parts = [self.branch1(x), self.branch2(x), self.branch3(x), self.branch4(x)]
        return torch.cat(parts, 1)


class GoogLeNet(nn.Module):
    """Without the auxiliary heads, which are not used after training."""

    INCEPTIONS = (
        (192, 64, 96, 128, 16, 32, 32),
        (256, 128, 128, 192, 32, 96, 64),
        (480, 192, 96, 208, 16, 48, 64),
        (512, 160, 112, 224, 24, 64, 64),
        (512, 128, 128, 256, 24, 64, 64),
        (512, 112, 144, 288, 32, 64, 64),
        (528, 256, 160, 320, 32, 128, 128),
        (832, 256, 160, 320, 32, 128, 128),
        (832, 384, 192, 384, 48, 128, 128),
    )

    def __init__(self, width: int = 1, classes: int = 1000, transform_input: bool = False) -> None:
        super().__init__()
        self.transform_input = transform_input
        a, b = 64 // width, 192 // width
        self.conv1 = BasicConv2d(3, a, kernel_size=7, stride=2, padding=3)
        self.maxpool1 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.conv2 = BasicConv2d(a, a, kernel_size=1)
        self.conv3 = BasicConv2d(a, b, kernel_size=3, padding=1)
        self.maxpool2 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        made = [Inception(*(n // width for n in each)) for each in self.INCEPTIONS]
        self.inception3 = nn.Sequential(*made[:2])
        self.maxpool3 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.inception4 = nn.Sequential(*made[2:7])
        self.maxpool4 = nn.MaxPool2d(2, stride=2, ceil_mode=True)
        self.inception5 = nn.Sequential(*made[7:])
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.dropout = nn.Dropout(0.2)
        self.fc = nn.Linear(1024 // width, classes)

    def _transform_input(self, x: Tensor) -> Tensor:
        if not self.transform_input:
            return x
        red = torch.unsqueeze(x[:, 0], 1) * (0.229 / 0.5) + (0.485 - 0.5) / 0.5
        green = torch.unsqueeze(x[:, 1], 1) * (0.224 / 0.5) + (0.456 - 0.5) / 0.5
        blue = torch.unsqueeze(x[:, 2], 1) * (0.225 / 0.5) + (0.406 - 0.5) / 0.5
        return torch.cat((red, green, blue), 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.maxpool1(self.conv1(self._transform_input(x)))
        x = self.maxpool2(self.conv3(self.conv2(x)))
        x = self.maxpool3(self.inception3(x))
        x = self.maxpool4(self.inception4(x))
        x = torch.flatten(self.avgpool(self.inception5(x)), 1)
        return self.fc(self.dropout(x))


# ---------------------------------------------------------------------- what traces them

PUBLIC: Mapping[str, tuple[Callable[..., nn.Module], int]] = {  # and the side of small images
    "AlexNet": (alexnet, 67),
    "VGG-16": (vgg16, 32),
    "VGG-16 with batch norm": (partial(vgg16, norm=True), 32),
    "SqueezeNet 1.1": (SqueezeNet, 64),
    "ResNet-18": (ResNet18, 64),
    "GoogLeNet": (partial(GoogLeNet, transform_input=True), 64),
}


def _trace(network: AdaptedNetwork, images: Tensor, cut: Cut | None = None) -> Tensor:
    return backtrack(network, images, cut=cut).pixels


def _suppress(network: AdaptedNetwork, images: Tensor) -> Tensor:
    recording = record(network.features, images)
    return suppress(network, recording.maps, recording.maps > 0)


FUNCTIONS: Mapping[str, Callable[[AdaptedNetwork, Tensor], object]] = {
    "backtrack, as printed": _trace,
    "backtrack, as released": partial(_trace, cut=Cut()),
    "deconvolve": lambda network, images: deconvolve(
        network.features, record(network.features, images)
    ),
    "suppress": _suppress,
    "track": lambda network, images: track(network, images, _trace(network, images)),
}


def try_functions(width: int = 16, classes: int = 10, seed: int = 0) -> pd.DataFrame:
    """Try each of `FUNCTIONS` on each of `PUBLIC` through `as_network`.

    Returns
    -------
    DataFrame
        One row per network and one column per function: empty where it works, else the reason.
    """
    found: dict[str, dict[str, str]] = {}
    for name, (make, size) in PUBLIC.items():
        with torch.random.fork_rng([]):
            torch.manual_seed(seed)
            model, images = make(width, classes).eval(), torch.rand(2, 3, size, size)
        network = as_network(model, images)
        found[name] = {
            what: _reason(function, network, images) for what, function in FUNCTIONS.items()
        }
    return pd.DataFrame.from_dict(found, orient="index")


def _reason(function: Callable, network: AdaptedNetwork, images: Tensor) -> str:
    try:
        function(network, images)
    except (TypeError, ValueError) as refused:
        return str(refused)
    return ""
