"""Public architectures and their building blocks, built from torch alone, with random weights."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrizations, prune, spectral_norm, weight_norm

from tinyvgg.experiments.public_networks import (
    BasicConv2d,
    GoogLeNet,
    ResNet18,
    SqueezeNet,
    alexnet,
    vgg16,
)

# ---------------------------------------------------------------------- building blocks


def conv(below: int, maps: int, kernel: int = 3, **options: int) -> nn.Conv2d:
    return nn.Conv2d(below, maps, kernel, padding=kernel // 2, **options)


def conv_bn(below: int, maps: int, kernel: int = 3, **options: int) -> nn.Sequential:
    return nn.Sequential(conv(below, maps, kernel, bias=False, **options), nn.BatchNorm2d(maps))


def head(maps: int = 8) -> nn.Sequential:
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(maps, 5))


def net(*layers: nn.Module, maps: int = 8) -> nn.Sequential:
    """A stem, layers from 8 maps to `maps`, and the global average with a linear layer."""
    return nn.Sequential(conv(3, 8), nn.ReLU(), *layers, head(maps))


class Branches(nn.Module):
    """What several branches make of the same maps, joined by a function."""

    def __init__(self, join: Callable[..., Tensor], *branches: nn.Module) -> None:
        super().__init__()
        self.join, self.branches = join, nn.ModuleList(branches)

    def forward(self, x: Tensor) -> Tensor:
        return self.join(*(branch(x) for branch in self.branches))


class Function(nn.Module):
    """A function of the maps."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


def joined(*parts: Tensor) -> Tensor:
    return torch.cat(parts, dim=1)


def added(*parts: Tensor) -> Tensor:
    return sum(parts[1:], parts[0])


def product(x: Tensor, gate: Tensor) -> Tensor:
    return x * gate


def residual(*layers: nn.Module) -> nn.Module:
    return Branches(added, nn.Identity(), nn.Sequential(*layers))


def lenet(activation: type[nn.Module], pool: type[nn.Module]) -> nn.Module:
    features = [nn.Conv2d(1, 6, 5), activation(), pool(2), nn.Conv2d(6, 16, 5), activation()]
    dense = [nn.Linear(400, 120), activation(), nn.Linear(120, 84), activation()]
    return nn.Sequential(*features, pool(2), nn.Flatten(), *dense, nn.Linear(84, 10))


