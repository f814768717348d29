"""Deconvolution: from the last feature maps back to the image (Fig. 3b, Fig. 4).

The way back reuses the kernels that the way forward was trained with, transposed, and undoes
max-pooling with *switches*, the memory of where each window had its maximum.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tinyvgg.forward import difference, own_output, tolerance
from tinyvgg.graph import ACTIVATIONS, IMAGES, Concat, Node, is_chain, run
from tinyvgg.layers import (
    apply_feature_layer,
    check_images,
    check_weights,
    feature_nodes,
    padding_of,
    pair,
)

BIASES = ("previous", "none")
TIES = ("all", "first")


@dataclass(frozen=True, eq=False)
class Recording:
    """What the way back needs to know of the way forward, for a batch of images.

    Attributes
    ----------
    maps : Tensor
        The last feature maps, (B, C, h, w).
    switches : tuple of bool Tensor
        For each max-pooling layer in forward order, (B, C, kh*kw, h', w'): whether a pixel of a
        window, counted row by row, equals the window's maximum. Several may.
    sizes : tuple of (int, int, int)
        What each layer was given: maps, rows, columns.

    Examples
    --------
    >>> import torch
    >>> from tinyvgg import TinyVGG, record
    >>> net = TinyVGG(num_classes=4, image_size=16, width=4, dense=(8,)).eval()
    >>> images = torch.rand(2, 3, 16, 16)
    >>> recording = record(net.features, images)
    >>> [tuple(switches.shape) for switches in recording.switches]  # 2 x 2 pixels of each window
    [(2, 4, 4, 8, 8), (2, 4, 4, 4, 4), (2, 4, 4, 2, 2)]
    """

    maps: Tensor
    switches: tuple[Tensor, ...]
    sizes: tuple[tuple[int, int, int], ...]


@torch.no_grad()
def record(features: nn.Module, images: Tensor) -> Recording:
    """Run the features on images and keep the last maps and the switches.

    Parameters
    ----------
    features : nn.Sequential
        Conv2d, ReLU and MaxPool2d; or those of an adapted network.
    images : float Tensor, (B, C, H, W)

    Raises
    ------
    TypeError, ValueError
        If a layer is not supported, if the images are not finite floats of the shape expected,
        or if the features themselves give other maps than their layers.

    Examples
    --------
    >>> import torch
    >>> from tinyvgg import TinyVGG, record
    >>> net = TinyVGG(num_classes=4, image_size=16, width=4, dense=(8,)).eval()
    >>> images = torch.rand(2, 3, 16, 16)
    >>> record(net.features, images).maps.shape
    torch.Size([2, 4, 2, 2])
    """
    nodes = feature_nodes(features)
    check_weights(features, "features")
    images = check_images(features, images)
    try:
        own = own_output(features, images)
    except ValueError:
        record_unchecked(nodes, images)  # which may know better what is amiss
        raise
    recording = record_unchecked(nodes, images)
    apart = difference(own, recording.maps) if own.shape == recording.maps.shape else torch.inf
    if not apart <= tolerance(own.dtype) * float(recording.maps.abs().max()):
        raise ValueError(
            f"the features compute something else than their layers: on these images their maps "
            f"differ by up to {apart:.2g}; a hook may change what a layer gives"
        )
    return recording


def record_unchecked(nodes: list[Node], images: Tensor) -> Recording:
    """As `record`, of images that were checked, without the features' own forward pass."""
    switches, sizes = [], []

    def apply(layer: nn.Module, *given: Tensor) -> Tensor:
        x = given[0]
        sizes.append((x.shape[1], x.shape[2], x.shape[3]))
        if not isinstance(layer, nn.MaxPool2d):
            return apply_feature_layer(layer, *given)
        x = _channels_last(x)
        pooled = apply_feature_layer(layer, x)
        switches.append(_switches(x, pooled, layer))
        return pooled.contiguous()  # as the network has it: so are the sums of its convolutions

    return Recording(run(nodes, images, apply), tuple(switches), tuple(sizes))


