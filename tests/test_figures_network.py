"""What Fig. 3 draws is what the network does."""

from __future__ import annotations

import re
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from networks import random_images, random_tiny
from torch import nn

import tinyvgg
from tinyvgg.deconv import unpool
from tinyvgg.figures import network as drawing
from tinyvgg.model import vgg

NETS = {
    "tiny": lambda: random_tiny(0, image_size=32, dtype=torch.float32),
    "no hidden dense layer": lambda: random_tiny(1, dense=(), dtype=torch.float32),
    "vgg16": lambda: vgg(16, 4, image_size=32, width=4, dense=(12,)),
}


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


@pytest.fixture(params=list(NETS))
def net(request):
    return NETS[request.param]()


def shapes_forward(net) -> list[tuple[int, ...]]:
    """Shapes after the image, every convolution and every pooling, by running them."""
    x = random_images(0, 1, net.image_size, torch.float32)
    shapes = [tuple(x.shape[1:])]
    for layer in net.features:
        x = layer(x)
        if not isinstance(layer, nn.ReLU):
            shapes.append(tuple(x.shape[1:]))
    return shapes


def shapes_back(net) -> list[tuple[int, ...]]:
    """Shapes after every unpooling and every transposed convolution, by running them."""
    recording = tinyvgg.record(net.features, random_images(0, 1, net.image_size, torch.float32))
    x, switches, shapes = recording.maps, list(recording.switches), []
    for layer in reversed(net.features):
        if isinstance(layer, nn.MaxPool2d):
            x = unpool(x, switches.pop(), layer, [2 * edge for edge in x.shape[-2:]])
        elif isinstance(layer, nn.Conv2d):
            x = F.conv_transpose2d(x, layer.weight, padding=1)
        else:
            continue
        shapes.append(tuple(x.shape[1:]))
    return shapes


def boxes(figure, row: str) -> dict[str, np.ndarray]:
    """Corners of the front of every box of a row, by the name of its layer."""
    return {
        shape.get_gid().removeprefix(f"{row}:"): shape.get_xy()
        for shape in figure.axes[0].patches
        if (shape.get_gid() or "").startswith(f"{row}:")
    }


def height(corners: np.ndarray) -> float:
    return float(np.ptp(corners[:, 1]))


def words(figure) -> list[str]:
    return [text.get_text() for text in figure.axes[0].texts]


def test_stages_of_the_way_forward_have_the_shapes_that_come_out(net):
    assert [stage.shape for stage in drawing.way_forward(net)] == shapes_forward(net)


def test_stages_of_the_way_back_have_the_shapes_that_come_out(net):
    assert [stage.shape for stage in drawing.way_back(net)] == shapes_back(net)


def test_the_way_back_undoes_every_layer_once_and_ends_with_a_picture(net):
    forward, back = drawing.way_forward(net), drawing.way_back(net)
    undone = [stage.name.replace("deconv", "conv").replace("unpool", "pool") for stage in back]
    assert undone == [stage.name for stage in forward[:0:-1]]
    assert back[-1].shape == (3, net.image_size, net.image_size)


@pytest.mark.parametrize("draw", ["architecture", "deconvolutional_network"])
def test_boxes_are_drawn_to_the_scale_of_their_maps(net, draw):
    figure = getattr(drawing, draw)(net)
    drawn = boxes(figure, "forward")
    scale = height(drawn["input"]) / net.image_size
    for stage in drawing.way_forward(net):
        assert height(drawn[stage.name]) == pytest.approx(scale * stage.shape[1])
    for stage in drawing.way_back(net) if draw == "deconvolutional_network" else ():
        back = boxes(figure, "back")
        assert height(back[stage.name]) == pytest.approx(scale * stage.shape[1])


@pytest.mark.parametrize("draw", ["architecture", "deconvolutional_network"])
def test_every_size_is_written_and_no_other(net, draw):
    said = {
        tuple(map(int, text.split(" × ")))
        for text in words(getattr(drawing, draw)(net))
        if re.fullmatch(r"\d+ × \d+", text)
    }
    assert said == {stage.shape[1:] for stage in drawing.way_forward(net)}


def test_the_dense_layers_are_drawn_with_their_units(net):
    figure = drawing.architecture(net)
    units = [layer.in_features for layer in net.classifier if isinstance(layer, nn.Linear)]
    units.append(net.num_classes)
    assert [f"{count:,}" for count in units] == [
        text for text in words(figure) if re.fullmatch(r"[\d,]+", text)
    ]
    drawn = list(boxes(figure, "forward").values())[-len(units) :]
    shares = [height(bar) ** 2 / units[0] for bar in drawn]
    assert shares == pytest.approx(np.array(units) / units[0] * shares[0])


def test_boxes_of_a_row_do_not_overlap():
    figure = drawing.deconvolutional_network(tinyvgg.TinyVGG(67, 64))
    for row in ("forward", "back"):
        ends = sorted((c[:, 0].min(), c[:, 0].max()) for c in boxes(figure, row).values())
        assert all(right <= left for (_, right), (left, _) in pairwise(ends))


def test_switches_lead_from_every_pooling_to_its_own_unpooling(net):
    figure = drawing.deconvolutional_network(net)
    back = boxes(figure, "back")
    arrows = boxes_of_arrows(figure)
    assert set(arrows) == {s.name for s in drawing.way_forward(net) if s.kind == "max-pool"}
    for pool, tip in arrows.items():
        nearest = min(back, key=lambda name: abs(back[name][:, 0].mean() - tip))
        assert nearest == f"un{pool}"


def boxes_of_arrows(figure) -> dict[str, float]:
    return {
        patch.get_gid().removeprefix("switches:"): patch._posA_posB[1][0]
        for patch in figure.axes[0].patches
        if (patch.get_gid() or "").startswith("switches:")
    }


def rows_of_maps(figure) -> dict[str, np.ndarray]:
    """The shades of every row of maps, by the numbers written under it."""
    return {
        ax.get_xlabel(): np.asarray(ax.images[0].get_array())
        for ax in figure.axes
        if ax.get_xlabel()
    }


def test_feature_maps_show_the_most_varied_maps_of_every_block_in_their_order():
    random = np.random.default_rng(0)
    maps = random.random((12, 4, 4)) * np.array([1, 9, 0, 5, 0, 0, 7, 0, 3, 0, 0, 8])[:, None, None]
    figure = drawing.feature_maps(np.zeros((8, 8, 3), np.uint8), {"pool1": maps}, columns=4)
    (numbers,) = rows_of_maps(figure)
    assert numbers == "maps 1, 3, 6, 11"


def test_feature_maps_of_a_row_share_one_scale():
    maps = np.stack([np.eye(4), 0.5 * np.eye(4)])
    figure = drawing.feature_maps(np.zeros((8, 8, 3), np.uint8), {"pool1": maps}, columns=2)
    (row,) = rows_of_maps(figure).values()
    strong, weak = row[:, :4], row[:, 5:]
    background = strong.max()
    assert background - strong.min() == pytest.approx(2 * (background - weak.min()))
