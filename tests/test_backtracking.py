"""Algorithm 1 equals a plain one, captum's relevance, and one worked by hand; the cut is exact."""

import copy
import warnings

import numpy as np
import pytest
import torch
from captum.attr import LayerLRP
from captum.attr._utils.lrp_rules import Alpha1_Beta0_Rule
from networks import FOREIGN, assert_unchanged, random_foreign, random_images, random_tiny, snapshot
from torch import nn

from tinyvgg import backtracking
from tinyvgg.backtracking import (
    Backtrace,
    Cut,
    backtrack,
    backtrack_maps,
    percentile_in_order,
    percentile_in_place,
)

DENSE = [(), (9,), (9, 7), (9, 7, 6)]  # 0 to 3 hidden layers


def plain_activations(net, image):
    """a_0, a_1 ... a_n and the logits of one image as arrays, layer by layer."""
    with torch.no_grad():
        x = net.features(image[None])[0].flatten()
        activations = [x]
        for layer in net.classifier:
            x = layer(x)
            if isinstance(layer, nn.ReLU):
                activations.append(x)
    return [a.numpy() for a in activations], x.numpy()


def plain_backtrack(net, image, target=None, cut=None):
    """Algorithm 1 as it is printed, with loops and index sets, for one image."""
    a, logits = plain_activations(net, image)
    W = [
        layer.weight.detach().numpy().T for layer in net.classifier if isinstance(layer, nn.Linear)
    ]
    k = int(np.argmax(logits)) if target is None else target
    above, sets, threshold = {k}, [], 0.0
    for j in reversed(range(len(W))):
        below = set()
        if cut is not None and j == 0:
            pool = []
            for r in range(len(a[0])):
                for i in above:
                    contribution = a[0][r] * W[0][r, i]
                    if float(contribution) > cut.floor:
                        pool.append(float(contribution))
            threshold = float(np.percentile(pool, cut.percentile)) if pool else np.inf
        for r in range(len(a[j])):
            for i in above:
                if float(a[j][r] * W[j][r, i]) > (threshold if j == 0 else 0):
                    below.add(r)
        sets.append(below)
        above = below
    return k, sets, threshold


def as_sets(trace: Backtrace, b: int) -> list[set]:
    layers = [*trace.layers, trace.pixels.flatten(1)]
    return [set(layer[b].nonzero().flatten().tolist()) for layer in layers]


@pytest.mark.parametrize("dense", DENSE, ids=len)
@pytest.mark.parametrize("cut", [None, Cut(), Cut(0.0, 50), Cut(0.01, 12.5)], ids=str)
@pytest.mark.parametrize("at_a_time", [3, 10**6])
def test_backtracking_equals_the_plain_one(dense, cut, at_a_time, monkeypatch):
    monkeypatch.setattr(backtracking, "UNITS_AT_A_TIME", at_a_time)
    monkeypatch.setattr(backtracking, "PRODUCTS_AT_A_TIME", at_a_time)
    selected = 0
    for seed in range(4):
        net, images = random_tiny(seed, dense), random_images(seed) * 4
        for target in (None, 0, 3):
            trace = backtrack(net, images, target, cut)
            for b, image in enumerate(images):
                k, sets, threshold = plain_backtrack(net, image, target, cut)
                assert trace.target[b] == k
                assert as_sets(trace, b) == sets
                assert trace.threshold[b].item() == threshold
                selected += len(sets[-1])
    assert selected > 20


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("cut", [Cut(), Cut(0.0, 50)], ids=str)
def test_the_cut_pools_the_rounded_products_of_the_networks_number_format(dtype, cut):
    for seed in range(3):
        net, images = random_tiny(seed, dtype=dtype), random_images(seed, dtype=dtype) * 4
        trace = backtrack(net, images, cut=cut)
        weight = net.classifier[0].weight.detach()
        for b in range(len(images)):
            products = (weight * trace.maps[b].flatten())[trace.layers[-1][b]].double().numpy()
            pool = products[products > cut.floor]
            threshold = np.percentile(pool, cut.percentile) if len(pool) else np.inf
            assert trace.threshold[b].item() == threshold
            kept = (products > threshold).any(axis=0)
            assert trace.pixels[b].flatten().tolist() == kept.tolist()


