"""A gallery as one binary that a page reads: quantised weights, cases, pictures.

The format is safetensors; the rest is JSON in its metadata, under "explorer". Weights are whole
numbers q with one scale for each unit that they feed, w = scale · q in float32. The first linear
layer, which holds most of them, has the fewest bits that leave every prediction of the test
images unchanged; the other layers have 12 or more. The numbers are stored as bytes, all low
ones before all high ones, and compressed: the high ones are mostly small.

A pack holds the receptive field of each place of the last maps too, and, if the gallery has
training images, those that lead at each pixel (see `training`).

A quantised network is a network like any other, so that Python can compute with exactly the
weights of the page (`rounded`).
"""

from __future__ import annotations

import copy
import json
import zlib
from collections.abc import Iterator
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import torch
from safetensors.numpy import save
from torch import Tensor, nn

from tinyvgg.explorer.gallery import Gallery, logits_of
from tinyvgg.explorer.receptive import receptive_fields
from tinyvgg.explorer.training import packed
from tinyvgg.graph import ACTIVATIONS, Affine, Channels, Concat, Scaled, Sum
from tinyvgg.layers import Dense, check_network, feature_maps_of, padding_of, pair
from tinyvgg.model import PIXEL_SCALE
from tinyvgg.storage.files import digest
from tinyvgg.storage.store import Store

VERSION = 5  # of the format; web/pack.js reads this one only
BITS = (8, 10, 12, 16, 32)  # of a weight; 32: the float32 itself
FINE = 12  # least bits of every layer but the first linear one
BATCH = 64


def pack_gallery(gallery: Gallery, bits: int | None = None) -> bytes:
    """A gallery as the bytes that `readPack` of web/pack.js takes.

    Parameters
    ----------
    gallery : Gallery
    bits : {8, 10, 12, 16, 32}, optional
        Of the weights of the first linear layer; the `fewest_bits` if not given.

    Raises
    ------
    TypeError, ValueError
        If the network is not supported at the size of these pictures, or `bits` is unknown.
    """
    bits = fewest_bits(gallery.net, tested(gallery)) if bits is None else _known(bits)
    feature_maps_of(gallery.net, gallery.input(gallery.first.row))  # raises if unsupported
    tensors: dict[str, np.ndarray] = {}
    net = gallery.net
    nodes, linears = check_network(net)
    scaled = net if isinstance(net, Scaled) else None
    about = {
        "version": VERSION,
        "task": gallery.task,
        "classes": gallery.classes,
        "names": [gallery.say(k) for k in range(len(gallery.classes))],
        "shape": [gallery.images.shape[3], *gallery.images.shape[1:3]],
        "scale": scaled.scale if scaled else PIXEL_SCALE,
        "mean": scaled.mean.tolist() if scaled else [0, 0, 0],
        "std": scaled.std.tolist() if scaled else [1, 1, 1],
        "bits": bits,
        "layers": [{**_describe(layer), "sources": sources} for layer, sources in nodes],
        "linears": [_describe_dense(each) for each in linears],
        "cases": [
            {**asdict(case), "twin_shows": "" if case.twin is None else gallery.shown[case.twin]}
            for case in gallery.cases.values()
        ],
        "first": gallery.first.row,
        "rows": _rows(gallery),
        "fields": receptive_fields(net, *gallery.images.shape[1:3]),
        "training": None,
    }
    for number, (layer, _) in enumerate(nodes):
        if isinstance(layer, Affine):
            named = {"factor": layer.factor, "shift": layer.shift}
            tensors |= {f"features.{number}.{part}": _array(v) for part, v in named.items()}
    for name, layer, precision in _weighted(net, bits):
        tensors |= _tensors(name, layer, precision)
    tensors["pictures"] = _compressed(gallery.images[_rows(gallery)])
    if gallery.training is not None:
        about["training"], found = packed(rounded_network(net, bits), gallery.training)
        tensors |= {f"training.{name}": values for name, values in found.items()}
    return save(tensors, {"explorer": json.dumps(about, ensure_ascii=False)})


