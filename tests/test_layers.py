"""Supported networks run as their own forward pass does; every other one is refused by name."""

from collections import OrderedDict

import pytest
import torch
from networks import (
    FOREIGN,
    SmallVGG,
    assert_unchanged,
    random_foreign,
    random_images,
    random_tiny,
    snapshot,
)
from torch import nn

from tinyvgg.graph import Node
from tinyvgg.layers import dense_layers, dense_pass, feature_maps_of, feature_nodes, padding_of


@pytest.mark.parametrize("kind", FOREIGN)
def test_torchvision_style_networks_give_their_own_logits_and_stay_as_they_are(kind):
    net = random_foreign(kind, seed=0)
    images = random_images(0, batch=2, image_size=kind.image_size)
    before = snapshot(net, images)
    maps = feature_maps_of(net, images)  # in training mode: dropout must not play a part
    *_, logits = dense_pass(dense_layers(net.classifier), maps)
    assert_unchanged(before, net, images)
    assert net.training
    assert torch.equal(logits, net.eval()(images))
    assert torch.equal(maps, net.features(images))
    assert not maps.requires_grad


def test_images_are_not_rectified_in_place_by_a_first_relu():
    net = random_tiny(0)
    net.features = nn.Sequential(nn.ReLU(inplace=True), *net.features)
    images = random_images(0) - 0.5
    before = images.clone()
    feature_maps_of(net, images)
    assert torch.equal(images, before)


def test_layers_are_read_and_not_called():
    net, called = random_tiny(0), []
    for module in net.modules():
        module.register_forward_hook(lambda *_: called.append(1))
    feature_maps_of(net, random_images(0))
    assert not called


def test_activations_are_the_rectified_outputs_of_each_dense_layer():
    net = random_tiny(2)
    maps = feature_maps_of(net, random_images(2))
    activations = dense_pass(dense_layers(net.classifier), maps)
    assert len(activations) == 5
    assert torch.equal(activations[0], maps.reshape(3, -1))
    x = activations[0]
    for j, linear in enumerate(net.classifier[::2], start=1):
        x = x @ linear.weight.T + linear.bias
        x = x.clamp(min=0) if j < 4 else x
        torch.testing.assert_close(activations[j], x)


def test_images_move_to_the_dtype_of_the_network():
    net = random_tiny(3, dtype=torch.float32)
    maps = feature_maps_of(net, random_images(3))  # float64
    assert maps.dtype == torch.float32
    assert torch.equal(maps, net.features(random_images(3).float()))


def test_layers_that_pass_through_are_left_out():
    features = nn.Sequential(nn.Identity(), nn.Conv2d(3, 4, 3), nn.Dropout2d(), nn.ReLU())
    assert feature_nodes(features) == [Node(features[1], (-1,)), Node(features[3], (0,))]
    classifier = nn.Sequential(
        nn.Dropout(), nn.Linear(4, 3), nn.Identity(), nn.ReLU(), nn.Dropout(), nn.Linear(3, 2)
    )
    assert [each.linear for each in dense_layers(classifier)] == [classifier[1], classifier[5]]
    assert dense_layers(nn.Sequential(nn.Linear(4, 3))) != []


@pytest.mark.parametrize(
    ("features", "error", "message"),
    [
        (nn.Conv2d(3, 4, 3), TypeError, "nn.Sequential of Conv2d, ReLU, MaxPool2d, got Conv2d"),
        (
            nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)),
            TypeError,
            r"features\[1\] is a BatchNorm2d; supported are Conv2d, ReLU, MaxPool2d",
        ),
        (nn.Sequential(nn.Conv2d(3, 4, 3), nn.LeakyReLU()), TypeError, r"\[1\] is a LeakyReLU"),
        (nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU6()), TypeError, r"\[1\] is a ReLU6"),
        (nn.Sequential(nn.Conv2d(3, 4, 3), nn.AvgPool2d(2)), TypeError, r"\[1\] is a AvgPool2d"),
        (
            nn.Sequential(nn.Conv2d(3, 4, 3, padding=1, padding_mode="reflect")),
            ValueError,
            "'reflect'; only padding_mode='zeros'",
        ),
        (nn.Sequential(nn.Conv2d(3, 4, 2, padding="same")), ValueError, "more than the other"),
        (nn.Sequential(nn.ReLU()), ValueError, "no Conv2d"),
    ],
)
def test_unsupported_features_are_refused_by_name(features, error, message):
    with pytest.raises(error, match=message):
        feature_nodes(features)


