"""What is compared, and at which sizes. A comparison can be made by its name in any process."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from functools import cache, partial

import numpy as np
import torch
from torch import Tensor

from tinyvgg.backtracking import Cut, backtrack, backtrack_maps
from tinyvgg.bench import reference
from tinyvgg.bench.timing import Comparison, Implementation
from tinyvgg.deconv import deconvolve, record
from tinyvgg.layers import feature_maps_of
from tinyvgg.model import PIXEL_SCALE, TinyVGG
from tinyvgg.paper import PAPER
from tinyvgg.runs.jobs import run_jobs
from tinyvgg.runs.parallel import job
from tinyvgg.tracking import suppress, track
from tinyvgg.training.device import arithmetic
from tinyvgg.training.fit import fit
from tinyvgg.training.protocol import PRECISIONS, Protocol

Pair = tuple[Implementation, Implementation]  # ours, and the other

CLASSES = int(PAPER["subjects"].value)
PAPER_SIZE = int(PAPER["image_size"].value)  # pixels; pool3 then has 25,088 values
DEFAULT = 64
BATCH = 12  # the paper's
USUAL = "the usual PyTorch loop over a DataLoader, float32"
PIXELS = {False: 1_000_000, True: 150_000}  # that a round of training handles on a CPU, about
LEAST = 10  # steps of such a round: what making the network takes must not count for much
STEPS = 1000  # of a round on a GPU, where capturing a step takes time too
ACTIVATION = 2.0  # scale of made-up feature maps: of the order of a trained network's

TRAINING_SIZES = {False: (32, 64, 96, 128, 160, 224), True: (32,)}  # by whether it is to be quick
BATCHES = {False: (1, 4, 16, 64), True: (1, 4)}
CUT_BATCHES = {False: (1, 8), True: (1,)}
# Of the paper, in both tasks: traced on a GPU, where that takes no minutes.
MISCLASSIFIED = int(PAPER["errors_face"].value + PAPER["errors_emotion"].value)
PAIR_SIZES = {False: (64, 224), True: (32,)}
SETS = {False: (12, 48, 192), True: (12,)}


def precisions(device: str) -> list[str]:
    """Those in which a device can train."""
    return [kind for kind in PRECISIONS if kind != "tf32" or device != "cpu"]


@cache
def all_comparisons(quick: bool = False, device: str = "cpu") -> dict[str, Comparison]:
    """Every comparison by name.

    Parameters
    ----------
    quick : bool
        Few and small ones, for a look and for the tests.
    device : str
    """
    every = [
        *_training(quick, device),
        *_backtracking(quick, device),
        *_tracking(quick, device),
    ]
    return {comparison.name: comparison for comparison in every}


def find(name: str, quick: bool, device: str) -> Comparison:
    """The comparison of that name."""
    return all_comparisons(quick, device)[name]


# ---------------------------------------------------------------------- training


def _training(quick: bool, device: str) -> Iterator[Comparison]:
    for size in TRAINING_SIZES[quick]:
        images = BATCH * _steps(size, quick, device)
        for precision in precisions(device):
            yield Comparison(
                f"training, {size} px, {precision}",
                f"an epoch of {images} pictures of {size} px, in mini-batches of {BATCH}",
                USUAL,
                images,
                partial(_prepare_training, size, images, precision, device),
                growth=(f"training, {precision}", size),
            )
    for size in PAIR_SIZES[quick]:
        images = BATCH * _steps(size, quick, device)
        about = f"an epoch of {images} pictures of {size} px for each of two networks, side by side"
        yield Comparison(
            f"training two networks, {size} px",
            about,
            "one after the other",
            2 * images,
            partial(_prepare_pair, size, images, "float32", device, usual=False),
        )
        if size > DEFAULT:
            continue
        for precision in precisions(device):
            yield Comparison(
                f"training two networks, {size} px, {precision}",
                about,
                f"{USUAL}, one network after the other",
                2 * images,
                partial(_prepare_pair, size, images, precision, device, usual=True),
            )


def _steps(size: int, quick: bool, device: str) -> int:
    """How many mini-batches a round of training has."""
    return max(LEAST, round(PIXELS[quick] / size**2 / BATCH)) if device == "cpu" else STEPS


def _prepare_training(size: int, count: int, precision: str, device: str) -> Pair:
    data = _random_pictures(size, count)
    protocol = Protocol(epochs=1, batch_size=BATCH, precision=precision)
    return partial(_train, *data, protocol, device), _usual_training(*data, protocol, device)


def _usual_training(
    images: np.ndarray, labels: np.ndarray, protocol: Protocol, device: str
) -> Implementation:
    x = torch.from_numpy(images).permute(0, 3, 1, 2).float().div(PIXEL_SCALE).contiguous()
    y = torch.from_numpy(labels)

    def train() -> None:
        net = TinyVGG(CLASSES, images.shape[1]).reset(torch.Generator().manual_seed(0)).to(device)
        reference.train_an_epoch(net, x, y, BATCH, protocol.learning_rate)

    return train


def _prepare_pair(size: int, count: int, precision: str, device: str, usual: bool) -> Pair:
    data = _random_pictures(size, count)
    protocol = Protocol(epochs=1, batch_size=BATCH, precision=precision)
    work = partial(_train, *data, protocol, device)
    alone = _usual_training(*data, protocol, device) if usual else work

    def side_by_side() -> None:
        # Set around both threads: either would set it back while the other is still training.
        with arithmetic(precision, torch.device(device)):
            run_jobs([job(name, work, torch.device(device)) for name in ("one", "two")], 2)

    def in_turn() -> None:
        for _ in range(2):
            alone()

    return side_by_side, in_turn


def _train(images: np.ndarray, labels: np.ndarray, protocol: Protocol, device: str) -> None:
    rows, net = np.arange(len(images)), TinyVGG(CLASSES, images.shape[1])
    fit(net, images, labels, rows, rows[:1], protocol, device=device, progress=False)


def _random_pictures(size: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (count, size, size, 3), dtype=np.uint8)
    return images, rng.integers(0, CLASSES, count)


# ---------------------------------------------------------------------- backtracking and the cut


def _backtracking(quick: bool, device: str) -> Iterator[Comparison]:
    size = DEFAULT if quick else PAPER_SIZE
    every = () if quick or device == "cpu" else (MISCLASSIFIED,)
    for cut, name, batches in (
        (None, "backtracking, as printed", (*BATCHES[quick], *every)),
        (Cut(), "backtracking, as released", (*CUT_BATCHES[quick], *every)),
    ):
        for batch in batches:
            yield Comparison(
                f"{name}, {batch} at a time",
                f"{batch} images at {size} px, from the last feature maps",
                "image by image and unit by unit",
                batch,
                partial(_prepare_backtracking, size, batch, cut, device),
                _share_that_differs,
                growth=(name, batch),
            )


def _prepare_backtracking(size: int, batch: int, cut: Cut | None, device: str) -> Pair:
    net = _network(size, device)
    generator = torch.Generator().manual_seed(1)
    maps = ACTIVATION * torch.randn(batch, *net.pixel_shape, generator=generator).relu().to(device)
    # for a user on a GPU, too, the loop over units runs where numpy is
    other = TinyVGG(CLASSES, size)
    other.load_state_dict(net.state_dict())
    here = maps.cpu()
    return (
        lambda: backtrack_maps(net, maps, cut=cut).pixels,
        lambda: reference.backtrack(other, here, cut),
    )


def _share_that_differs(a: np.ndarray, b: np.ndarray) -> float:
    return float((a != b).mean())


# ---------------------------------------------------------------------- tracking and suppression


def _tracking(quick: bool, device: str) -> Iterator[Comparison]:
    size = 32 if quick else DEFAULT
    for images in SETS[quick]:
        yield Comparison(
            f"tracking, {images} images",
            f"Algorithm 2 for {images} images of {size} px",
            "image by image, by the layers of torch",
            images,
            partial(_prepare_tracking, size, images, device),
            _largest_difference,
            growth=("tracking", images),
        )
    images = max(SETS[quick])
    yield Comparison(
        f"suppression, {images} images",
        f"probabilities of {images} images of {size} px without some pixels",
        "the whole network again, with a hook",
        images,
        partial(_prepare_suppression, size, images, device),
        _largest_difference,
    )
    yield Comparison(
        "check, 12 images",
        f"backtracking 12 images of {size} px, compared with the network's own forward pass",
        "the same without the comparison",
        12,
        partial(_prepare_check, size, 12, device),
        _share_that_differs,
    )
    yield Comparison(
        "deconvolution, 12 images",
        f"the last feature maps of 12 images of {size} px, back to the picture",
        "captum's NeuronDeconvolution",
        12,
        partial(_prepare_deconvolution, size, 12, device),
        _largest_difference,
    )


def _prepare_tracking(size: int, count: int, device: str) -> Pair:
    net, images, pixels = _pictures(size, count, device)
    return (
        lambda: track(net, images, pixels, bias="none", ties="first").difference,
        lambda: reference.track(net, images, pixels),
    )


def _prepare_suppression(size: int, count: int, device: str) -> Pair:
    net, images, pixels = _pictures(size, count, device)
    maps = record(net.features, images).maps
    return lambda: suppress(net, maps, pixels), lambda: reference.suppress(net, images, pixels)


def _prepare_check(size: int, count: int, device: str) -> Pair:
    net, images, _ = _pictures(size, count, device)
    return (
        lambda: backtrack(net, images).pixels,
        lambda: backtrack_maps(net, feature_maps_of(net, images)).pixels,
    )


def _prepare_deconvolution(size: int, count: int, device: str) -> Pair:
    from captum.attr import NeuronDeconvolution

    net, images, _ = _pictures(size, count, device)
    maps = record(net.features, images).maps
    method = NeuronDeconvolution(net, net.features[-1])

    def ours() -> Tensor:
        recording = record(net.features, images)
        return deconvolve(net.features, recording, bias="none", ties="first", rectify=False)

    def captums() -> Tensor:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it says that it sets hooks, at each call
            shown = method.attribute(images, lambda out: (out * maps).flatten(1).sum(dim=1))
        return shown.detach()

    return ours, captums


def _pictures(size: int, count: int, device: str) -> tuple[TinyVGG, Tensor, Tensor]:
    """A network, random pictures (B, 3, S, S), and a random half of the pixels of its maps."""
    net, generator = _network(size, device), torch.Generator().manual_seed(2)
    images = torch.rand(count, 3, size, size, generator=generator).to(device)
    pixels = torch.rand(count, *net.pixel_shape, generator=generator).to(device) < 0.5
    return net, images, pixels


def _network(size: int, device: str) -> TinyVGG:
    net = TinyVGG(CLASSES, size)
    net.reset(torch.Generator().manual_seed(0))
    return net.to(device).eval()


def _largest_difference(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.abs(a - b).max())
