"""The faster precision of a machine: chosen by a trial, kept, and nothing else changed by it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from tinyvgg.model import TinyVGG
from tinyvgg.runs.study import Study
from tinyvgg.training import fit as fitting
from tinyvgg.training import precision
from tinyvgg.training.fit import fit
from tinyvgg.training.precision import faster
from tinyvgg.training.protocol import Protocol

CPU = torch.device("cpu")
EITHER = [Protocol(epochs=2, batch_size=4, precision=p) for p in precision.CANDIDATES]


@pytest.fixture
def data():
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (12, 16, 16, 3), dtype=np.uint8)
    return images, np.arange(12) % 3, np.arange(8), np.arange(8, 12)


@pytest.fixture
def slow(monkeypatch):
    """Makes the steps of one precision the slower ones, whatever the machine."""

    def make(name):
        def seconds(trial, number):
            if number == 0:
                return 0.0  # the first time does not count
            return 2.0 if trial.precision == name else 1.0

        monkeypatch.setattr(precision._Trial, "seconds", seconds)

    return make


@pytest.mark.parametrize(("slower", "chosen"), [("float32", "bfloat16"), ("bfloat16", "float32")])
def test_the_faster_is_taken(slow, slower, chosen, data):
    slow(slower)
    auto = fit(TinyVGG(3, 16), *data, replace(EITHER[0], precision="auto"), device=CPU)
    named = fit(TinyVGG(3, 16), *data, replace(EITHER[0], precision=chosen), device=CPU)
    for name, tensor in named.weights["last"].items():
        assert torch.equal(tensor, auto.weights["last"][name])


def test_a_trial_makes_steps_in_both_and_leaves_the_network_as_it_is():
    network = TinyVGG(3, 16).reset(torch.Generator().manual_seed(0)).double().float()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    assert faster(EITHER, network, 16, CPU) in EITHER
    trial = precision._Trial(EITHER[1], network, 16, CPU)
    assert trial.seconds(0) > 0
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())


def test_double_precision_stays_what_it_is(slow, data):
    slow("float32")
    made = fit(TinyVGG(3, 16).double(), *data, replace(EITHER[0], precision="auto"), device=CPU)
    assert next(iter(made.weights["last"].values())).dtype == torch.float64


@pytest.mark.parametrize("begun", precision.CANDIDATES)
def test_a_checkpoint_goes_on_in_the_precision_that_it_was_begun_in(
    begun, slow, data, tmp_path, monkeypatch
):
    path = tmp_path / "checkpoint"
    once = Protocol(epochs=1, batch_size=4, precision=begun)
    fit(TinyVGG(3, 16), *data, once, device=CPU, checkpoint=path)
    slow(begun)
    monkeypatch.setattr(fitting, "faster", None)  # no trial is made
    twice = replace(once, epochs=2, precision="auto")
    made = fit(TinyVGG(3, 16), *data, twice, device=CPU, checkpoint=path)
    whole = fit(TinyVGG(3, 16), *data, replace(twice, precision=begun), device=CPU)
    assert made.history.loss.tolist() == whole.history.loss.tolist()


def test_a_study_tries_once_and_keeps_what_it_found(slow, tmp_path, monkeypatch):
    monkeypatch.setenv("TINYVGG_STORE", str(tmp_path))
    slow("float32")
    first = Study("smoke", precision="auto")
    assert first.protocol("face").precision == "bfloat16"
    slow("bfloat16")
    assert Study("smoke", precision="auto").departures == first.departures
    assert Study("smoke", precision="auto", image_size=64).departures["precision"] == "float32"


def test_the_book_does_not_choose():
    assert Study("smoke").protocol("face").precision == "float32" == Protocol().precision