def cached_pack(gallery: Gallery, store: Store | None = None) -> tuple[int, bytes]:
    """The bits of a gallery's first linear layer, and its pack, made once.

    Parameters
    ----------
    gallery : Gallery
    store : Store, optional
        Where it is cached; that of a study.

    Returns
    -------
    bits : int
        As `fewest_bits` gives them.
    pack : bytes
        As `pack_gallery` gives it.
    """

    def make(_=None) -> dict[str, int | np.ndarray]:
        bits = fewest_bits(gallery.net, tested(gallery))
        return {"bits": bits, "pack": np.frombuffer(pack_gallery(gallery, bits), np.uint8)}

    cached = make() if store is None else store.get("pack", _recipe(gallery), make)
    return int(cached["bits"]), np.asarray(cached["pack"]).tobytes()


def rounded(gallery: Gallery, bits: int) -> Gallery:
    """The same gallery with the quantised network of its pack, in float32 on the CPU."""
    return replace(gallery, net=rounded_network(gallery.net, bits))


def rounded_network(net: nn.Module, bits: int) -> nn.Module:
    """A copy of a supported network with the quantised weights of its pack.

    Parameters
    ----------
    net : nn.Module
    bits : {8, 10, 12, 16, 32}
        Of the first linear layer; the other layers have as many, and 12 at least.
    """
    copied = copy.deepcopy(net).to("cpu", torch.float32)
    with torch.no_grad():
        for _, layer, precision in _weighted(copied, _known(bits)):
            if precision < 32:
                weight = layer.linear.weight if isinstance(layer, Dense) else layer.weight
                numbers, scale = _whole(weight, precision)
                weight.copy_((numbers * scale).reshape(weight.shape))
    return copied


def fewest_bits(net: nn.Module, images: np.ndarray) -> int:
    """The fewest bits of the first linear layer that leave every prediction unchanged.

    Parameters
    ----------
    net : nn.Module
    images : uint8 array (N, S, S, 3)
        The test pictures.

    Returns
    -------
    {8, 10, 12, 16, 32}
        32 if even 16 bits change a prediction.
    """

    def predictions(network: nn.Module) -> Tensor:
        return logits_of(network, images, BATCH).argmax(1).cpu()

    expected = predictions(net)
    return next(
        bits
        for bits in BITS
        if bits == BITS[-1] or torch.equal(predictions(rounded_network(net, bits)), expected)
    )


def pack_bits(pack: bytes) -> int:
    """The bits of a weight of the first linear layer of a pack."""
    header = json.loads(pack[8 : 8 + int.from_bytes(pack[:8], "little")])
    return json.loads(header["__metadata__"]["explorer"])["bits"]


