"""Random networks that the tests share."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from tinyvgg.model import TinyVGG


def random_tiny(
    seed: int,
    dense: tuple[int, ...] = (24, 16, 12),
    image_size: int = 16,
    width: int = 6,
    num_classes: int = 5,
    dtype: torch.dtype = torch.float64,
) -> TinyVGG:
    """A small Tiny VGG whose biases are random too."""
    generator = torch.Generator().manual_seed(seed)
    net = TinyVGG(num_classes, image_size, width, dense).reset(generator)
    return randomise_biases(net, generator).to(dtype)


def randomise_biases(net: nn.Module, generator: torch.Generator) -> nn.Module:
    with torch.no_grad():
        for layer in net.modules():
            if isinstance(layer, nn.Conv2d | nn.Linear) and layer.bias is not None:
                layer.bias.uniform_(-0.1, 0.1, generator=generator)
    return net


def random_images(
    seed: int, batch: int = 3, image_size: int = 16, dtype: torch.dtype = torch.float64
) -> Tensor:
    generator = torch.Generator().manual_seed(1000 + seed)
    return torch.rand(batch, 3, image_size, image_size, generator=generator, dtype=dtype)


class SmallAlexNet(nn.Module):
    """torchvision's AlexNet with fewer maps and units, for images of 131 x 131."""

    image_size = 131

    def __init__(self, num_classes: int = 7) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 8, kernel_size=11, stride=4, padding=2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(kernel_size=3, stride=2),
            nn.Conv2d(8, 12, kernel_size=5, padding=2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(kernel_size=3, stride=2),
            nn.Conv2d(12, 16, kernel_size=3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(16, 12, kernel_size=3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(12, 12, kernel_size=3, padding=1),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(kernel_size=3, stride=2),
        )
        self.avgpool = nn.AdaptiveAvgPool2d((3, 3))
        self.classifier = nn.Sequential(
            nn.Dropout(p=0.5),
            nn.Linear(12 * 3 * 3, 40),
            nn.ReLU(inplace=True),
            nn.Dropout(p=0.5),
            nn.Linear(40, 30),
            nn.ReLU(inplace=True),
            nn.Linear(30, num_classes),
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.avgpool(self.features(x))
        return self.classifier(torch.flatten(x, 1))


class SmallVGG(nn.Module):
    """torchvision's VGG with fewer blocks, maps and units, for images of 28 x 28."""

    image_size = 28

    def __init__(self, num_classes: int = 7) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for before, after in ((3, 6), (6, 8)):
            layers += [nn.Conv2d(before, after, kernel_size=3, padding=1), nn.ReLU(inplace=True)]
            layers += [nn.MaxPool2d(kernel_size=2, stride=2)]
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d((7, 7))
        self.classifier = nn.Sequential(
            nn.Linear(8 * 7 * 7, 20),
            nn.ReLU(True),
            nn.Dropout(),
            nn.Linear(20, 20),
            nn.ReLU(True),
            nn.Dropout(),
            nn.Linear(20, num_classes),
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.avgpool(self.features(x))
        return self.classifier(torch.flatten(x, 1))


FOREIGN = (SmallAlexNet, SmallVGG)  # networks of another house


def random_foreign(kind: type, seed: int, dtype: torch.dtype = torch.float64) -> nn.Module:
    """A SmallAlexNet or a SmallVGG with random weights, in training mode as it is born."""
    generator = torch.Generator().manual_seed(seed)
    net = kind()
    with torch.no_grad():
        for parameter in net.parameters():
            bound = 0.1 if parameter.ndim == 1 else (6 / parameter[0].numel()) ** 0.5
            parameter.uniform_(-bound, bound, generator=generator)
    return net.to(dtype)


def snapshot(net: nn.Module, *tensors: Tensor) -> dict:
    """All that a call could change in a network, and copies of the tensors it was given."""
    return {
        "state": copy.deepcopy(net.state_dict()),
        "training": {name: module.training for name, module in net.named_modules()},
        "hooks": {
            name: [
                len(hooks)
                for attribute, hooks in sorted(vars(module).items())
                if attribute.endswith("hooks")
            ]
            for name, module in net.named_modules()
        },
        "attributes": {name: sorted(vars(module)) for name, module in net.named_modules()},
        "grads": [parameter.grad for parameter in net.parameters()],
        "requires_grad": [parameter.requires_grad for parameter in net.parameters()],
        "tensors": [tensor.clone() for tensor in tensors],
    }


def assert_unchanged(before: dict, net: nn.Module, *tensors: Tensor) -> None:
    after = snapshot(net, *tensors)
    assert before["state"].keys() == after["state"].keys()
    for name, value in before["state"].items():
        assert torch.equal(value, after["state"][name]), f"{name} changed"
    for key in ("training", "hooks", "attributes", "requires_grad"):
        assert before[key] == after[key], f"{key} changed"
    assert after["grads"] == before["grads"] == [None] * len(before["grads"])
    for was, now in zip(before["tensors"], after["tensors"], strict=True):
        assert torch.equal(was, now), "a tensor that was passed in changed"
