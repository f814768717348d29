"""``python -m tinyvgg explorer``: a page of one's own network and pictures, without a notebook."""

from __future__ import annotations

import importlib
import logging
import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from tinyvgg.adapted.network import AdaptedNetwork, as_network, check_classes, input_scale
from tinyvgg.explorer.gallery import gallery_of
from tinyvgg.explorer.pack import cached_pack, rounded
from tinyvgg.explorer.page import SavedPage, check_size, write_page
from tinyvgg.explorer.session import Session
from tinyvgg.faces.faceset import TASKS, FaceSet
from tinyvgg.faces.labels import WORDS
from tinyvgg.faces.sources import open_faces
from tinyvgg.faces.spec import parse_source
from tinyvgg.forward import own_output
from tinyvgg.layers import dense_layers
from tinyvgg.tracking import grey

log = logging.getLogger(__name__)

SIZES = (224, 64, 32, 28, 48, 96, 128, 160, 192, 227, 256, 299)  # that models take, tried in turn
FIRST = 20  # files that are looked at
ADAPTED_ON = 8  # pictures on which the network is compared with the model


def make_page(
    model: str,
    images: str,
    output: str | Path,
    weights: Path | None = None,
    task: str | None = None,
    classes: Sequence[str] | None = None,
    size: int | None = None,
    count: int = 500,
    mean: Sequence[float] = (0,),
    std: Sequence[float] = (1,),
    scale: float = 256,
    title: str | None = None,
) -> SavedPage:
    """Write the explorer of a network and its pictures as one HTML file.

    Parameters
    ----------
    model : str
        ``"module:function"``; the function makes the model, without arguments.
    images : str
        A source of pictures with labels, as `open_faces` takes it: ``"folder:DIR"``.
    output : path
    weights : path, optional
        Of the model's ``state_dict``, in safetensors' format.
    task : {"face", "emotion", "gaze"}, optional
        The label that the network tells: of a folder's names "face", whatever they show. Needed
        where two labels have as many values as the network has outputs.
    classes : sequence of str, optional
        The names of the outputs, in their order; else those of the pictures, in alphabetical
        order.
    size : int, optional
        Side of the pictures in pixels; else the model's ``image_size``, or that of the pictures if
        the model takes them, or the first usual one that it takes.
    count : int
        Pictures at most, taken at equal steps.
    mean, std, scale
        How bytes become the model's input: (bytes / scale - mean) / std.
    title : str, optional
        Heading of the page.

    Raises
    ------
    TypeError, ValueError, FileNotFoundError
        Something that was given does not fit, or the model cannot be traced.
    """
    net = load_model(model, weights)
    size = size or choose_size(net, images)
    pictures = open_faces(images, size=size, angles=None)
    if count < 1:
        raise ValueError(f"--count must be 1 or more, got {count}")
    rows = np.unique(np.linspace(0, len(pictures) - 1, min(count, len(pictures))).astype(int))
    if len(rows) < len(pictures):
        log.info("%d of %d images are taken; --count sets how many", len(rows), len(pictures))
    bytes_ = in_channels(pictures.images[rows], channels_of(net))
    scaled = input_scale(bytes_.shape[3], mean, std, scale)
    few = torch.from_numpy(bytes_[:ADAPTED_ON].copy()).permute(0, 3, 1, 2).float()
    network = as_network(net, scaled.input_of(few), mean=mean, std=std, scale=scale)
    task, names = choose_task(pictures, network, task, classes)
    known = pictures.classes(task)
    if unknown := sorted({known[k] for k in pictures.labels(task)[rows]} - set(names)):
        raise ValueError(
            f"the images show {', '.join(unknown[:5])}, which --classes {' '.join(names)} lacks"
        )
    labels = np.array([names.index(known[k]) for k in pictures.labels(task)[rows]])
    gallery = gallery_of(network, bytes_, labels, names)
    check_size([network])
    bits, pack = cached_pack(gallery)
    session = Session({gallery.task: rounded(gallery, bits)})
    titled = {} if title is None else {"title": title}
    return write_page(output, session, {gallery.task: pack}, **titled)


