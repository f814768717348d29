"""Eq. 1 and its inverses against convolutions that are run."""

from __future__ import annotations

import pytest
import torch
from networks import random_tiny
from torch import nn

from tinyvgg.experiments import sizes
from tinyvgg.model import TinyVGG, vgg


@pytest.fixture(scope="module")
def ran():
    return sizes.run_sizes()


def test_every_case_of_the_paper_is_tried_in_many_sizes(ran):
    assert set(ran.case) == set(sizes.CASES)
    assert ran.groupby("case").size().min() > 200


def test_cases_are_told_apart_by_padding_and_stride(ran):
    groups = dict(list(ran.groupby("case")))
    assert (groups["padded"].p > 0).all() and (groups["padded"].s == 1).all()
    assert (groups["strided"].p == 0).all() and (groups["strided"].s > 1).all()
    assert (groups["unit"].p == 0).all() and (groups["unit"].s == 1).all()


def test_equation_1_and_its_inverses_give_the_sizes_that_come_out(ran):
    assert (ran.after == ran.after_by_equation).all()
    assert (ran.back == ran.back_by_equation).all()


def test_the_way_back_falls_short_by_the_rest_of_the_stride(ran):
    assert (ran.i - ran.back == ran.rest).all()
    assert (ran.rest > 0).any()


def test_a_wrong_inverse_is_found_out(monkeypatch):
    monkeypatch.setattr(sizes, "deconv_size_strided", lambda i, k, s: s * i + k)
    monkeypatch.setattr(sizes, "INPUTS", range(1, 9))
    ran = sizes.run_sizes()
    wrong = ran.back != ran.back_by_equation
    assert set(ran.case[wrong]) == {"strided"}


def test_windows_of_two_with_a_stride_of_two_lose_the_last_pixel_of_an_odd_size(ran):
    ran = ran.query("i in (7, 8) and k == 2 and p == 0 and s == 2").set_index("i")
    assert ran.after.to_dict() == {7: 3, 8: 4}
    assert ran.back.to_dict() == {7: 6, 8: 8}


@pytest.mark.parametrize("net", [TinyVGG(5, 40, 6, ()), vgg(16, 4, 32, width=2, dense=(8,))])
def test_every_layer_with_maps_has_the_shape_stated(net):
    table = sizes.run_layers(net)
    kinds = (nn.Conv2d, nn.MaxPool2d)
    assert len(table) == 1 + sum(isinstance(layer, kinds) for layer in net.features)
    assert (table.stated == table.ran).all()
    assert table.ran.iloc[-1] == net.pixel_shape


def test_a_table_of_another_network_is_found_out(monkeypatch):
    other = sizes.layer_table(TinyVGG(5, 48, 6, ()))
    monkeypatch.setattr(sizes, "layer_table", lambda _: other)
    table = sizes.run_layers(TinyVGG(5, 40, 6, ()))
    assert (table.stated != table.ran).all()


def test_a_pixel_changes_with_the_pixels_in_its_field_of_view_and_no_other():
    net = random_tiny(0, image_size=80)
    side, step = sizes.field_of_view(net)
    assert (side, step) == (36, 8)
    smooth = nn.Sequential(  # every path counts: averages for maxima, and no rectifier
        *(
            nn.AvgPool2d(2) if isinstance(layer, nn.MaxPool2d) else layer
            for layer in net.features
            if not isinstance(layer, nn.ReLU)
        )
    )
    image = torch.rand(1, 3, 80, 80, dtype=torch.float64, requires_grad=True)
    edges = []
    for row in (4, 5):
        (gradient,) = torch.autograd.grad(smooth(image)[0, 0, row, 5], image)
        seen = gradient[0].abs().sum(dim=0).nonzero()[:, 0]
        edges.append((seen.min().item(), seen.max().item() + 1))
    assert [last - first for first, last in edges] == [side, side]
    assert edges[1][0] - edges[0][0] == step