@torch.no_grad()
def deconvolve(
    features: nn.Module,
    recording: Recording,
    maps: Tensor | None = None,
    bias: str | None = None,
    ties: str = "all",
    rectify: bool = True,
) -> Tensor:
    """Bring feature maps back to the size and the channels of the images.

    The layers are undone from the last to the first: max-pooling by its switches, ReLU and other
    activations by ReLU, a convolution and every other linear layer by its transpose; where a
    layer feeds several, what comes back from them is added up. The defaults are those of the
    released code.

    Parameters
    ----------
    features : nn.Module
        The layers that the recording was made with.
    recording : Recording
        Of the images whose switches are to be used.
    maps : Tensor, (B, C, h, w), optional
        The maps to start from; the recorded ones if not given.
    bias : {"previous", "none"}, optional
        What is added after a transposed convolution: the bias of the convolution that precedes
        it in forward order (nothing after the first one), or nothing. "previous" if not given;
        but "none" where the layers form no chain, so that no single one precedes another.
    ties : {"all", "first"}
        Whether every pixel that shares a window's maximum is given the value back, as in
        Theano's gradient of max-pooling, or only the first of them, as in PyTorch's.
    rectify : bool
        Whether negative values of the result are cut off too.

    Returns
    -------
    Tensor
        (B, C, H, W), as the images. With `bias="none"`, `ties="first"` and `rectify=False` it is
        what the deconvolutional network of Zeiler and Fergus gives.

    Examples
    --------
    >>> import torch
    >>> from tinyvgg import TinyVGG, deconvolve, record
    >>> net = TinyVGG(num_classes=4, image_size=16, width=4, dense=(8,)).eval()
    >>> images = torch.rand(2, 3, 16, 16)
    >>> recording = record(net.features, images)
    >>> deconvolve(net.features, recording).shape
    torch.Size([2, 3, 16, 16])
    >>> first_map = torch.zeros_like(recording.maps)
    >>> first_map[:, 0] = recording.maps[:, 0]
    >>> deconvolve(net.features, recording, maps=first_map, bias="none").shape
    torch.Size([2, 3, 16, 16])
    """
    nodes = feature_nodes(features)
    chain = is_chain(nodes)
    bias = bias if bias is not None else "previous" if chain else "none"
    _check_option("bias", bias, BIASES)
    _check_option("ties", ties, TIES)
    if bias == "previous" and not chain:
        raise ValueError(
            "bias='previous' adds the bias of the one convolution that precedes another; in these "
            "features branches join, so several may: choose bias='none'"
        )
    _check_recording(nodes, recording)
    if maps is None:
        maps = recording.maps
    elif maps.shape != recording.maps.shape:
        raise ValueError(
            f"maps must have the shape of the recorded ones, {tuple(recording.maps.shape)}, "
            f"got {tuple(maps.shape)}"
        )
    switches = list(recording.switches)
    signals = {len(nodes) - 1: _channels_last(maps.to(recording.maps))}  # by the node they reach
    for number in reversed(range(len(nodes))):
        (layer, sources), size = nodes[number], recording.sizes[number]
        x = signals.pop(number)
        if isinstance(layer, nn.MaxPool2d):
            back: Sequence[Tensor] = [unpool(x, switches.pop(), layer, size[1:], ties)]
        elif isinstance(layer, ACTIVATIONS):
            back = [torch.relu(x)]
        elif isinstance(layer, nn.Conv2d):
            earlier = [n.layer for n in nodes[:number] if isinstance(n.layer, nn.Conv2d)]
            before = earlier[-1].bias if earlier and bias == "previous" else None
            back = [_transposed_convolution(layer, x, size, before)]
        else:
            back = _transposed(layer, x, size, len(sources))
        for source, part in zip(sources, back, strict=True):
            signals[source] = signals[source] + part if source in signals else part
    x = signals[IMAGES].contiguous()
    return torch.relu(x) if rectify else x


def _channels_last(x: Tensor) -> Tensor:
    """The same maps (B, C, h, w), stored as pooling and transposed convolution are fastest."""
    return x.contiguous(memory_format=torch.channels_last)


def _transposed(
    layer: nn.Module, x: Tensor, size: tuple[int, int, int], count: int
) -> tuple[Tensor, ...]:
    """What a linear layer with `count` inputs, the first of a size (C, h, w), passes back."""
    given = [x.new_zeros(len(x), *size)] * count
    if isinstance(layer, Concat):
        given = [x.new_zeros(len(x), maps, *size[1:]) for maps in layer.channels]
    return torch.func.vjp(layer, *given)[1](x)


def _transposed_convolution(
    conv: nn.Conv2d, x: Tensor, size: tuple[int, int, int], bias: Tensor | None
) -> Tensor:
    rows, columns = (
        wanted - (s * (given - 1) - 2 * p + d * (k - 1) + 1)  # what the stride left over
        for wanted, given, s, p, d, k in zip(
            size[1:],
            x.shape[-2:],
            pair(conv.stride),
            padding_of(conv),
            pair(conv.dilation),
            pair(conv.kernel_size),
            strict=True,
        )
    )
    return F.conv_transpose2d(
        x,
        _channels_last(conv.weight),
        bias,
        conv.stride,
        padding_of(conv),
        (rows, columns),
        conv.groups,
        conv.dilation,
    )


def find_switches(x: Tensor, pool: nn.MaxPool2d) -> Tensor:
    """Where the pixels of each pooling window equal the window's maximum.

    Parameters
    ----------
    x : float Tensor, (..., h, w)
        The input of max-pooling; a single image (h, w) will do.
    pool : nn.MaxPool2d

    Returns
    -------
    bool Tensor
        (..., kh*kw, h', w'). Padding never counts as a maximum.

    Examples
    --------
    >>> import torch
    >>> from tinyvgg.deconv import find_switches
    >>> x = torch.tensor([[1.0, 4.0], [2.0, 3.0]])
    >>> find_switches(x, torch.nn.MaxPool2d(2)).flatten()
    tensor([False,  True, False, False])
    """
    maps = x.reshape(1, -1, *x.shape[-2:])
    switches = _switches(maps, apply_feature_layer(pool, maps), pool)
    return switches.reshape(*x.shape[:-2], *switches.shape[-3:])