class Toy(nn.Module):
    """A network whose feature maps are its grey 2 x 2 image, with the weights that it is given."""

    def __init__(self, *weights_and_biases: tuple[list, list]) -> None:
        super().__init__()
        conv = nn.Conv2d(1, 1, 1)
        nn.init.ones_(conv.weight)
        nn.init.zeros_(conv.bias)
        self.features = nn.Sequential(conv, nn.ReLU())
        layers: list[nn.Module] = []
        for rows, bias in weights_and_biases:  # W[r][i] from unit r below to unit i above
            linear = nn.Linear(len(rows), len(rows[0]))
            with torch.no_grad():
                linear.weight.copy_(torch.tensor(rows).T)
                linear.bias.copy_(torch.tensor(bias))
            layers += [linear, nn.ReLU()]
        self.classifier = nn.Sequential(*layers[:-1])


def test_two_hidden_layers_worked_by_hand():
    net = Toy(
        ([[1, -1, 0], [-1, 2, 1], [5, 5, 5], [-1, 0, -2]], [5, 0, 0]),
        ([[2, -1], [-1, 1], [9, 9]], [3, 0]),
        ([[1, -1], [-3, 4]], [0, 0]),
    )
    image = torch.tensor([[1.0, 2.0], [0.0, 3.0]])[None, None]  # a_0 = 1, 2, 0, 3
    # a_1 = relu(1-2-3+5, -1+4, 2-6) = 1, 3, 0;  a_2 = relu(2-3+3, -1+3) = 2, 2
    # logits = 2-6, -2+8 = -4, 6: class 1
    trace = backtrack(net, image)
    assert trace.logits.tolist() == [[-4, 6]]
    assert trace.target.tolist() == [1]
    # a_2 W_o[:, 1] = -2, 8;  a_1 W_2[:, 1] = -1, 3, 0;  a_0 W_1[:, 1] = -1, 4, 0, 0
    assert as_sets(trace, 0) == [{1}, {1}, {1}]
    assert trace.pixels.tolist() == [[[[False, True], [False, False]]]]
    # a_2 W_o[:, 0] = 2, -6;  a_1 W_2[:, 0] = 2, -3, 0;  a_0 W_1[:, 0] = 1, -2, 0, -3
    assert as_sets(backtrack(net, image, target=0), 0) == [{0}, {0}, {0}]


@pytest.mark.parametrize(
    ("cut", "threshold", "pixels"),
    [
        (Cut(floor=0, percentile=50), 2.5, {2, 3}),  # of 1 2 3 4
        (Cut(floor=1, percentile=50), 3.0, {3}),  # of 2 3 4: one that equals the floor is out
        (Cut(floor=0, percentile=90), 3.7, {3}),  # 3 + 0.7 (4 - 3)
        (Cut(floor=0, percentile=0), 1.0, {1, 2, 3}),  # one that equals the threshold is out
        (Cut(floor=0, percentile=100), 4.0, set()),
        (Cut(floor=3, percentile=50), 4.0, set()),  # a single contribution cannot exceed itself
        (Cut(floor=4, percentile=50), np.inf, set()),
    ],
)
def test_the_cut_worked_by_hand(cut, threshold, pixels):
    net = Toy(([[1, -1], [1, -1], [3, -1], [2, -1]], [0, 0]))
    image = torch.tensor([[1.0, 2.0], [1.0, 2.0]])[None, None]  # contributions 1, 2, 3, 4
    trace = backtrack(net, image, cut=cut)
    assert trace.threshold.item() == pytest.approx(threshold, rel=1e-15)
    assert as_sets(trace, 0) == [pixels]
    assert trace.layers == ()


