"""Devices by name, and what CUDA's single precision is inside and outside a block."""

import pytest
import torch

from tinyvgg.training import device
from tinyvgg.training.device import resolve_device, threads


@pytest.mark.parametrize("name", ["gpu", "mps", "cuda:99"])
def test_an_unknown_or_absent_device_is_refused(name):
    with pytest.raises(ValueError, match=name):
        resolve_device(name)


def test_single_precision_is_as_it_was_after_training():
    before = [kind.fp32_precision for kind in device.PRODUCTS]
    with device.arithmetic("tf32", torch.device("cuda")):  # needs no GPU
        assert [kind.fp32_precision for kind in device.PRODUCTS] == ["tf32", "tf32"]
        with device.arithmetic("float32", torch.device("cpu")):
            assert [kind.fp32_precision for kind in device.PRODUCTS] == ["ieee", "ieee"]
    assert [kind.fp32_precision for kind in device.PRODUCTS] == before


def test_the_number_of_threads_is_what_it_was_after_the_block():
    before = torch.get_num_threads()
    with pytest.raises(RuntimeError), threads(1):
        assert torch.get_num_threads() == 1
        raise RuntimeError
    assert torch.get_num_threads() == before