def _switches(x: Tensor, pooled: Tensor, pool: nn.MaxPool2d) -> Tensor:
    """As `find_switches`, of maps (B, C, h, w) and their pooled values; stored as these are."""
    (top, left), (height, width) = padding_of(pool), _canvas(pool, x.shape[-2:], pooled.shape[-2:])
    bottom, right = height - top - x.shape[-2], width - left - x.shape[-1]
    padded = F.pad(x, (left, right, top, bottom), value=-torch.inf)
    windows = _windows(pool, pooled.shape[-2:])
    found = [(padded[window] == pooled).permute(0, 2, 3, 1) for window in windows]
    return torch.stack(found, dim=1).permute(0, 4, 1, 2, 3)


def unpool(
    pooled: Tensor,
    switches: Tensor,
    pool: nn.MaxPool2d,
    size: tuple[int, int],
    ties: str = "all",
) -> Tensor:
    """Put each pooled value back where its window had its maximum, and zero elsewhere.

    Where windows overlap, a pixel is given the sum: with `ties="first"` the result is the
    gradient of max-pooling.

    Parameters
    ----------
    pooled : Tensor, (..., h', w')
    switches : bool Tensor, (..., kh*kw, h', w')
        As `find_switches` gives them.
    pool : nn.MaxPool2d
    size : (int, int)
        Rows and columns before pooling.
    ties : {"all", "first"}
        As for `deconvolve`.

    Returns
    -------
    Tensor
        (..., rows, columns), those of `size`.

    Examples
    --------
    >>> import torch
    >>> from tinyvgg.deconv import find_switches, unpool
    >>> x, pool = torch.tensor([[1.0, 4.0], [2.0, 3.0]]), torch.nn.MaxPool2d(2)
    >>> unpool(pool(x[None])[0], find_switches(x, pool), pool, size=(2, 2))
    tensor([[0., 4.],
            [0., 0.]])
    """
    _check_option("ties", ties, TIES)
    kernel_rows, kernel_columns = pair(pool.kernel_size)
    after = pooled.shape[-2:]
    expected = (*pooled.shape[:-2], kernel_rows * kernel_columns, *after)
    if tuple(switches.shape) != expected:
        raise ValueError(f"switches must have shape {expected}, got {tuple(switches.shape)}")
    canvas = _zeros(pooled, _canvas(pool, size, after))
    free = torch.ones_like(pooled, dtype=torch.bool)  # windows that may still give their value
    for number, window in enumerate(_windows(pool, after)):
        here = switches[..., number, :, :]
        if ties == "first":
            here = here & free
            free &= ~here
        canvas[window] += pooled * here
    top, left = padding_of(pool)
    return canvas[..., top : top + size[0], left : left + size[1]]


def _zeros(like: Tensor, size: tuple[int, int]) -> Tensor:
    """Zeros (..., *size), stored as `like` (..., h, w) is."""
    if like.ndim == 4 and like.is_contiguous(memory_format=torch.channels_last):
        batch, maps = like.shape[:2]
        return like.new_zeros(batch, *size, maps).permute(0, 3, 1, 2)
    return like.new_zeros(*like.shape[:-2], *size)


def _canvas(pool: nn.MaxPool2d, size: tuple[int, ...], after: tuple[int, ...]) -> tuple[int, int]:
    """Rows and columns that hold the padded input and, with ceil_mode, the last window as well."""
    rows, columns = (
        max(s + 2 * p, (n - 1) * stride + d * (k - 1) + 1)
        for s, p, n, stride, d, k in zip(
            size,
            padding_of(pool),
            after,
            pair(pool.stride),
            pair(pool.dilation),
            pair(pool.kernel_size),
            strict=True,
        )
    )
    return rows, columns


def _windows(pool: nn.MaxPool2d, after: tuple[int, ...]) -> Iterator[tuple]:
    """For each pixel of the window, row by row: the index of that pixel in every window."""
    (rows, columns), (down, right) = pair(pool.kernel_size), pair(pool.stride)
    dilation_rows, dilation_columns = pair(pool.dilation)
    for row in range(0, rows * dilation_rows, dilation_rows):
        for column in range(0, columns * dilation_columns, dilation_columns):
            yield (
                ...,
                slice(row, row + (after[0] - 1) * down + 1, down),
                slice(column, column + (after[1] - 1) * right + 1, right),
            )


def _check_option(name: str, given: str, known: tuple[str, ...]) -> None:
    if given not in known:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, known))}, got {given!r}")


def _check_recording(nodes: list[Node], recording: Recording) -> None:
    pools = sum(isinstance(node.layer, nn.MaxPool2d) for node in nodes)
    same = len(nodes) == len(recording.sizes) and pools == len(recording.switches)
    channels = recording.maps.shape[1]
    for node, size in reversed(list(zip(nodes, recording.sizes, strict=False))):
        if isinstance(node.layer, nn.Conv2d):
            fits = (node.layer.in_channels, node.layer.out_channels) == (size[0], channels)
            same = same and (fits or not is_chain(nodes))
        channels = size[0]
    if not same:
        raise ValueError(
            "the recording was made with other layers: record the images again with these features"
        )
