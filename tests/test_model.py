"""Tiny VGG is Table 1, its input is the released code's, and Eq. 1 is what torch computes."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from networks import random_images, random_tiny
from torch import nn

from tinyvgg.model import (
    PIXEL_SCALE,
    Inception,
    TinyVGG,
    as_input,
    build,
    conv_size,
    deconv_size_padded,
    deconv_size_strided,
    deconv_size_unit,
    layer_table,
    vgg,
)


def test_table_1_of_the_paper():
    rows = layer_table(TinyVGG(num_classes=67))
    seen = [(row["layer"], row["output"], row["parameters"]) for row in rows]
    assert seen == [
        ("input", (3, 224, 224), 0),
        ("conv1_1", (32, 224, 224), 32 * (3 * 9 + 1)),
        ("conv1_2", (32, 224, 224), 32 * (32 * 9 + 1)),
        ("pool1", (32, 112, 112), 0),
        ("conv2_1", (32, 112, 112), 32 * (32 * 9 + 1)),
        ("conv2_2", (32, 112, 112), 32 * (32 * 9 + 1)),
        ("pool2", (32, 56, 56), 0),
        ("conv3_1", (32, 56, 56), 32 * (32 * 9 + 1)),
        ("conv3_2", (32, 56, 56), 32 * (32 * 9 + 1)),
        ("pool3", (32, 28, 28), 0),
        ("dense1", (1024,), 25_088 * 1024 + 1024),
        ("dense2", (512,), 1024 * 512 + 512),
        ("dense3", (256,), 512 * 256 + 256),
        ("output", (67,), 256 * 67 + 67),
    ]
    for row in rows[1:]:
        geometry = {"conv": (3, 1, 1, 32), "max-pool": (2, 2, 0, 32), "dense": (None,) * 4}
        assert (row["kernel"], row["stride"], row["padding"], row["maps"]) == geometry[row["kind"]]
    assert [row["units"] for row in rows[-4:]] == [1024, 512, 256, 67]


def test_the_table_counts_every_parameter_and_the_shapes_that_torch_gives():
    net = random_tiny(0, image_size=24)
    rows = layer_table(net)
    assert sum(row["parameters"] for row in rows) == sum(p.numel() for p in net.parameters())
    x, shapes = random_images(0, batch=1, image_size=24), []
    for layer in net.features:
        x = layer(x)
        if not isinstance(layer, nn.ReLU):
            shapes.append(tuple(x.shape[1:]))
    assert [row["output"] for row in rows[1:10]] == shapes
    assert net.pixel_shape == shapes[-1] == (6, 3, 3)


def test_forward_is_features_flattened_into_classifier_with_one_relu_between_layers():
    net = random_tiny(1)
    images = random_images(1)
    assert [type(layer) for layer in net.features] == [
        nn.Conv2d, nn.ReLU, nn.Conv2d, nn.ReLU, nn.MaxPool2d,
    ] * 3  # fmt: skip
    assert [type(layer) for layer in net.classifier] == [nn.Linear, nn.ReLU] * 3 + [nn.Linear]
    x = images
    for layer in net.features:
        x = layer(x)
    x = x.reshape(3, -1)
    for layer in net.classifier:
        x = layer(x)
    assert torch.equal(net(images), x)


def test_weights_are_glorot_uniform_and_biases_zero():
    net = TinyVGG(num_classes=10, image_size=64).reset(torch.Generator().manual_seed(0))
    for layer in net.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            field = layer.weight[0, 0].numel()  # 9 for a convolution, 1 for a dense layer
            fans = (layer.weight.shape[0] + layer.weight.shape[1]) * field
            bound = (6 / fans) ** 0.5
            assert layer.weight.abs().max() <= bound
            assert layer.weight.abs().max() > 0.98 * bound
            assert abs(layer.weight.std() / (bound / 3**0.5) - 1) < 0.05
            assert not layer.bias.any()


def test_he_weights_keep_the_variance_that_rectified_layers_need():
    net = TinyVGG(10, 64).reset(torch.Generator().manual_seed(0), "he")
    for layer in net.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            fan_in = layer.weight[0].numel()
            bound = (6 / fan_in) ** 0.5
            assert layer.weight.abs().max() <= bound
            if layer.weight.numel() > 2000:
                assert layer.weight.var().item() == pytest.approx(2 / fan_in, rel=0.05)
            assert not layer.bias.any()
    with pytest.raises(ValueError, match="glorot, he"):
        net.reset(None, "normal")


def test_batch_norm_stands_between_each_convolution_and_its_relu():
    net = build("vgg16_bn", 8, 32)
    kinds = [type(layer).__name__ for layer in net.features]
    for k, kind in enumerate(kinds):
        if kind == "Conv2d":
            assert kinds[k + 1 : k + 3] == ["BatchNorm2d", "ReLU"]
    assert kinds.count("BatchNorm2d") == 13
    net(torch.rand(4, 3, 32, 32))  # moves the running means
    fresh = build("vgg16_bn", 8, 32).reset(torch.Generator().manual_seed(1)).state_dict()
    again = net.reset(torch.Generator().manual_seed(1)).state_dict()
    assert all(torch.equal(again[name], value) for name, value in fresh.items())


NETWORKS = {"tinyvgg": 10, "vgg16": 16, "vgg19": 19, "vgg19_bn": 19}
NETWORKS |= {"tinyvgg_average": 10, "tinyvgg_inception": 3 * 6 + 4}


@pytest.mark.parametrize(("name", "layers"), NETWORKS.items())
def test_networks_are_built_by_name(name, layers):
    net = build(name, 5, 32)
    assert sum(isinstance(m, nn.Conv2d | nn.Linear) for m in net.modules()) == layers
    assert net(torch.zeros(1, 3, 32, 32)).shape == (1, 5)


def test_average_pooling_stands_where_max_pooling_does():
    net, other = build("tinyvgg", 5, 16), build("tinyvgg_average", 5, 16)
    for usual, layer in zip(net.features, other.features, strict=True):
        is_pool = isinstance(usual, nn.MaxPool2d)
        assert type(layer) is (nn.AvgPool2d if is_pool else type(usual))
    assert net.pixel_shape == other.pixel_shape
    kinds = [row["kind"] for row in layer_table(other)]
    assert kinds.count("average-pool") == 3 and "max-pool" not in kinds
    x = random_images(0, image_size=16, dtype=torch.float32)
    assert torch.equal(other.features[4](x), F.avg_pool2d(x, 2))


def test_an_inception_layer_has_the_shares_of_the_first_of_googlenet():
    shapes = {name: tuple(p.shape) for name, p in Inception(192, 256).named_parameters()}
    assert {name: shape for name, shape in shapes.items() if "weight" in name} == {
        "one.0.weight": (64, 192, 1, 1),
        "three.0.weight": (96, 192, 1, 1),
        "three.2.weight": (128, 96, 3, 3),
        "five.0.weight": (16, 192, 1, 1),
        "five.2.weight": (32, 16, 5, 5),
        "pooled.1.weight": (32, 192, 1, 1),
    }  # Szegedy et al. (2014), Table 1, inception (3a)
    with pytest.raises(ValueError, match="multiple of 16 maps, got 24"):
        Inception(3, 24)


def test_an_inception_layer_is_its_branches_side_by_side():
    layer, x = Inception(5, 16).double(), torch.rand(2, 5, 6, 7, dtype=torch.float64)

    def conv(name, maps):
        weight, bias = (layer.get_parameter(f"{name}.{part}") for part in ("weight", "bias"))
        return F.conv2d(maps, weight, bias, padding=weight.shape[-1] // 2).relu()

    surrounded = F.pad(x, (1, 1, 1, 1), value=-1)
    pooled = torch.stack(
        [surrounded[..., i : i + 6, j : j + 7] for i in range(3) for j in range(3)]
    ).amax(dim=0)
    expected = [
        conv("one.0", x),
        conv("three.2", conv("three.0", x)),
        conv("five.2", conv("five.0", x)),
        conv("pooled.1", pooled),
    ]
    torch.testing.assert_close(layer(x), torch.cat(expected, dim=1))


def test_tiny_vgg_with_inception_ends_in_maps_of_the_same_shape():
    net, other = build("tinyvgg", 5, 24), build("tinyvgg_inception", 5, 24)
    x = random_images(0, image_size=24, dtype=torch.float32)
    assert net.features(x).shape == other.features(x).shape == (3, *other.pixel_shape)
    kinds = [type(layer) for layer in other.features]
    assert kinds == [Inception, nn.MaxPool2d] * 3
    assert torch.equal(other(x), other.classifier(other.features(x).flatten(1)))


def test_an_unknown_network_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="tinyvgg, vgg16, vgg19"):
        build("resnet", 5, 32)


def test_reset_depends_on_the_generator_alone():
    first = TinyVGG(4, 16, 4, (8,)).reset(torch.Generator().manual_seed(5)).state_dict()
    torch.rand(7)
    net = TinyVGG(4, 16, 4, (8,))
    assert net.reset(torch.Generator().manual_seed(5)) is net
    for name, value in net.state_dict().items():
        assert torch.equal(value, first[name])
    other = net.reset(torch.Generator().manual_seed(6)).state_dict()
    assert not torch.equal(other["classifier.0.weight"], first["classifier.0.weight"])


@pytest.mark.parametrize("depth", [16, 19])
def test_vgg_has_its_number_of_weighted_layers_and_the_published_maps(depth):
    net = vgg(depth, num_classes=4, image_size=32, width=2, dense=(6, 6))
    weighted = [layer for layer in net.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
    assert len(weighted) == depth
    pools = sum(isinstance(layer, nn.MaxPool2d) for layer in net.features)
    maps = [layer.out_channels for layer in weighted if isinstance(layer, nn.Conv2d)]
    assert pools == 5
    extra = depth == 19
    expected = [2] * 2 + [4] * 2 + [8] * (3 + extra) + [16] * (3 + extra) + [16] * (3 + extra)
    assert maps == expected
    assert net(torch.rand(2, 3, 32, 32)).shape == (2, 4)


def test_vgg_16_has_the_published_number_of_parameters():
    with torch.device("meta"):
        net = vgg(16, num_classes=1000)
    assert sum(parameter.numel() for parameter in net.parameters()) == 138_357_544


@pytest.mark.parametrize("as_tensor", [False, True])
def test_as_input_divides_bytes_by_256_and_puts_channels_first(as_tensor):
    bytes_ = np.random.default_rng(0).integers(0, 256, size=(2, 4, 5, 3), dtype=np.uint8)
    bytes_[0, 0, 0] = (255, 128, 0)
    x = as_input(torch.from_numpy(bytes_) if as_tensor else bytes_)
    assert x.dtype == torch.float32 and x.shape == (2, 3, 4, 5) and x.is_contiguous()
    assert x[0, :, 0, 0].tolist() == [255 / 256, 0.5, 0.0]
    for b, row, column, channel in np.ndindex(*bytes_.shape):
        assert x[b, channel, row, column] == bytes_[b, row, column, channel] / PIXEL_SCALE


@pytest.mark.filterwarnings("error")
def test_as_input_takes_mirrored_and_read_only_arrays():
    images = np.random.default_rng(1).integers(0, 256, size=(1, 4, 4, 3), dtype=np.uint8)
    mirrored = images[:, :, ::-1]
    assert torch.equal(as_input(mirrored), as_input(images).flip(3))
    images.flags.writeable = False
    assert as_input(images).max() == images.max() / 256


@pytest.mark.parametrize(
    ("images", "error", "message"),
    [
        (np.zeros((1, 8, 8, 3)), TypeError, "uint8.*float64"),
        (np.zeros((8, 8, 3), np.uint8), ValueError, r"\(8, 8, 3\).*images\[None\]"),
        (np.zeros((1, 3, 8, 8), np.uint8), ValueError, r"\(B, H, W, 3\).*\(1, 3, 8, 8\)"),
    ],
)
def test_as_input_refuses_what_is_no_batch_of_rgb_bytes(images, error, message):
    with pytest.raises(error, match=message):
        as_input(images)


def test_equation_1_is_the_size_that_torch_gives():
    for i in range(5, 13):
        x = torch.zeros(1, 1, i, i)
        for k in range(1, 5):
            for p in range(k // 2 + 1):
                for s in range(1, 4):
                    after = conv_size(i, k, p, s)
                    assert after == nn.Conv2d(1, 1, k, stride=s, padding=p)(x).shape[-1]
                    assert after == nn.MaxPool2d(k, stride=s, padding=p)(x).shape[-1]


def test_the_three_inverses_of_equation_1_are_the_sizes_of_transposed_convolutions():
    for i in range(2, 9):
        x = torch.zeros(1, 1, i, i)
        for k in range(1, 6):
            unit = deconv_size_unit(i, k)
            assert unit == nn.ConvTranspose2d(1, 1, k)(x).shape[-1]
            assert conv_size(unit, k) == i
            for p in range(k // 2 + 1):
                padded = deconv_size_padded(i, k, p)
                if padded > 0:
                    assert padded == nn.ConvTranspose2d(1, 1, k, padding=p)(x).shape[-1]
                    assert conv_size(padded, k, p) == i
            for s in range(1, 4):
                strided = deconv_size_strided(i, k, s)
                assert strided == nn.ConvTranspose2d(1, 1, k, stride=s)(x).shape[-1]
                assert conv_size(strided, k, s=s) == i


def test_conv_size_refuses_sizes_that_no_layer_has():
    with pytest.raises(ValueError, match="kernel of 5 does not fit an input of 2"):
        conv_size(2, 5, 1)
    with pytest.raises(ValueError, match="stride 0"):
        conv_size(4, 2, 0, 0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_classes": 1}, "num_classes=1"),
        ({"num_classes": 5, "image_size": 60}, "multiple of 8.*60"),
        ({"num_classes": 5, "image_size": 0}, "multiple of 8.*0"),
        ({"num_classes": 5, "image_size": 16, "dense": (8, 0)}, r"\(8, 0\)"),
        ({"num_classes": 5, "image_size": 16, "width": 0}, "1 unit or more"),
    ],
)
def test_impossible_networks_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        TinyVGG(**arguments)


def test_an_unknown_depth_and_a_wrong_image_size_are_refused():
    with pytest.raises(ValueError, match=r"\[16, 19\], got 11"):
        vgg(11, num_classes=5)
    with pytest.raises(ValueError, match=r"multiple of 32.*48"):
        vgg(16, num_classes=5, image_size=48)
    with pytest.raises(ValueError, match=r"\(B, 3, 16, 16\), got \(3, 3, 24, 24\)"):
        random_tiny(0)(random_images(0, image_size=24))