def network_in_network() -> nn.Module:
    def block(below: int, maps: int, kernel: int) -> list[nn.Module]:
        return [
            *(conv(below, maps, kernel), nn.ReLU(), conv(maps, maps, 1), nn.ReLU()),
            *(conv(maps, maps, 1), nn.ReLU()),
        ]

    return nn.Sequential(
        *(*block(3, 8, 5), nn.MaxPool2d(3, 2, ceil_mode=True), nn.Dropout()),
        *(*block(8, 5, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten()),
    )


def all_convolutional() -> nn.Module:
    return nn.Sequential(
        *(nn.Dropout(0.2), conv(3, 8), nn.ReLU(), conv(8, 8, stride=2), nn.ReLU(), nn.Dropout()),
        *(conv(8, 8), nn.ReLU(), conv(8, 8, 1), nn.ReLU(), conv(8, 5, 1), nn.ReLU()),
        *(nn.AvgPool2d(8), nn.Flatten(), nn.LogSoftmax(dim=1)),
    )


def dense_layer(below: int, growth: int = 4) -> nn.Module:
    """DenseNet's, normalised and rectified before each convolution."""
    layers = [nn.BatchNorm2d(below), nn.ReLU(), conv(below, 2 * growth, 1, bias=False)]
    layers += [nn.BatchNorm2d(2 * growth), nn.ReLU(), conv(2 * growth, growth, bias=False)]
    return Branches(joined, nn.Identity(), nn.Sequential(*layers))


def densenet() -> nn.Module:
    transition = [nn.BatchNorm2d(16), nn.ReLU(), conv(16, 8, 1, bias=False), nn.AvgPool2d(2)]
    last = [dense_layer(8), nn.BatchNorm2d(12), nn.ReLU(inplace=True)]
    return net(dense_layer(8), dense_layer(12), *transition, *last, maps=12)


def inception_a() -> nn.Module:
    def unit(*arguments: int, **options: int) -> nn.Module:
        return BasicConv2d(*arguments, **options)

    return Branches(
        joined,
        unit(8, 4, kernel_size=1),
        nn.Sequential(unit(8, 4, kernel_size=1), unit(4, 4, kernel_size=5, padding=2)),
        nn.Sequential(nn.AvgPool2d(3, stride=1, padding=1), unit(8, 4, kernel_size=1)),
    )


def inception_b() -> nn.Module:
    wide = nn.Conv2d(8, 6, (1, 7), padding=(0, 3))
    high = nn.Conv2d(6, 6, (7, 1), padding=(3, 0))
    return Branches(
        joined,
        nn.Sequential(wide, nn.ReLU(), high, nn.BatchNorm2d(6), nn.ReLU()),
        BasicConv2d(8, 4, kernel_size=3, stride=1, padding=1),
        nn.MaxPool2d(3, stride=1, padding=1),
    )


def separable(below: int, maps: int, activation: type[nn.Module] = nn.ReLU) -> list[nn.Module]:
    depth = [conv_bn(below, below, groups=below), activation()]
    return [*depth, conv_bn(below, maps, 1), activation()]


def inverted(activation: type[nn.Module], *inside: nn.Module) -> nn.Module:
    """MobileNetV2's residual: its bottleneck is linear."""
    depth = [conv_bn(8, 16, 1), activation(), conv_bn(16, 16, groups=16), activation()]
    return residual(*depth, *inside, conv_bn(16, 8, 1))


def squeeze_excitation(maps: int = 8) -> nn.Module:
    gate = [nn.AdaptiveAvgPool2d(1), conv(maps, 4, 1), nn.ReLU(), conv(4, maps, 1), nn.Sigmoid()]
    return Branches(product, nn.Identity(), nn.Sequential(*gate))


def shuffled(x: Tensor) -> Tensor:
    batch, maps, rows, columns = x.shape
    x = x.view(batch, 2, maps // 2, rows, columns).transpose(1, 2).contiguous()
    return x.view(batch, maps, rows, columns)


class ShuffleUnit(nn.Module):
    """ShuffleNetV2's: half of the maps pass, the rest is computed, and both are interleaved."""

    def __init__(self) -> None:
        super().__init__()
        self.branch = nn.Sequential(
            *(conv_bn(4, 4, 1), nn.ReLU(), conv_bn(4, 4, groups=4), conv_bn(4, 4, 1), nn.ReLU())
        )

    def forward(self, x: Tensor) -> Tensor:
        one, other = x.chunk(2, dim=1)
        return shuffled(torch.cat((one, self.branch(other)), dim=1))


class OptionA(nn.Module):
    """The CIFAR ResNet's block with a shortcut of no weights: every second pixel, padded maps."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = conv_bn(8, 16, stride=2), conv_bn(16, 16)

    def forward(self, x: Tensor) -> Tensor:
        out = self.conv2(F.relu(self.conv1(x)))
        return F.relu(out + F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 4, 4), "constant", 0))


def pre_activation(*inside: nn.Module) -> nn.Module:
    layers = [nn.BatchNorm2d(8), nn.ReLU(), conv(8, 8), *inside]
    return residual(*layers, nn.BatchNorm2d(8), nn.ReLU(), conv(8, 8))


def bottleneck(groups: int = 1, *inside: nn.Module) -> nn.Module:
    layers = [conv_bn(8, 12, 1), nn.ReLU(), conv_bn(12, 12, groups=groups), nn.ReLU(), *inside]
    return residual(*layers, conv_bn(12, 8, 1))


def repvgg() -> nn.Module:
    return Branches(added, conv_bn(8, 8), conv_bn(8, 8, 1), nn.BatchNorm2d(8))


def resnet_d() -> nn.Module:
    shortcut = nn.Sequential(nn.AvgPool2d(2, ceil_mode=True), conv_bn(8, 8, 1))
    body = nn.Sequential(conv_bn(8, 8, stride=2), nn.ReLU(), conv_bn(8, 8))
    return Branches(added, shortcut, body)


class Cornet(nn.Module):
    """CORnet's recurrent block: the same convolution several times, each with its own norm."""

    def __init__(self, times: int = 3) -> None:
        super().__init__()
        self.conv = conv(8, 8, bias=False)
        self.norms = nn.ModuleList(nn.BatchNorm2d(8) for _ in range(times))

    def forward(self, x: Tensor) -> Tensor:
        for norm in self.norms:
            x = F.relu(norm(self.conv(x)) + x)
        return x


class StandardisedConv2d(nn.Conv2d):
    def forward(self, x: Tensor) -> Tensor:
        mean = self.weight.mean(dim=(1, 2, 3), keepdim=True)
        spread = self.weight.std(dim=(1, 2, 3), keepdim=True)
        return self._conv_forward(x, (self.weight - mean) / (spread + 1e-5), self.bias)


class EqualisedConv2d(nn.Conv2d):
    """StyleGAN's discriminator's: the weight is scaled as it is used."""

    def forward(self, x: Tensor) -> Tensor:
        return self._conv_forward(x, self.weight * (2 / self.weight[0].numel()) ** 0.5, self.bias)


def minibatch_deviation(x: Tensor) -> Tensor:
    deviation = (x - x.mean(dim=0)).square().mean(dim=0).add(1e-8).sqrt().mean()
    return torch.cat([x, deviation.expand(len(x), 1, *x.shape[2:])], dim=1)


def pruned() -> nn.Module:
    model = net(conv(8, 8), nn.ReLU())
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            prune.random_unstructured(layer, "weight", amount=0.4)
    return model


def discriminator() -> nn.Module:
    features = [spectral_norm(nn.Conv2d(3, 8, 4, stride=2, padding=1)), nn.ReLU()]
    features += [parametrizations.spectral_norm(nn.Conv2d(8, 8, 4, stride=2, padding=1)), nn.ReLU()]
    return nn.Sequential(*features, nn.Flatten(), nn.Linear(512, 1), nn.Sigmoid())


class UNetEncoder(nn.Module):
    """Down, a classifier at the bottom; or up again with skips, and a classifier there."""

    def __init__(self, up: Callable[..., nn.Module] | None = None) -> None:
        super().__init__()
        self.down = nn.Sequential(conv(3, 8), nn.ReLU(), conv(8, 8), nn.ReLU())
        self.bottom = nn.Sequential(nn.MaxPool2d(2), conv(8, 16), nn.ReLU())
        self.up = None if up is None else up()
        self.head = head(16 if up is None else 24)

    def forward(self, x: Tensor) -> Tensor:
        skip = self.down(x)
        x = self.bottom(skip)
        return self.head(x if self.up is None else torch.cat([skip, self.up(x)], dim=1))


class Patches(nn.Module):
    """A small vision transformer."""

    def __init__(self) -> None:
        super().__init__()
        self.patch = nn.Conv2d(3, 8, 4, stride=4)
        self.token = nn.Parameter(torch.zeros(1, 1, 8))
        self.layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        self.norm, self.head = nn.LayerNorm(8), nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patch(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(len(x), -1, -1), x], dim=1)
        return self.head(self.norm(self.layer(x))[:, 0])


class NonLocal(nn.Module):
    """Attention between the pixels of convolutional maps."""

    def __init__(self) -> None:
        super().__init__()
        self.query, self.key, self.value = (conv(8, 8, 1) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = (f(x).flatten(2) for f in (self.query, self.key, self.value))
        attention = (query.transpose(1, 2) @ key).softmax(dim=-1)
        return x + (value @ attention.transpose(1, 2)).reshape(x.shape)


class Capsules(nn.Module):
    """The primary capsules of a capsule network and the lengths of what they vote for."""

    def __init__(self) -> None:
        super().__init__()
        self.primary = nn.Conv2d(8, 16, 5, stride=2)
        self.votes = nn.Parameter(torch.randn(5, 8, 4))

    def forward(self, x: Tensor) -> Tensor:
        x = self.primary(x).flatten(2).view(len(x), 2, 8, -1).sum(dim=(1, 3))
        length = x.norm(dim=1, keepdim=True)
        x = x * length / (1 + length**2)
        return torch.einsum("bi,kij->bkj", x, self.votes).norm(dim=-1)


class Mixed(nn.Module):
    """MixConv: groups of maps with kernels of different sizes."""

    def __init__(self) -> None:
        super().__init__()
        self.parts = nn.ModuleList(conv(4, 4, kernel, groups=4) for kernel in (3, 5))

    def forward(self, x: Tensor) -> Tensor:
        split = torch.split(x, [4, 4], dim=1)
        return torch.cat([f(part) for f, part in zip(self.parts, split, strict=True)], dim=1)


class Deep(nn.Module):
    """Heads at two depths, whose logits are added up."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Sequential(conv(3, 8), nn.ReLU())
        self.second = nn.Sequential(conv(8, 8), nn.ReLU())
        self.heads = nn.ModuleList([head(), head()])

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        return self.heads[0](x) + self.heads[1](self.second(x))


class Blurred(nn.Module):
    """Anti-aliased pooling: the largest of overlapping windows, blurred by a fixed kernel."""

    def __init__(self) -> None:
        super().__init__()
        kernel = torch.tensor([1.0, 2.0, 1.0])
        self.register_buffer("kernel", (kernel[:, None] * kernel / 16).expand(8, 1, 3, 3).clone())

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(x, 2, stride=1)
        return F.conv2d(F.pad(x, (1, 1, 1, 1)), self.kernel, stride=2, groups=8)


class Architecture(NamedTuple):
    """A model, the images that it takes, (C, H, W), and in which words it is refused, if it is."""

    make: Callable[[], nn.Module]
    shape: Sequence[int] = (3, 16, 16)
    refused: str | None = None


def relu(x: Tensor) -> Tensor:
    return F.relu(x)


NEGATIVE = "negative values"
GATE = "depend on the picture"
NORM = "own mean and variance"

# fmt: off
ARCHITECTURES: dict[str, Architecture] = {
    "AlexNet": Architecture(partial(alexnet, 16, 5), (3, 224, 224)),
    "VGG-16": Architecture(partial(vgg16, 16, 5), (3, 224, 224)),
    "VGG-16, batch norm": Architecture(partial(vgg16, 16, 5, norm=True), (3, 224, 224)),
    "SqueezeNet 1.1": Architecture(partial(SqueezeNet, 8, 5), (3, 64, 64)),
    "ResNet-18": Architecture(partial(ResNet18, 8, 5), (3, 64, 64)),
    "GoogLeNet": Architecture(partial(GoogLeNet, 8, 5), (3, 64, 64)),
    "GoogLeNet, transform_input": Architecture(
        partial(GoogLeNet, 8, 5, transform_input=True), (3, 64, 64)),
    "LeNet-5, tanh": Architecture(
        partial(lenet, nn.Tanh, nn.AvgPool2d), (1, 32, 32), NEGATIVE),
    "LeNet, sigmoid": Architecture(partial(lenet, nn.Sigmoid, nn.AvgPool2d), (1, 32, 32)),
    "LeNet, ReLU": Architecture(partial(lenet, nn.ReLU, nn.MaxPool2d), (1, 32, 32)),
    "Network in network": Architecture(network_in_network),
    "All-convolutional net": Architecture(all_convolutional),
    "DenseNet": Architecture(densenet),
    "Inception A": Architecture(lambda: net(inception_a(), maps=12)),
    "Inception B": Architecture(lambda: net(inception_b(), maps=18)),
    "Xception's separable convolution": Architecture(
        lambda: net(residual(*separable(8, 8)), nn.ReLU())),
    "MobileNetV1": Architecture(lambda: net(*separable(8, 12), maps=12)),
    "MobileNetV2": Architecture(
        lambda: net(inverted(nn.ReLU6), conv_bn(8, 12, 1), nn.ReLU6(), maps=12)),
    "MobileNetV3": Architecture(
        lambda: net(inverted(nn.Hardswish, squeeze_excitation(16)), nn.ReLU()),
        refused=f"Hardswish.*{NEGATIVE}"),
    "MnasNet": Architecture(lambda: net(inverted(nn.ReLU), conv_bn(8, 8, 1), nn.ReLU())),
    "EfficientNet": Architecture(
        lambda: net(inverted(nn.SiLU), nn.ReLU()), refused=f"SiLU.*{NEGATIVE}"),
    "ShuffleNetV2": Architecture(lambda: net(ShuffleUnit())),
    "ResNet, option A (CIFAR)": Architecture(lambda: net(OptionA(), maps=16)),
    "ResNet, pre-activation": Architecture(
        lambda: net(pre_activation(), nn.BatchNorm2d(8), nn.ReLU())),
    "WideResNet": Architecture(
        lambda: net(pre_activation(nn.Dropout(0.3)), nn.BatchNorm2d(8), nn.ReLU())),
    "ResNet-D": Architecture(lambda: net(resnet_d(), nn.ReLU())),
    "ResNeXt": Architecture(lambda: net(bottleneck(4), nn.ReLU())),
    "RegNetX": Architecture(lambda: net(bottleneck(3), nn.ReLU(inplace=True))),
    "RegNetY": Architecture(
        lambda: net(bottleneck(3, squeeze_excitation(12)), nn.ReLU()), refused=GATE),
    "RepVGG": Architecture(lambda: net(repvgg(), nn.ReLU())),
    "Res2Net, MixConv": Architecture(lambda: net(Mixed(), nn.ReLU())),
    "BlurPool": Architecture(lambda: net(Blurred(), conv(8, 8), nn.ReLU())),
    "CORnet": Architecture(lambda: net(Cornet())),
    "U-Net, encoder": Architecture(UNetEncoder),
    "U-Net, upsampled": Architecture(
        partial(UNetEncoder, lambda: nn.Upsample(scale_factor=2)), refused="enlarges"),
    "U-Net, transposed convolution": Architecture(
        partial(UNetEncoder, lambda: nn.ConvTranspose2d(16, 16, 2, stride=2)),
        refused="transposed"),
    "Squeeze and excitation": Architecture(
        lambda: net(conv(8, 8), nn.ReLU(), squeeze_excitation()), refused=GATE),
    "CBAM": Architecture(
        lambda: net(
            squeeze_excitation(),
            Branches(product, nn.Identity(), nn.Sequential(
                Function(lambda x: torch.cat([x.mean(1, True), x.amax(1, True)], 1)),
                conv(2, 1, 7), nn.Sigmoid()))),
        refused=GATE),
    "Highway network": Architecture(
        lambda: net(Branches(
            lambda x, h, t: h * t + x * (1 - t), nn.Identity(),
            nn.Sequential(conv(8, 8), nn.ReLU()), nn.Sequential(conv(8, 8), nn.Sigmoid()))),
        refused=GATE),
    "Gated linear unit": Architecture(
        lambda: net(conv(8, 16), nn.GLU(dim=1)), refused=GATE),
    "Non-local network": Architecture(lambda: net(NonLocal(), nn.ReLU()), refused=GATE),
    "Vision transformer": Architecture(Patches, refused="patch|layer"),
    "ConvNeXt": Architecture(
        lambda: net(residual(
            conv(8, 8, 7, groups=8), Function(lambda x: x.permute(0, 2, 3, 1)), nn.LayerNorm(8),
            nn.Linear(8, 32), nn.GELU(), nn.Linear(32, 8),
            Function(lambda x: x.permute(0, 3, 1, 2))), nn.ReLU()),
        refused="LayerNorm|permute"),
    "Darknet, leaky": Architecture(
        lambda: net(conv_bn(8, 8), nn.LeakyReLU(0.1), nn.MaxPool2d(2)),
        refused=f"LeakyReLU.*{NEGATIVE}"),
    "YOLOv4's Mish": Architecture(lambda: net(conv(8, 8), nn.Mish()), refused="Mish"),
    "Big Transfer (weight standardisation, group norm)": Architecture(
        lambda: net(StandardisedConv2d(8, 8, 3), nn.GroupNorm(2, 8), nn.ReLU()), refused=NORM),
    "Weight standardisation, batch norm": Architecture(
        lambda: net(StandardisedConv2d(8, 8, 3), nn.BatchNorm2d(8), nn.ReLU())),
    "Instance norm": Architecture(
        lambda: net(conv(8, 8), nn.InstanceNorm2d(8), nn.ReLU()), refused=NORM),
    "Local response norm": Architecture(
        lambda: net(nn.LocalResponseNorm(3), conv(8, 8), nn.ReLU()),
        refused="neighbouring maps"),
    "Spectral norm discriminator": Architecture(discriminator, (3, 32, 32)),
    "StyleGAN's discriminator": Architecture(
        lambda: net(EqualisedConv2d(8, 8, 3), nn.LeakyReLU(0.2), Function(minibatch_deviation),
                    maps=9),
        refused=NEGATIVE),
    "StyleGAN's equalised convolution": Architecture(
        lambda: net(EqualisedConv2d(8, 8, 3), nn.ReLU())),
    "Minibatch deviation": Architecture(
        lambda: net(Function(minibatch_deviation), maps=9), refused="Function"),
    "Weight norm": Architecture(
        lambda: net(weight_norm(conv(8, 8)), nn.ReLU(),
                    parametrizations.weight_norm(conv(8, 8)), nn.ReLU())),
    "Pruned": Architecture(pruned),
    "Squared ReLU": Architecture(
        lambda: net(conv(8, 8), nn.ReLU(), Function(torch.square), conv(8, 8), nn.ReLU())),
    "Softplus": Architecture(lambda: net(conv(8, 8), nn.Softplus(), nn.MaxPool2d(2))),
    "Maxout": Architecture(
        lambda: net(Branches(torch.maximum, conv(8, 8), conv(8, 8))), refused="maximum"),
    "PReLU": Architecture(lambda: net(conv(8, 8), nn.PReLU()), refused=f"PReLU.*{NEGATIVE}"),
    "SELU": Architecture(lambda: net(conv(8, 8), nn.SELU()), refused=f"SELU.*{NEGATIVE}"),
    "Concatenated ReLU": Architecture(
        lambda: net(conv(8, 8), Function(lambda x: torch.cat([F.relu(x), F.relu(-x)], 1)),
                    maps=16)),
    "Capsules": Architecture(
        lambda: nn.Sequential(conv(3, 8), nn.ReLU(), Capsules()), refused="Capsules"),
    "Stochastic depth": Architecture(
        lambda: net(residual(conv(8, 8), nn.ReLU(), nn.Dropout2d(0.5), conv(8, 8)), nn.ReLU())),
    "Heads at two depths": Architecture(Deep, refused="second head"),
    "Dilated convolution": Architecture(
        lambda: net(nn.Conv2d(8, 8, 3, padding=2, dilation=2), nn.ReLU())),
    "Fully convolutional": Architecture(
        lambda: nn.Sequential(conv(3, 8), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 12, 8),
                              nn.ReLU(), nn.Dropout(), nn.Conv2d(12, 5, 1), nn.Flatten())),
}
# fmt: on


def made(name: str, seed: int = 0, dtype: torch.dtype = torch.float64) -> nn.Module:
    """An architecture with random weights, statistics of its batch norms included."""
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # of the old weight norm
        torch.manual_seed(seed)
        return randomised(ARCHITECTURES[name].make()).to(dtype).eval()


def randomised(model: nn.Module) -> nn.Module:
    """The same model whose weights pass a signal on, and whose batch norms have seen something."""
    with torch.no_grad():
        for layer in model.modules():
            if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
                layer.running_mean.uniform_(-0.3, 0.3)
                layer.running_var.uniform_(0.5, 1.5)
                layer.weight.uniform_(0.5, 1.5)
                layer.bias.uniform_(-0.3, 0.3)
            elif isinstance(layer, nn.Conv2d | nn.Linear):
                for name, parameter in layer.named_parameters(recurse=False):
                    if name.startswith("weight") and parameter.ndim > 1:
                        bound = (6 / parameter[0].numel()) ** 0.5
                        parameter.uniform_(-bound, bound)
    return model


TAKEN = [name for name, each in ARCHITECTURES.items() if each.refused is None]
LARGE = {"AlexNet", "VGG-16", "VGG-16, batch norm"}  # their pictures are


def images_of(shape, batch=2, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(batch, *shape, generator=generator, dtype=torch.float64)