def test_the_floor_is_compared_in_double_precision():
    """The float32 nearest to 0.05 lies above 0.05 and exceeds it; that of 0.7 lies below."""
    for floor in (0.05, 0.1, 0.3, 0.7):
        weight = np.float32(floor)
        net = Toy(([[float(weight), -1.0], [float(weight), -1.0]] * 2, [0.0, 0.0]))
        trace = backtrack(net, torch.ones(1, 1, 2, 2), target=0, cut=Cut(floor, 0))
        expected = float(weight) if float(weight) > floor else np.inf
        assert trace.threshold.item() == expected


def test_the_uncut_set_is_the_support_of_alpha1_beta0_relevance():
    for seed, dense in enumerate([*DENSE[1:], (3, 2)]):
        net, images = random_tiny(seed, dense), random_images(seed, batch=6)
        for target in (0, 4):
            trace = backtrack(net, images, target)
            assert torch.equal(trace.pixels, relevance_of(net, images, target) != 0)
    assert (trace.pixels != (trace.maps > 0)).any()  # two thin layers: not every active pixel


def relevance_of(net, images, target):
    """captum's layer-wise relevance of the last feature maps, alpha = 1 and beta = 0."""

    class Flat(nn.Module):  # the maps are reshaped without a module, which captum would refuse
        def __init__(self) -> None:
            super().__init__()
            self.features, self.classifier = copy.deepcopy((net.features, net.classifier))

        def forward(self, x):
            return self.classifier(self.features(x).reshape(len(x), -1))

    model = Flat()
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            layer.rule = Alpha1_Beta0_Rule(set_bias_to_zero=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return LayerLRP(model, model.features[-1]).attribute(images.clone(), target=target)


def test_as_printed_every_active_pixel_is_selected_whatever_the_class():
    net = random_tiny(0, dense=(128, 64, 32))
    images = random_images(0)
    for target in (None, 0, 1, 2, 3, 4):
        trace = backtrack(net, images, target)
        assert torch.equal(trace.pixels, trace.maps > 0)
    assert not torch.equal(trace.layers[0], backtrack(net, images, 0).layers[0])


def test_the_last_step_is_the_largest_contribution_above_the_threshold():
    net, images = random_tiny(1), random_images(1) * 4
    weight = net.classifier[0].weight.detach()
    for cut in (None, Cut(), Cut(0.02, 40)):
        trace = backtrack(net, images, cut=cut)
        for b in range(len(images)):
            products = weight * trace.maps[b].flatten()  # (units, pixels)
            largest = products[trace.layers[-1][b]].amax(dim=0).double()
            expected = largest > trace.threshold[b]
            assert torch.equal(trace.pixels[b].flatten(), expected)


def test_a_cut_only_takes_away_and_a_higher_percentile_takes_more():
    net, images = random_tiny(2), random_images(2) * 4
    before = backtrack(net, images)
    for percentile in (0, 30, 60, 90, 99, 100):
        trace = backtrack(net, images, cut=Cut(0.0, percentile))
        assert not (trace.pixels & ~before.pixels).any()
        for one, other in zip(trace.layers, before.layers, strict=True):
            assert torch.equal(one, other)
        before = trace
    assert not before.pixels.any()


def test_no_contribution_above_the_floor_gives_the_empty_set():
    net, images = random_tiny(3), random_images(3)
    trace = backtrack(net, images, cut=Cut(floor=1e6))
    assert not trace.pixels.any()
    assert trace.threshold.tolist() == [np.inf] * 3


@pytest.mark.parametrize("cut", [None, Cut(0.0)], ids=str)
def test_a_silent_layer_ends_the_trace(cut):
    net = random_tiny(4)
    with torch.no_grad():
        net.classifier[2].bias.fill_(-1e6)  # the second hidden layer never fires
    trace = backtrack(net, random_images(4), cut=cut)
    assert trace.layers[0].any()
    assert not trace.layers[1].any() and not trace.layers[2].any() and not trace.pixels.any()


def test_shapes_types_and_what_comes_along():
    net, images = random_tiny(5), random_images(5)
    trace = backtrack(net, images, cut=Cut())
    assert trace.target.dtype == torch.int64 and trace.target.shape == (3,)
    assert [tuple(layer.shape) for layer in trace.layers] == [(3, 12), (3, 16), (3, 24)]
    assert trace.pixels.dtype == torch.bool and trace.pixels.shape == (3, *net.pixel_shape)
    assert trace.threshold.dtype == torch.float64 and trace.threshold.shape == (3,)
    assert torch.equal(trace.maps, net.features(images))
    assert torch.equal(trace.logits, net(images))
    assert torch.equal(trace.probabilities, net(images).softmax(dim=1))
    assert torch.equal(trace.target, net(images).argmax(dim=1))
    assert backtrack(net, images).threshold.tolist() == [0, 0, 0]


@pytest.mark.parametrize("cut", [None, Cut(0.01, 60)])
def test_maps_are_traced_as_their_images_are(cut):
    net, images = random_tiny(2), random_images(2)
    expected = backtrack(net, images, 1, cut)
    made = backtrack_maps(net, expected.maps, 1, cut)
    for name in ("target", "pixels", "threshold", "maps", "logits"):
        assert torch.equal(getattr(made, name), getattr(expected, name))
    with pytest.raises(ValueError, match="feature maps"):
        backtrack_maps(net, expected.maps[:, 1:], cut=cut)


def test_targets_may_differ_by_image():
    net, images = random_tiny(6), random_images(6)
    together = backtrack(net, images, torch.tensor([4, 0, 2]), Cut(0.0, 70))
    for b, target in enumerate((4, 0, 2)):
        alone = backtrack(net, images[b : b + 1], target, Cut(0.0, 70))
        assert as_sets(alone, 0) == as_sets(together, b)
        assert backtrack(net, images, np.int64(target)).target.tolist() == [target] * 3


@pytest.mark.parametrize(
    "given",
    [torch.tensor(3), torch.tensor(3, dtype=torch.uint8), np.int16(3), np.array(3)],
    ids=["tensor", "bytes", "number of numpy", "array"],
)
def test_a_single_class_is_traced_in_every_image(given):
    net, images = random_tiny(6), random_images(6)
    expected, made = backtrack(net, images, 3), backtrack(net, images, given)
    assert made.target.tolist() == [3, 3, 3] and made.target.dtype == torch.int64
    assert torch.equal(made.pixels, expected.pixels)


@pytest.mark.parametrize("dtype", [np.int64, np.uint16, ">i4"])
def test_classes_may_be_given_as_an_array(dtype):
    net, images = random_tiny(6), random_images(6)
    given = np.array([2, 0, 4], dtype)[::-1]
    made = backtrack(net, images, given)
    assert torch.equal(made.target, torch.tensor([4, 0, 2]))
    assert torch.equal(made.pixels, backtrack(net, images, torch.tensor([4, 0, 2])).pixels)


@pytest.mark.parametrize("kind", FOREIGN)
@pytest.mark.parametrize("cut", [None, Cut(0.0, 80)], ids=str)
def test_torchvision_style_networks_are_traced_and_stay_as_they_are(kind, cut):
    net = random_foreign(kind, seed=0)
    images = random_images(0, batch=2, image_size=kind.image_size)
    before = snapshot(net, images)
    trace = backtrack(net, images, cut=cut)
    assert_unchanged(before, net, images)
    plain = copy.deepcopy(net).eval()
    for layer in plain.modules():
        if isinstance(layer, nn.ReLU):
            layer.inplace = False
    for b, image in enumerate(images):
        k, sets, threshold = plain_backtrack(plain, image, cut=cut)
        assert (trace.target[b], as_sets(trace, b)) == (k, sets)
        assert trace.threshold[b].item() == threshold


def test_percentile_is_numpys_to_the_last_bit():
    random = np.random.default_rng(0)
    for size in (1, 2, 3, 10, 11, 1000, 4097):
        for dtype in (np.float32, np.float64):
            values = random.exponential(size=size).astype(dtype)
            for percentile in (0, 1, 12.5, 33.3, 50, 75, 90, 97.3, 100):
                expected = np.percentile(values.astype(np.float64), percentile)
                assert percentile_in_order(np.sort(values), percentile) == expected
                assert (
                    percentile_in_order(torch.tensor(values).sort().values, percentile) == expected
                )
                assert percentile_in_place(torch.tensor(values), percentile) == expected


@pytest.mark.parametrize(
    ("target", "error", "message"),
    [
        (5, ValueError, "target 5 is no class: the network has classes 0 to 4"),
        (-1, ValueError, "target -1 is no class"),
        (torch.tensor([0, 9, 1]), ValueError, "target 9 is no class"),
        (torch.tensor([0, 1]), ValueError, r"one class or have shape \(3,\), got \(2,\)"),
        (np.array([0, 1]), ValueError, r"one class or have shape \(3,\), got \(2,\)"),
        (torch.tensor([[0, 1, 2]]), ValueError, r"got \(1, 3\)"),
        (torch.tensor(9), ValueError, "target 9 is no class"),
        (np.array(-1), ValueError, "target -1 is no class"),
        (2**70, TypeError, "got 1180591620717411303424"),
        (torch.tensor([0.0, 1.0, 2.0]), TypeError, "torch.float32"),
        (torch.tensor([0j, 1j, 2j]), TypeError, "torch.complex64"),
        (np.array([0.0, 1.0, 2.0]), TypeError, "float64"),
        (np.array([True, False, True]), TypeError, "bool"),
        (np.float64(1), TypeError, "1.0"),
        ([0, 1, 2], TypeError, r"\[0, 1, 2\]"),
        ("happy", TypeError, "'happy'"),
        (True, TypeError, "True"),
    ],
)
def test_targets_that_are_no_class_are_refused(target, error, message):
    with pytest.raises(error, match=message):
        backtrack(random_tiny(0), random_images(0), target)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"floor": -0.1}, ValueError, "floor must be finite and at least 0, got -0.1"),
        ({"floor": float("inf")}, ValueError, "floor"),
        ({"floor": float("nan")}, ValueError, "floor"),
        ({"percentile": 101}, ValueError, "percentile must be from 0 to 100, got 101"),
        ({"percentile": float("nan")}, ValueError, "percentile"),
        ({"percentile": "90"}, TypeError, "percentile must be a number, got '90'"),
        ({"floor": None}, TypeError, "floor must be a number, got None"),
    ],
)
def test_impossible_cuts_are_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        Cut(**arguments)


def test_what_cannot_be_traced_is_refused():
    net, images = random_tiny(0), random_images(0)
    with pytest.raises(TypeError, match=r"cut must be a Cut or None, got 0\.05"):
        backtrack(net, images, cut=0.05)
    with pytest.raises(ValueError, match="NaN"):
        backtrack(net, images * torch.nan)
    linear = Toy(([[1.0, 2.0]] * 4, [0.0, 0.0]))
    linear.features = linear.features[:1]
    with pytest.raises(ValueError, match=r"negative values.*must end with a ReLU"):
        backtrack(linear, -torch.ones(1, 1, 2, 2))
    with torch.no_grad():
        net.classifier[-1].bias[2] = torch.nan
    with pytest.raises(ValueError, match="not finite"):
        backtrack(net, images)
    net.classifier[1] = nn.GELU()
    with pytest.raises(TypeError, match=r"classifier\[1\] is a GELU"):
        backtrack(net, images)