def load_model(name: str, weights: Path | None = None) -> nn.Module:
    """The model that a function makes, with the weights of a file.

    Raises
    ------
    ValueError, FileNotFoundError
        There is no such function, it makes no model, or the weights do not fit it.
    """
    module, separator, function = name.partition(":")
    if not separator or not function:
        raise ValueError(f"--model must be module:function, such as my_models:net, got {name!r}")
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        make = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError) as error:
        raise ValueError(
            f"--model {name}: {error}; run the command where {module}.py is, or install it"
        ) from None
    model = make if isinstance(make, nn.Module) else make()
    if not isinstance(model, nn.Module):
        raise ValueError(f"--model {name} makes {type(model).__name__} and no torch.nn.Module")
    if weights is not None:
        _load(model, Path(weights))
    return model


def _load(model: nn.Module, path: Path) -> None:
    if not path.is_file():
        raise FileNotFoundError(f"no file {path}")
    try:
        found = load_file(path)
    except SafetensorError as error:
        raise ValueError(
            f"{path} is no file of safetensors ({error}); write one by "
            "safetensors.torch.save_file(model.state_dict(), path). Pickled weights are not read"
        ) from None
    wanted = model.state_dict()
    missing, unknown = sorted(set(wanted) - set(found)), sorted(set(found) - set(wanted))
    other = [k for k in wanted if k in found and wanted[k].shape != found[k].shape]
    if missing or unknown or other:
        parts = {"missing": missing, "unknown": unknown, "of another shape": other}
        told = "; ".join(f"{what}: {', '.join(k[:5])}" for what, k in parts.items() if k)
        raise ValueError(f"the weights of {path} do not fit the model: {told}")
    model.load_state_dict(found)


def choose_size(model: nn.Module, images: str) -> int:
    """The side of the pictures: as the model says, as they are, or the first that it takes."""
    said = getattr(model, "image_size", None)
    if isinstance(said, int):
        return said
    channels = channels_of(model)
    for size in dict.fromkeys([*sides(images), *SIZES]):
        try:
            with torch.no_grad():
                own_output(model, torch.zeros(2, channels, size, size))
        except ValueError:
            continue
        log.info("the images are read with %d x %d pixels; --size sets another size", size, size)
        return size
    raise ValueError("the model takes images of none of the usual sizes: give --size PIXELS")


def sides(images: str) -> list[int]:
    """The most frequent smaller side of the first pictures of a folder, unless it is too large."""
    place = parse_source(images).place
    if not place:
        return []
    folder = Path(place).expanduser()
    found: Counter[int] = Counter()
    for path in islice((p for p in sorted(folder.rglob("*.*")) if p.is_file()), FIRST):
        with suppress(OSError), Image.open(path) as picture:
            found[min(picture.size)] += 1
    return [side for side, _ in found.most_common(1) if side <= max(SIZES)]


def channels_of(model: nn.Module) -> int:
    """How many channels the first convolution of a model takes."""
    convolutions = (m for m in model.modules() if isinstance(m, nn.Conv2d))
    first = next(convolutions, None)
    return 3 if first is None else first.in_channels


def in_channels(images: np.ndarray, channels: int) -> np.ndarray:
    """RGB bytes (N, S, S, 3) as a network of so many channels takes them: grey for one."""
    if channels == 3:
        return images
    if channels != 1:
        raise ValueError(
            f"the model takes images of {channels} channels, and files have 3, or 1 as grey"
        )
    luminance = grey(torch.from_numpy(images.copy()).permute(0, 3, 1, 2).float())
    return luminance.round().to(torch.uint8).numpy()[..., None]


def choose_task(
    pictures: FaceSet, network: AdaptedNetwork, task: str | None, classes: Sequence[str] | None
) -> tuple[str, list[str]]:
    """The label that the network tells, and the names of its outputs in their order."""
    outputs = dense_layers(network.classifier)[-1].out_features
    counts = {}
    for name, column in TASKS.items():
        if pictures.table[column].notna().all():
            counts[name] = len(pictures.classes(name))
    told = ", ".join(f"{count} as {WORDS[TASKS[name]]}" for name, count in counts.items())
    if task is not None and task not in counts:
        raise ValueError(f"--task {task}: the images have classes only {told or 'of no kind'}")
    fits = [name for name in counts if classes is not None or counts[name] == outputs]
    found = [task] if task else fits
    if len(found) != 1:
        raise ValueError(
            f"the network has {outputs} outputs, and the images have {told} classes: give --task "
            f"{' or '.join(counts)}, and --classes if the names are not those of the images"
        )
    return found[0], check_classes(classes or pictures.classes(found[0]), outputs)
