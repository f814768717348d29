"""The networks of the paper: Tiny VGG (Table 1, Fig. 3a) and its large models, VGG-16 and VGG-19.

A network is `.features`, blocks of convolutions that each end in a pooling layer, and
`.classifier`, the fully connected layers. Every step is a module of its own, so that the
deconvolution can walk through them backwards. Two variants of Tiny VGG have the layers that the
paper avoids: average pooling, and inception layers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from tinyvgg.graph import Scaled
from tinyvgg.layers import check_parts, image_shape, pair

INITIALISATIONS = ("glorot", "he")
PIXEL_SCALE = 256  # what the released code divides bytes by; 255 would reach 1.0

VGG_BLOCKS = {  # convolutions in each block, and its maps as a multiple of the first block's
    16: ((2, 1), (2, 2), (3, 4), (3, 8), (3, 8)),
    19: ((2, 1), (2, 2), (4, 4), (4, 8), (4, 8)),
}


class Inception(nn.Module):
    """Branches of 1x1, 3x3 and 5x5 convolutions and of max-pooling, joined by concatenation.

    Of the maps, the branches give a quarter, a half, an eighth and an eighth; the larger two
    begin with a 1x1 convolution to three quarters and to a half as many. These are the shares of
    the first inception layer (3a) of GoogLeNet (Szegedy et al. 2014, Table 1).

    Parameters
    ----------
    channels : int
        Maps that it is given.
    maps : int
        Maps that it gives, a multiple of 16.
    """

    def __init__(self, channels: int, maps: int) -> None:
        super().__init__()
        if maps < 16 or maps % 16:
            raise ValueError(f"an inception layer gives a positive multiple of 16 maps, got {maps}")
        half, eighth = maps // 2, maps // 8
        self.one = _convolutions(channels, {1: maps // 4})
        self.three = _convolutions(channels, {1: 3 * half // 4, 3: half})
        self.five = _convolutions(channels, {1: eighth // 2, 5: eighth})
        pool = nn.MaxPool2d(kernel_size=3, stride=1, padding=1)
        self.pooled = nn.Sequential(pool, *_convolutions(channels, {1: eighth}))

    def forward(self, x: Tensor) -> Tensor:
        """Maps (B, maps, h, w) of maps (B, channels, h, w)."""
        return torch.cat([self.one(x), self.three(x), self.five(x), self.pooled(x)], dim=1)


def _convolutions(channels: int, maps: dict[int, int]) -> nn.Sequential:
    """Convolutions, by the size of their kernels, that keep the size of the maps; each a ReLU."""
    layers: list[nn.Module] = []
    for kernel, given in maps.items():
        layers += [nn.Conv2d(channels, given, kernel, padding=kernel // 2), nn.ReLU()]
        channels = given
    return nn.Sequential(*layers)


class VGG(nn.Module):
    """Blocks of 3x3 convolutions and ReLU, each ending in max-pooling; then dense layers.

    Parameters
    ----------
    num_classes : int
        Units of the output layer, at least 2.
    image_size : int
        Height and width of the images, a multiple of 2 for each block.
    blocks : sequence of sequences of int
        The feature maps of each convolution, block by block.
    dense : sequence of int
        Units of the hidden dense layers, from the first to the last; empty for none.
    batch_norm : bool
        Normalise each convolution's output over the batch, before its ReLU. Not in the paper.
    pooling : class
        Of the layer that ends each block, nn.MaxPool2d in the paper. Backtracking and
        deconvolution take another one, and batch norm, once `as_network` has adapted the network.
    """

    def __init__(
        self,
        num_classes: int,
        image_size: int,
        blocks: Sequence[Sequence[int]],
        dense: Sequence[int],
        batch_norm: bool = False,
        pooling: type[nn.MaxPool2d | nn.AvgPool2d] = nn.MaxPool2d,
    ) -> None:
        super().__init__()
        halvings = 2 ** len(blocks)
        if num_classes < 2:
            raise ValueError(f"a classifier needs 2 classes or more, got num_classes={num_classes}")
        if image_size < halvings or image_size % halvings:
            raise ValueError(
                f"image_size must be a positive multiple of {halvings}, because {len(blocks)} "
                f"pooling layers halve the image in turn; got {image_size}"
            )
        if any(maps < 1 for block in blocks for maps in block) or any(n < 1 for n in dense):
            raise ValueError(f"layers need 1 unit or more, got maps {blocks} and dense {dense}")
        self.num_classes = num_classes
        self.image_size = image_size

        features: list[nn.Module] = []
        channels = 3
        for block in blocks:
            features += self._block(channels, block, batch_norm)
            features.append(pooling(kernel_size=2, stride=2))
            channels = block[-1]
        self.features = nn.Sequential(*features)
        self.pixel_shape = (channels, image_size // halvings, image_size // halvings)

        classifier: list[nn.Module] = []
        units = channels * (image_size // halvings) ** 2
        for hidden in dense:
            classifier += [nn.Linear(units, hidden), nn.ReLU()]
            units = hidden
        self.classifier = nn.Sequential(*classifier, nn.Linear(units, num_classes))
        self.reset()

    def _block(self, channels: int, block: Sequence[int], batch_norm: bool) -> list[nn.Module]:
        """The layers of a block before its pooling."""
        layers: list[nn.Module] = []
        for maps in block:
            layers.append(nn.Conv2d(channels, maps, kernel_size=3, padding=1))
            layers += [nn.BatchNorm2d(maps), nn.ReLU()] if batch_norm else [nn.ReLU()]
            channels = maps
        return layers

    def reset(
        self, generator: torch.Generator | None = None, initialisation: str = "glorot"
    ) -> VGG:
        """Draw every weight at random and set every bias to zero; returns itself.

        Parameters
        ----------
        generator : torch.Generator, optional
        initialisation : {"glorot", "he"}
            Uniform, of variance 2 / (fan in + fan out) as in the paper, or 2 / fan in, which
            keeps the size of what rectified layers pass on.
        """
        if initialisation not in INITIALISATIONS:
            known = ", ".join(INITIALISATIONS)
            raise ValueError(f"unknown initialisation {initialisation!r}: choose one of {known}")
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d | nn.Linear):
                if initialisation == "glorot":
                    nn.init.xavier_uniform_(layer.weight, generator=generator)
                else:
                    nn.init.kaiming_uniform_(layer.weight, nonlinearity="relu", generator=generator)
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)
            elif isinstance(layer, nn.BatchNorm2d):
                layer.reset_parameters()
        return self

    def forward(self, images: Tensor) -> Tensor:
        """Logits of images (B, 3, S, S)."""
        if images.shape[1:] != (3, self.image_size, self.image_size):
            raise ValueError(
                f"images must have shape (B, 3, {self.image_size}, {self.image_size}), "
                f"got {tuple(images.shape)}"
            )
        maps = self.features(images)  # (B, C, S/2^blocks, S/2^blocks)
        return self.classifier(maps.flatten(1))


class TinyVGG(VGG):
    """The paper's network (Table 1): three blocks of two convolutions, then dense layers.

    Parameters
    ----------
    num_classes : int
        67 for the face task, 8 for the emotion task.
    image_size : int
        Height and width of the images, a multiple of 8; the paper's is 224.
    width : int
        Feature maps of every convolution.
    dense : sequence of int
        Units of the hidden dense layers; empty for none.
    pooling : class
        As for VGG.

    Attributes
    ----------
    features, classifier : nn.Sequential
        The blocks, (B, 3, S, S) to (B, width, S/8, S/8), and the dense layers, which take
        those maps flattened.
    pixel_shape : tuple of int
        (width, S/8, S/8), the shape of the last feature maps, whose values the paper calls pixels.

    Examples
    --------
    >>> import torch
    >>> from tinyvgg import TinyVGG
    >>> net = TinyVGG(num_classes=67, image_size=64)
    >>> net.pixel_shape
    (32, 8, 8)
    >>> net(torch.rand(2, 3, 64, 64)).shape
    torch.Size([2, 67])
    """

    def __init__(
        self,
        num_classes: int,
        image_size: int = 224,
        width: int = 32,
        dense: Sequence[int] = (1024, 512, 256),
        pooling: type[nn.MaxPool2d | nn.AvgPool2d] = nn.MaxPool2d,
    ) -> None:
        blocks = [(width, width)] * 3
        super().__init__(num_classes, image_size, blocks, dense, pooling=pooling)


class TinyInception(TinyVGG):
    """Tiny VGG with an inception layer in place of the two convolutions of each block.

    The parameters are those of TinyVGG; the width is a multiple of 16.
    """

    def _block(self, channels: int, block: Sequence[int], batch_norm: bool) -> list[nn.Module]:
        return [Inception(channels, block[-1])]


def vgg(
    depth: int,
    num_classes: int,
    image_size: int = 224,
    width: int = 64,
    dense: Sequence[int] = (4096, 4096),
    batch_norm: bool = False,
) -> VGG:
    """VGG-16 or VGG-19, which the paper could not train under its protocol (Discussion).

    Parameters
    ----------
    depth : {16, 19}
        Number of layers that have weights.
    num_classes, image_size : int
        As for TinyVGG; five blocks ask for a multiple of 32.
    width : int
        Feature maps of the first block; the others have 2, 4, 8 and 8 times as many.
    dense : sequence of int
        Units of the hidden dense layers.
    batch_norm : bool
        As for VGG.

    Examples
    --------
    >>> from torch import nn
    >>> from tinyvgg import vgg
    >>> net = vgg(16, num_classes=67, image_size=32, width=4, dense=(32, 32))
    >>> sum(isinstance(layer, nn.Conv2d | nn.Linear) for layer in net.modules())
    16
    """
    if depth not in VGG_BLOCKS:
        raise ValueError(f"depth must be one of {sorted(VGG_BLOCKS)}, got {depth}")
    blocks = [(width * multiple,) * convolutions for convolutions, multiple in VGG_BLOCKS[depth]]
    return VGG(num_classes, image_size, blocks, dense, batch_norm)


ARCHITECTURES: dict[str, Callable[[int, int], VGG]] = {
    "tinyvgg": TinyVGG,
    "vgg16": partial(vgg, 16),
    "vgg19": partial(vgg, 19),
    "vgg16_bn": partial(vgg, 16, batch_norm=True),
    "vgg19_bn": partial(vgg, 19, batch_norm=True),
    "tinyvgg_average": partial(TinyVGG, pooling=nn.AvgPool2d),
    "tinyvgg_inception": TinyInception,
}


def build(architecture: str, num_classes: int, image_size: int) -> VGG:
    """A network by name, freshly drawn: one of `ARCHITECTURES`.

    Raises
    ------
    ValueError
        The name is unknown, or the network does not fit the image size.
    """
    if architecture not in ARCHITECTURES:
        known = ", ".join(ARCHITECTURES)
        raise ValueError(f"unknown architecture {architecture!r}: choose one of {known}")
    return ARCHITECTURES[architecture](num_classes, image_size)


def as_input(
    images: np.ndarray | Tensor,
    device: torch.device | str | None = None,
    network: nn.Module | None = None,
) -> Tensor:
    """Turn bytes into a network's input.

    Parameters
    ----------
    images : uint8 array or tensor, (B, H, W, C)
        RGB; or as many channels as the network takes, (B, H, W) for one.
    device : torch.device or str, optional
        Where the result is wanted; where the images are, if not given.
    network : nn.Module, optional
        Whose input it is. An adapted network has a scale, mean and standard deviation of its own
        (see `as_network`); every other one takes bytes / 256, as the released code.

    Returns
    -------
    Tensor
        float32 (B, C, H, W).

    Examples
    --------
    >>> import numpy as np
    >>> from tinyvgg import as_input
    >>> bytes_of_two = np.full((2, 32, 32, 3), 128, np.uint8)
    >>> x = as_input(bytes_of_two)
    >>> x.shape, x.max().item()
    (torch.Size([2, 3, 32, 32]), 0.5)
    """
    if not isinstance(images, Tensor):
        images = np.array(images)  # a copy: torch takes no mirrored and no read-only array
    channels = 3 if network is None else image_shape(check_parts(network)[0])[0]
    pixels = torch.as_tensor(images, device=device)
    if pixels.dtype != torch.uint8:
        raise TypeError(f"images must be bytes (uint8, 0 to 255), got {pixels.dtype}")
    if channels == 1 and pixels.ndim == 3 and pixels.shape[2] != 1:
        pixels = pixels[..., None]
    if pixels.ndim != 4 or pixels.shape[3] != channels:
        hint = "; put one image in a batch with images[None]" if pixels.ndim == 3 else ""
        raise ValueError(
            f"images must have shape (B, H, W, {channels}), got {tuple(pixels.shape)}{hint}"
        )
    x = pixels.permute(0, 3, 1, 2).to(torch.float32).contiguous()
    return network.input_of(x) if isinstance(network, Scaled) else x / PIXEL_SCALE


# Eq. 1 and its inverses. i: input size, k: kernel, p: padding, s: stride; all in pixels.


def conv_size(i: int, k: int, p: int = 0, s: int = 1) -> int:
    """Size after a convolution or a pooling (Equation 1), rounded down where a rest is left.

    Examples
    --------
    >>> from tinyvgg.model import conv_size
    >>> conv_size(224, k=3, p=1), conv_size(224, k=2, s=2)
    (224, 112)
    """
    if min(i, k, s) < 1 or p < 0:
        raise ValueError(
            f"sizes must be positive, got input {i}, kernel {k}, padding {p}, stride {s}"
        )
    if k > i + 2 * p:
        raise ValueError(f"a kernel of {k} does not fit an input of {i} with padding {p}")
    return (i - k + 2 * p) // s + 1


def deconv_size_padded(i: int, k: int, p: int) -> int:
    """Size before a convolution of unit stride with padding, from the size `i` after it."""
    return i + (k - 1) - 2 * p


def deconv_size_strided(i: int, k: int, s: int) -> int:
    """Size before a convolution or a pooling with a stride, without padding.

    The smallest one: where the stride leaves a rest, up to s - 1 larger inputs give the same.
    """
    return s * (i - 1) + k


def deconv_size_unit(i: int, k: int) -> int:
    """Size before a convolution of unit stride without padding, from the size `i` after it."""
    return i + k - 1


def layer_table(net: VGG) -> list[dict]:
    """The rows of Table 1, of a network without branches: one for the input, one for each layer.

    Each row has the keys `layer` (conv2_1 is the first convolution of the second block),
    `kind` (input, conv, max-pool, average-pool or dense), `kernel`, `stride`, `padding`, `maps`,
    `units`, `output` (the shape it gives, by Eq. 1) and `parameters`; None where a key has no
    meaning.

    Examples
    --------
    >>> from tinyvgg import TinyVGG
    >>> from tinyvgg.model import layer_table
    >>> for row in layer_table(TinyVGG(num_classes=67, image_size=64))[:4]:
    ...     print(row["layer"], row["output"], row["parameters"])
    input (3, 64, 64) 0
    conv1_1 (32, 64, 64) 896
    conv1_2 (32, 64, 64) 9248
    pool1 (32, 32, 32) 0
    """
    channels, size = 3, net.image_size
    rows = [_row("input", "input", (channels, size, size))]
    block, convolution = 1, 0
    for layer in net.features:
        if isinstance(layer, nn.ReLU):
            continue
        if isinstance(layer, nn.Conv2d):
            convolution += 1
            name, kind, channels = f"conv{block}_{convolution}", "conv", layer.out_channels
        else:
            kind = "max-pool" if isinstance(layer, nn.MaxPool2d) else "average-pool"
            name = f"pool{block}"
            block, convolution = block + 1, 0
        k, p, s = (pair(v)[0] for v in (layer.kernel_size, layer.padding, layer.stride))
        size = conv_size(size, k, p, s)
        output = (channels, size, size)
        rows.append(_row(name, kind, output, layer, kernel=k, stride=s, padding=p, maps=channels))
    linears = [layer for layer in net.classifier if isinstance(layer, nn.Linear)]
    for number, linear in enumerate(linears, start=1):
        name = "output" if linear is linears[-1] else f"dense{number}"
        units = linear.out_features
        rows.append(_row(name, "dense", (units,), linear, units=units))
    return rows


def _row(
    name: str, kind: str, output: tuple[int, ...], layer: nn.Module | None = None, **settings: int
) -> dict:
    blank = dict.fromkeys(("kernel", "stride", "padding", "maps", "units"))
    parameters = 0 if layer is None else sum(p.numel() for p in layer.parameters())
    row = {"layer": name, "kind": kind, **blank, **settings}
    return {**row, "output": output, "parameters": parameters}