def weights_of(net: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Name and weight of every layer that a page needs."""
    return ((name, layer.weight) for name, layer, _ in _weighted(net, BITS[0]))


def tested(gallery: Gallery) -> np.ndarray:
    """The test pictures of a gallery, uint8 (N, S, S, 3)."""
    return gallery.images[list(gallery.shown)]


# ---------------------------------------------------------------------- layers


def _weighted(net: nn.Module, bits: int) -> Iterator[tuple[str, Any, int]]:
    """Name, layer and bits of a weight of every layer that has weights: Conv2d or Dense."""
    nodes, linears = check_network(net)
    for number, (layer, _) in enumerate(nodes):
        if isinstance(layer, nn.Conv2d):
            yield f"features.{number}", layer, max(bits, FINE)
    for number, dense in enumerate(linears):
        yield f"classifier.{number}", dense, bits if number == 0 else max(bits, FINE)


def _describe(layer: Any) -> dict[str, Any]:
    """A layer as web/network.js takes it; settings of two numbers are [rows, columns]."""
    if isinstance(layer, ACTIVATIONS):
        return {"kind": "activation", **_describe_activation(layer)}
    if isinstance(layer, Affine):
        return {"kind": "affine"}
    if isinstance(layer, Channels):
        return {"kind": "channels", "chosen": layer.chosen.tolist()}
    if isinstance(layer, Concat):
        return {"kind": "concat", "channels": layer.channels}
    if isinstance(layer, Sum):
        return {"kind": "sum"}
    if isinstance(layer, nn.ZeroPad2d | nn.ZeroPad3d):  # the last pads maps too
        return {"kind": "pad", "sides": (*layer.padding, 0, 0)[:6]}
    window = {
        "kernel": pair(layer.kernel_size),
        "stride": pair(layer.stride),
        "padding": padding_of(layer),
        "dilation": pair(getattr(layer, "dilation", 1)),
    }
    if isinstance(layer, nn.AvgPool2d):
        divisor = {"countPadding": layer.count_include_pad, "divisor": layer.divisor_override}
        return {"kind": "avgpool", **window, "ceil": layer.ceil_mode, **divisor}
    if isinstance(layer, nn.MaxPool2d):
        return {"kind": "maxpool", **window, "ceil": layer.ceil_mode}
    ends = {"from": layer.in_channels, "to": layer.out_channels, "groups": layer.groups}
    return {"kind": "conv", **ends, **window}


def _describe_activation(layer: nn.Module) -> dict[str, Any]:
    """The name of an activation, and what it needs to be known."""
    if isinstance(layer, nn.Hardtanh):  # ReLU6 too
        return {"name": "hardtanh", "least": layer.min_val, "most": layer.max_val}
    if isinstance(layer, nn.Softplus):
        return {"name": "softplus", "beta": layer.beta, "threshold": layer.threshold}
    return {"name": type(layer).__name__.lower()}


def _describe_dense(dense: Dense) -> dict[str, Any]:
    """A linear layer as web/network.js takes it, with the activation that follows it."""
    ends = {"from": dense.in_features, "to": dense.out_features}
    after = dense.activation
    return {**ends, "activation": None if after is None else _describe_activation(after)}


def _tensors(name: str, layer: nn.Conv2d | Dense, bits: int) -> dict[str, np.ndarray]:
    """The tensors of a layer: weights (of a linear layer transposed to (from, to)), scale, bias."""
    found = {} if layer.bias is None else {f"{name}.bias": _array(layer.bias)}
    weight = _array(layer.weight)
    if bits < 32:
        numbers, scale = _whole(layer.weight, bits)
        weight = _array(numbers).astype(np.int8 if bits == 8 else "<i2")
        found[f"{name}.scale"] = _array(scale).ravel()
    if isinstance(layer, Dense):
        weight = np.ascontiguousarray(weight.T)
    found[f"{name}.weight"] = weight if bits == 32 else _planes(weight)
    return found


def _whole(weight: Tensor, bits: int) -> tuple[Tensor, Tensor]:
    """Weights as whole numbers and one scale for each unit that they feed, both float32."""
    weight = weight.detach().float()
    largest = weight.flatten(1).abs().amax(1).reshape(-1, *[1] * (weight.ndim - 1))
    scale = largest / (2 ** (bits - 1) - 1)
    numbers = (weight / scale.masked_fill(scale == 0, 1)).round()
    return numbers, scale


def _planes(numbers: np.ndarray) -> np.ndarray:
    """Whole numbers of one or two bytes: all low bytes, then all high bytes, compressed."""
    planes = numbers.reshape(-1, 1).view(np.uint8).T
    return np.frombuffer(zlib.compress(planes.tobytes(), 9), np.uint8)


def _compressed(images: np.ndarray) -> np.ndarray:
    """Pictures without loss, compressed; bytes.

    Of each pixel green, red less green and blue less green, if it has these three; of each of
    these, or of each channel, the difference from the pixel above, modulo 256.
    """
    colours = images
    if images.shape[3] == 3:
        red, green, blue = np.moveaxis(images, -1, 0)
        colours = np.stack([red - green, green, blue - green], axis=-1)
    differences = np.diff(colours, axis=1, prepend=np.uint8(0))
    return np.frombuffer(zlib.compress(differences.tobytes(), 9), np.uint8)


def _rows(gallery: Gallery) -> list[int]:
    """The cases' pictures and their twins', each once."""
    cases = gallery.cases.values()
    return sorted({row for case in cases for row in (case.row, case.twin) if row is not None})


def _recipe(gallery: Gallery) -> dict[str, str]:
    """What a pack depends on: weights, pictures, cases."""
    weights = {name: tensor.cpu().numpy() for name, tensor in gallery.net.state_dict().items()}
    named = [part for item in weights.items() for part in item]
    cases = [asdict(case) for case in gallery.cases.values()]
    about = json.dumps([gallery.classes, cases, list(gallery.shown.items())])
    found = gallery.training
    trained = () if found is None else (found.images, found.rows, found.labels)
    content = digest(*named, gallery.images, about, *trained)
    return {"task": gallery.task, "content": content}


def _known(bits: int) -> int:
    if bits not in BITS:
        raise ValueError(f"bits must be one of {', '.join(map(str, BITS))}, got {bits!r}")
    return bits


def _array(tensor: Tensor) -> np.ndarray:
    return tensor.detach().float().cpu().numpy()