@pytest.mark.parametrize(
    ("classifier", "error", "message"),
    [
        (nn.Linear(4, 2), TypeError, "classifier must be an nn.Sequential of Linear, ReLU"),
        (
            nn.Sequential(nn.Flatten(), nn.Linear(4, 2)),
            TypeError,
            r"classifier\[0\] is a Flatten; supported are Linear, ReLU",
        ),
        (nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 2)), TypeError, "Tanh"),
        (nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 2)), ValueError, "got Linear, Linear"),
        (nn.Sequential(nn.Linear(4, 2), nn.ReLU()), ValueError, "got Linear, ReLU"),
        (nn.Sequential(nn.ReLU(), nn.Linear(4, 2)), ValueError, "got ReLU, Linear"),
        (nn.Sequential(nn.ReLU(), nn.ReLU(), nn.ReLU()), ValueError, "got ReLU, ReLU, ReLU"),
        (nn.Sequential(nn.Dropout()), ValueError, "got no layer"),
        (nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(4, 2)), ValueError, "3 outputs.* 4"),
    ],
)
def test_unsupported_classifiers_are_refused_by_name(classifier, error, message):
    with pytest.raises(error, match=message):
        dense_layers(classifier)


def test_networks_with_other_parts_are_refused_by_name():
    images = random_images(0)
    with pytest.raises(TypeError, match=r"Sequential has no \.features"):
        feature_maps_of(nn.Sequential(nn.Conv2d(3, 4, 3)), images)
    without = nn.Sequential(OrderedDict(features=random_tiny(0).features))
    with pytest.raises(TypeError, match=r"has no \.classifier"):
        feature_maps_of(without, images)
    net = random_tiny(0)
    net.normalise = nn.InstanceNorm2d(3)
    with pytest.raises(TypeError, match=r"TinyVGG\.normalise is a InstanceNorm2d"):
        feature_maps_of(net, images)


def test_an_average_pool_that_resizes_is_refused_and_an_idle_one_is_not():
    net = random_foreign(SmallVGG, seed=1)
    with pytest.raises(ValueError, match=r"from \(8, 8\) to \(7, 7\)"):
        feature_maps_of(net, random_images(0, image_size=32))
    images = random_images(0, image_size=28)
    for idle in (nn.AdaptiveAvgPool2d((None, 7)), nn.AdaptiveAvgPool2d(7), nn.Identity()):
        net.avgpool = idle
        assert torch.equal(feature_maps_of(net, images), net.features(images))
    net.avgpool = nn.AvgPool2d(1)
    with pytest.raises(TypeError, match="avgpool is a AvgPool2d"):
        feature_maps_of(net, images)


@pytest.mark.parametrize(
    ("images", "error", "message"),
    [
        ([[0.0]], TypeError, "got list; as_input"),
        (torch.zeros(1, 3, 16, 16, dtype=torch.uint8), ValueError, "torch.uint8; as_input"),
        (torch.zeros(3, 16, 16), ValueError, r"\(B, 3, H, W\), got \(3, 16, 16\)"),
        (torch.zeros(2, 1, 16, 16), ValueError, r"\(B, 3, H, W\), got \(2, 1, 16, 16\)"),
        (torch.zeros(0, 3, 16, 16), ValueError, r"empty: .*\(0, 3, 16, 16\)"),
        (torch.zeros(1, 3, 24, 24), ValueError, r"24 pixels .*\(1, 6, 3, 3\)"),
        (torch.zeros(1, 3, 4, 4), ValueError, "too small.*MaxPool2d.*1 x 1"),
    ],
)
def test_images_of_the_wrong_kind_or_shape_are_refused(images, error, message):
    with pytest.raises(error, match=message):
        feature_maps_of(random_tiny(0), images)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_images_that_are_not_finite_are_refused_with_their_rows(value):
    images = random_images(0)
    images[1, 2, 3, 4] = value
    with pytest.raises(ValueError, match=r"rows \[1\]"):
        feature_maps_of(random_tiny(0), images)


@pytest.mark.parametrize("dilation", [1, 2])
def test_padding_given_as_a_word_is_the_padding_that_torch_uses(dilation):
    x = random_images(0, image_size=9)
    for word in ("same", "valid"):
        conv = nn.Conv2d(3, 2, (3, 5), padding=word, dilation=dilation).double()
        numbers = nn.Conv2d(3, 2, (3, 5), padding=padding_of(conv), dilation=dilation).double()
        numbers.load_state_dict(conv.state_dict())
        torch.testing.assert_close(conv(x), numbers(x))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda net: net.classifier.double(), "weight is torch.float32 on cpu, classifier.0.weig"),
        (lambda net: net.to("meta"), "features.0.weight is on device 'meta'.*to_empty"),
        (lambda net: net.classifier.to("meta"), "classifier.0.weight is on device 'meta'"),
        (
            lambda net: setattr(net, "classifier", nn.Sequential(nn.LazyLinear(5))),
            "classifier.0.weight has no shape yet.*lazy: run the network",
        ),
    ],
)
def test_weights_that_are_not_there_or_not_of_one_kind_are_refused(change, message):
    net = random_tiny(0, dtype=torch.float32)
    change(net)
    with pytest.raises(ValueError, match=message):
        feature_maps_of(net, random_images(0))
