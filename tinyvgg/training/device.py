"""Where and how numbers are computed: the device, its arithmetic, threads, memory."""

from __future__ import annotations

import ctypes
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

PRODUCTS = torch.backends.cuda.matmul, torch.backends.cudnn.conv  # type: ignore[attr-defined]


def resolve_device(device: str | torch.device) -> torch.device:
    """The device of that name: "auto" is CUDA where there is one, else the CPU.

    Raises
    ------
    ValueError
        The name is unknown, or this machine has no such device.
    """
    known = "auto, cpu, cuda, cuda:N"
    if str(device) == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        found = torch.device(device)
    except (RuntimeError, TypeError):
        raise ValueError(f"unknown device {device!r}: choose one of {known}") from None
    if found.type not in ("cpu", "cuda"):
        raise ValueError(f"unknown device {device!r}: choose one of {known}")
    if found.type == "cuda" and (found.index or 0) >= torch.cuda.device_count():
        raise ValueError(
            f"device {device!r} was asked for, but torch sees {torch.cuda.device_count()} "
            "CUDA devices here; choose cpu or auto"
        )
    return found


def processor() -> str:
    """Name of the processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf8").splitlines()
        named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    except OSError:
        named = []
    return named[0] if named else platform.processor() or platform.machine()


@contextmanager
def arithmetic(precision: str, device: torch.device) -> Iterator[None]:
    """Let CUDA multiply single precision by a protocol's `precision`, inside the block.

    By default torch rounds the factors of convolutions to TF32. A CPU is not affected.

    Raises
    ------
    ValueError
        TF32 on a CPU.
    """
    if precision == "tf32" and device.type != "cuda":
        raise ValueError("precision 'tf32' exists on CUDA alone; choose float32 or bfloat16")
    before = [kind.fp32_precision for kind in PRODUCTS]
    try:
        for kind in PRODUCTS:
            kind.fp32_precision = "tf32" if precision == "tf32" else "ieee"
        yield
    finally:
        for kind, value in zip(PRODUCTS, before, strict=True):
            kind.fp32_precision = value


def full_precision() -> None:
    """Let CUDA compute all products in full single precision, in this process, from now on."""
    for kind in PRODUCTS:
        kind.fp32_precision = "ieee"


@contextmanager
def threads(number: int) -> Iterator[None]:
    """Let torch compute with that many threads inside the block."""
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def keep_freed_memory() -> None:
    """Ask glibc to keep freed blocks for the next step.

    Every step allocates the same activations and gradients, of megabytes each. By default
    glibc hands such blocks back to the kernel and gets them again page by page, zeroed: on a
    CPU that took more than half of the time of a step. Elsewhere than on glibc: no effect.
    """
    trim_threshold, mmap_threshold = -1, -3  # names of malloc.h
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):
        return
    mallopt(mmap_threshold, 2**30)
    mallopt(trim_threshold, 2**31 - 1)
