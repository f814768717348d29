"""The least work of a training step in computation and memory traffic, and the peak of a machine.

A step cannot be faster than its multiplications at the machine's peak rate, nor than its bytes
at the machine's peak bandwidth. Both bounds follow from the network's layers alone.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import torch
from torch import nn

from tinyvgg.model import VGG, TinyVGG, layer_table
from tinyvgg.training.device import arithmetic

PASSES = 3  # forward; gradient by what came in; gradient by the weights
# A weight is read forward and backward, its gradient is written; the update reads both and writes.
WEIGHT_MOVES = 6
# A layer's output is written and read forward, read backward for the weights' gradient; its own
# gradient is written, and read for either gradient below.
OUTPUT_MOVES = 6
FLOAT32 = 4  # bytes
SIDES = (256, 512, 1024, 2048)  # of the matrix products that measure a machine
ENOUGH = 0.1  # seconds of a product; without bfloat16 instructions the largest takes minutes
MEGABYTES = 256  # of the copies
BEST_OF = 7


class Work(NamedTuple):
    """Of a training step: multiplications (each with its addition), and bytes moved."""

    products: int
    bytes: int


class Peaks(NamedTuple):
    """Peak rates of a machine, per second."""

    products: float
    bytes: float


# TF32 without sparsity, a product being two operations; SXM module, NVIDIA's data sheet
H100 = Peaks(products=989e12 / 2 / 2, bytes=3.35e12)


def in_words(image_size: int, num_classes: int, batch_size: int) -> dict[str, float]:
    """What sentences quote: how often things move, and the floor of TinyVGG on an H100.

    Returns
    -------
    dict
        passes, output_moves, weight_moves; h100_products, h100_bytes (1e12 a second);
        h100_products_ms, h100_bytes_ms (either bound of a step), h100_images (a second).
    """
    work = training_work(TinyVGG(num_classes, image_size), batch_size, "tf32")
    return {
        "passes": PASSES,
        "output_moves": OUTPUT_MOVES,
        "weight_moves": WEIGHT_MOVES,
        "h100_products": H100.products / 1e12,
        "h100_bytes": H100.bytes / 1e12,
        "h100_products_ms": 1000 * work.products / H100.products,
        "h100_bytes_ms": 1000 * work.bytes / H100.bytes,
        "h100_images": batch_size / floor_seconds(work, H100),
    }


def training_work(net: VGG, batch_size: int, precision: str = "float32") -> Work:
    """The least work of a step of plain SGD, if every layer runs as one operation.

    A rectifier costs nothing, since it can be done where its layer writes. The first layer needs
    no gradient by what came in. The weights are in single precision always.

    Parameters
    ----------
    net : VGG
    batch_size : int
    precision : {"float32", "tf32", "bfloat16"}
        Of what the layers put out.
    """
    rows = [row for row in layer_table(net) if row["kind"] != "input"]
    layers = [m for m in net.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    weighted = [row for row in rows if row["parameters"]]
    products = 0
    for k, (row, layer) in enumerate(zip(weighted, layers, strict=True)):
        positions = math.prod(row["output"]) // layer.weight.shape[0]
        products += (PASSES - (k == 0)) * positions * layer.weight.numel()
    outputs = sum(math.prod(row["output"]) for row in rows)
    pictures = 3 * net.image_size**2  # bytes, read once
    weights = sum(row["parameters"] for row in rows)
    size = 2 if precision == "bfloat16" else FLOAT32
    moved = OUTPUT_MOVES * size * outputs * batch_size + WEIGHT_MOVES * FLOAT32 * weights
    return Work(products * batch_size, moved + pictures * batch_size)


def floor_seconds(work: Work, peaks: Peaks) -> float:
    """The larger of the two bounds, since computation and memory traffic may overlap."""
    return max(work.products / peaks.products, work.bytes / peaks.bytes)


def measure_peaks(device: str, precision: str = "float32") -> Peaks:
    """Peak rates of this machine: the best of several large matrix products, and of copies."""
    kind = torch.bfloat16 if precision == "bfloat16" else torch.float32
    products = 0.0
    with arithmetic(precision, torch.device(device)):
        for side in SIDES:
            a = torch.ones(side, side, device=device, dtype=kind)
            seconds = _best(partial(torch.matmul, a, a), device)
            products = max(products, side**3 / seconds)
            if seconds > ENOUGH:
                break
    block = torch.ones(MEGABYTES * 2**20 // FLOAT32, device=device)
    copy = _best(partial(torch.empty_like(block).copy_, block), device)
    return Peaks(products, 2 * block.nbytes / copy)  # a copy reads and writes


def _best(work: Callable[[], object], device: str) -> float:
    took = []
    for _ in range(BEST_OF):
        start = time.perf_counter()
        work()
        if device.startswith("cuda"):
            torch.cuda.synchronize(device)
        took.append(time.perf_counter() - start)
    return min(took)
