"""Random graphs are traced as their definition says; captum and class activation maps agree."""

import pytest
import torch
from architectures import ARCHITECTURES, LARGE, TAKEN, images_of, made
from captum.attr import Deconvolution
from networks import assert_unchanged, snapshot
from random_graphs import (
    RandomModel,
    brought_back,
    computed,
    dense_values,
    random_plan,
    traced,
)
from torch import Tensor, nn

from tinyvgg import Cut, as_network, backtrack, deconvolve, record, suppress, track
from tinyvgg.forward import check_logits
from tinyvgg.graph import ACTIVATIONS, Affine, Channels, Concat, Features, Node, Square, Sum
from tinyvgg.tracking import grey

ORIGINAL = {"bias": "none", "ties": "first", "rectify": False}  # Zeiler and Fergus
REFUSED = [name for name, each in ARCHITECTURES.items() if each.refused is not None]


@pytest.mark.parametrize("seed", range(36))
def test_random_graphs_are_traced_as_their_definition_says(seed):
    plan = random_plan(seed)
    model = RandomModel(plan, seed)  # in training mode
    images = images_of((plan.channels, *plan.size), seed=seed)
    before = snapshot(model, images)
    net = as_network(model, images)
    assert_unchanged(before, model, images)
    maps = computed(plan.features, images).detach()
    close = {"rtol": 1e-10, "atol": 1e-12}
    recording = record(net.features, images)
    torch.testing.assert_close(recording.maps, maps, **close)
    torch.testing.assert_close(
        deconvolve(net.features, recording, **ORIGINAL), brought_back(plan, images), **close
    )
    target = seed % len(dense_values(plan, maps[0])[-1])
    for cut in (None, Cut(0.0, 70)):
        trace = backtrack(net, images, target, cut)
        for b, one in enumerate(maps):
            torch.testing.assert_close(trace.logits[b], dense_values(plan, one)[-1], **close)
            (*hidden, pixels), undecided = traced(plan, one, target, cut)
            assert [set(s[b].nonzero().flatten().tolist()) for s in trace.layers] == hidden
            selected = set(trace.pixels[b].flatten().nonzero().flatten().tolist())
            assert selected ^ pixels <= undecided
    silenced = maps * ~trace.pixels
    expected = torch.stack([dense_values(plan, one)[-1].softmax(0) for one in silenced])
    torch.testing.assert_close(suppress(net, trace.maps, trace.pixels), expected, **close)
    tracking = track(net, images, trace.pixels, **ORIGINAL)
    torch.testing.assert_close(tracking.suppressed, brought_back(plan, images, silenced), **close)
    difference = (grey(tracking.full) - grey(tracking.suppressed)).abs()
    torch.testing.assert_close(tracking.difference, difference)


@pytest.mark.parametrize("name", TAKEN)
def test_architectures_are_the_same_as_their_own_forward_pass_everywhere(name):
    model, images = made(name), images_of(ARCHITECTURES[name].shape)
    output = model(images).detach()
    net = as_network(model, images)
    assert isinstance(net.features, Features)
    logits = net(images)
    if output.shape[1] == 1:
        torch.testing.assert_close(logits.softmax(1)[:, 1:], output)
    else:
        torch.testing.assert_close(logits.softmax(1), output.softmax(1))
        assert (logits - logits[0]).abs().max() > 0  # the images do matter
    trace = backtrack(net, images, 1, Cut(0.0, 50))
    torch.testing.assert_close(trace.logits, logits)
    assert (trace.maps >= 0).all() and trace.pixels.any()
    none = torch.zeros_like(trace.pixels)
    torch.testing.assert_close(suppress(net, trace.maps, none), trace.probabilities)
    if name not in LARGE:
        tracking = track(net, images, trace.pixels)
        assert tracking.full.shape == images.shape and tracking.difference.any()


@pytest.mark.parametrize("name", REFUSED)
def test_other_architectures_are_refused_with_the_place_and_the_reason(name):
    model, images = made(name), images_of(ARCHITECTURES[name].shape)
    with pytest.raises(TypeError, match=ARCHITECTURES[name].refused):
        as_network(model, images)


class Seeded(nn.Module):
    """The last maps of features, weighed and summed: the gradient is the weights' way back."""

    def __init__(self, features: nn.Module, seeds: Tensor) -> None:
        super().__init__()
        self.features, self.seeds = features, seeds

    def forward(self, x: Tensor) -> Tensor:
        return (self.features(x) * self.seeds).flatten(1).sum(dim=1)


# captum replaces the gradient of ReLU alone, and all of that of what a ReLU is given.
NOT_CAPTUMS = {"LeNet, sigmoid", "MobileNetV2", "Squared ReLU", "Softplus", "Concatenated ReLU"}


@pytest.mark.parametrize("name", [n for n in TAKEN if n not in LARGE | NOT_CAPTUMS])
def test_captum_agrees_on_the_deconvolution_of_every_graph_of_relus(name):
    images = images_of(ARCHITECTURES[name].shape)
    net = as_network(made(name), images)
    kinds = {type(layer) for layer in net.features.layers if isinstance(layer, ACTIVATIONS)}
    assert kinds == {nn.ReLU}
    recording = record(net.features, images)
    with pytest.warns(UserWarning, match="backward hooks"):
        theirs = Deconvolution(Seeded(net.features, recording.maps)).attribute(
            images.clone().requires_grad_()
        )
    ours = deconvolve(net.features, recording, **ORIGINAL)
    theirs = theirs.detach()
    torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-12 * float(theirs.abs().max()))
    assert ours.any()


@pytest.mark.parametrize("name", ["ResNet-18", "GoogLeNet", "DenseNet", "MobileNetV2"])
def test_contributions_after_a_global_average_are_class_activation_maps(name):
    """Zhou et al. 2016: the map of class k is the sum over maps c of w[k, c] A[c]."""
    model, images = made(name), images_of(ARCHITECTURES[name].shape)
    last = [layer for layer in model.modules() if isinstance(layer, nn.Linear)][-1]
    pools = [layer for layer in model.modules() if isinstance(layer, nn.AdaptiveAvgPool2d)]
    seen: list[Tensor] = []
    handle = pools[-1].register_forward_pre_hook(lambda _, given: seen.append(given[0].detach()))
    model(images)
    handle.remove()
    net = as_network(model, images)
    trace = backtrack(net, images)
    torch.testing.assert_close(trace.maps, seen[0])
    weight = net.classifier[-1].weight  # (classes, pixels)
    for k in range(5):
        contributions = (trace.maps.flatten(1) * weight[k]).view(trace.maps.shape)
        expected = torch.einsum("c,bchw->bhw", last.weight[k].detach(), seen[0])
        size = seen[0][0, 0].numel()
        torch.testing.assert_close(contributions.sum(dim=1) * size, expected)


# ---------------------------------------------------------------------- by hand


def way_back(layer: nn.Module, *sizes: tuple, value: list) -> list:
    """What goes to each source of a layer whose output gets a value back; each is a first conv.

    The convolutions are 1x1 with weight 1, so that nothing changes on the way to the images.
    """
    channels = sum(size[0] for size in sizes)
    nodes, start = [], 0
    for maps, *_ in sizes:
        nodes.append(Node(Channels(range(start, start + maps)), (-1,)))
        start += maps
    nodes.append(Node(layer, tuple(range(len(sizes)))))
    features = Features(nodes, channels, *sizes[0][1:])
    recording = record(features, torch.ones(1, channels, *sizes[0][1:]))
    maps = torch.tensor(value, dtype=torch.float32)[None]
    assert maps.shape == recording.maps.shape
    result = deconvolve(features, recording, maps, rectify=False, bias="none")[0]
    return [part.tolist() for part in result.split([size[0] for size in sizes])]


def test_the_way_back_of_a_concatenation_parts_what_comes():
    value = [[[1, 2]], [[3, 4]], [[5, 6]]]
    back = way_back(Concat([1, 2]), (1, 1, 2), (2, 1, 2), value=value)
    assert back == [[[[1, 2]]], [[[3, 4]], [[5, 6]]]]


def test_the_way_back_of_a_sum_gives_all_of_it_to_each_branch():
    back = way_back(Sum(), (1, 1, 2), (1, 1, 2), (1, 1, 2), value=[[[-1, 2]]])
    assert back == [[[[-1, 2]]]] * 3


def test_the_way_back_of_a_layer_with_two_uses_adds_up():
    conv = nn.Conv2d(1, 1, 1, bias=False)
    nn.init.constant_(conv.weight, 2.0)
    nodes = [Node(conv, (-1,)), Node(nn.ReLU(), (0,)), Node(Sum(), (0, 1, 0))]
    features = Features(nodes, 1, 1, 2)
    recording = record(features, torch.tensor([[[[1.0, -1.0]]]]))
    assert recording.maps.tolist() == [[[[6, -4]]]]  # 2 + 2 + 2, and -2 + 0 - 2
    # back through the sum 6 and -4 three times, one of them rectified, times 2
    result = deconvolve(features, recording, rectify=False)
    assert result.tolist() == [[[[2 * (6 + 6 + 6), 2 * (-4 + 0 - 4)]]]]


def test_the_way_back_of_an_average_spreads_a_value_evenly():
    back = way_back(nn.AvgPool2d(2), (1, 2, 5), value=[[[4, 8]]])
    assert back == [[[[1, 1, 2, 2, 0], [1, 1, 2, 2, 0]]]]
    overlapping = way_back(nn.AvgPool2d((1, 2), stride=1), (1, 1, 3), value=[[[2, 6]]])
    assert overlapping == [[[[1, 4, 3]]]]
    every_second = way_back(nn.AvgPool2d(1, 2), (1, 1, 4), value=[[[5, 7]]])
    assert every_second == [[[[5, 0, 7, 0]]]]


def test_the_way_back_of_an_affine_step_multiplies_and_shifts_nothing():
    layer = Affine(torch.tensor([2.0, -3.0]), torch.tensor([100.0, 100.0]))
    assert way_back(layer, (2, 1, 1), value=[[[1]], [[1]]]) == [[[[2]], [[-3]]]]


def test_the_way_back_of_chosen_channels_puts_them_where_they_were():
    back = way_back(Channels([2, 0, 2]), (3, 1, 1), value=[[[1]], [[10]], [[100]]])
    assert back == [[[[10]], [[0]], [[101]]]]


def test_the_way_back_of_padding_cuts_it_off():
    layer = nn.ZeroPad2d((1, 0, 0, 1))
    assert way_back(layer, (1, 1, 2), value=[[[9, 1, 2], [9, 9, 9]]]) == [[[[1, 2]]]]
    cropped = way_back(nn.ZeroPad2d((-1, 0, 0, 0)), (1, 1, 2), value=[[[5]]])
    assert cropped == [[[[0, 5]]]]


def test_the_way_back_of_a_square_is_a_rectifier():
    assert way_back(Square(), (1, 1, 2), value=[[[-3, 3]]]) == [[[[0, 3]]]]


def test_a_normalised_input_padded_by_zeros_is_no_convolution_of_the_images():
    """The border of the normalised picture is padded, not that of the picture."""
    conv = nn.Conv2d(1, 1, 3, padding=1, bias=False)
    nn.init.ones_(conv.weight)

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = nn.Sequential(conv, nn.ReLU(), nn.Flatten(), nn.Linear(4, 2))

        def forward(self, x: Tensor) -> Tensor:
            return self.body((x + 1) * 2)

    images = torch.ones(1, 1, 2, 2)
    net = as_network(Model(), images)
    assert backtrack(net, images).maps.flatten().tolist() == [16] * 4  # four pixels of 4
    assert any(isinstance(layer, Affine) for layer in net.features.layers)


# ---------------------------------------------------------------------- options and their bounds


def branching():
    model, images = made("Inception A"), images_of((3, 16, 16))
    return as_network(model, images), images


def test_bias_is_none_where_branches_join_and_previous_is_refused_there():
    net, images = branching()
    recording = record(net.features, images)
    picture = deconvolve(net.features, recording)
    assert torch.equal(picture, deconvolve(net.features, recording, bias="none"))
    with pytest.raises(ValueError, match=r"branches join.*bias='none'"):
        deconvolve(net.features, recording, bias="previous")


def test_in_a_chain_the_bias_of_the_convolution_before_is_added_folded_batch_norm_included():
    """1x1 kernels: relu(2x + 3) = y, and 5y + 7 normalised to 10y + 8; back: 2 relu(10m + 3)."""
    first, second, norm = nn.Conv2d(1, 1, 1), nn.Conv2d(1, 1, 1), nn.BatchNorm2d(1, eps=0.0)
    for layer, weight, bias in ((first, 2.0, 3.0), (second, 5.0, 7.0), (norm, 2.0, -4.0)):
        nn.init.constant_(layer.weight, weight)
        nn.init.constant_(layer.bias, bias)
    norm.running_mean.fill_(1.0)
    model = nn.Sequential(first, nn.ReLU(), second, norm, nn.ReLU(), nn.Flatten(), nn.Linear(1, 2))
    images = torch.ones(1, 1, 1, 1)
    net = as_network(model, images)
    recording = record(net.features, images)
    assert recording.maps.item() == 10 * 5 + 8
    assert deconvolve(net.features, recording).item() == 2 * (10 * 58 + 3)
    assert deconvolve(net.features, recording, bias="none").item() == 2 * 10 * 58


def test_an_adapted_network_can_be_adapted_again_and_is_for_images_of_one_size():
    net, images = branching()
    again = as_network(net, images)
    torch.testing.assert_close(again(images), net(images))
    assert torch.equal(backtrack(again, images).pixels, backtrack(net, images).pixels)
    with pytest.raises(ValueError, match=r"\(B, 3, 16, 16\), got \(2, 3, 18, 18\)"):
        backtrack(net, images_of((3, 18, 18)))


def test_later_changes_of_the_model_are_not_followed():
    model, images = made("ResNet-18"), images_of((3, 64, 64))
    net = as_network(model, images)
    before = net(images)
    with torch.no_grad():
        for value in [*model.parameters(), *model.buffers()]:
            value.zero_()
    assert torch.equal(net(images), before) and before.any()


def test_every_image_is_compared_with_the_model():
    """A model that treats the fortieth picture in another way is refused."""

    class Turns(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body, self.calls = made("RepVGG"), 0

        def forward(self, x: Tensor) -> Tensor:
            self.calls += 1
            return self.body(x * (2 if self.calls > 2 else 1))

    images = images_of((3, 16, 16), batch=40)
    as_network(Turns(), images[:32])
    with pytest.raises(ValueError, match="Turns computes something else"):
        as_network(Turns(), images)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"mean": [1, 2]}, r"mean must be one number, or one for each of 3 channels; got \[1, 2\]"),
        ({"mean": float("nan")}, "mean must be"),
        ({"mean": "grey"}, r"mean must be .* got 'grey'"),
        ({"std": 0}, "std must be above 0"),
        ({"std": (1, -1, 1)}, "std must be above 0"),
        ({"std": None}, "std must be one number"),
        ({"scale": 0}, "scale, which bytes are divided by, must be above 0, got 0"),
        ({"scale": "255"}, "scale"),
        ({"scale": True}, "scale"),
        ({"classes": ["a", "b"]}, r"classes must be 5 different names, .*; got 2"),
        ({"classes": list("abcda")}, "got 5, 4 of them different"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        as_network(made("RepVGG"), images_of((3, 16, 16)), **wrong)


def test_mean_std_scale_and_classes_are_kept():
    options = {"mean": (0.485, 0.456, 0.406), "std": 0.25, "scale": 255, "classes": "abcde"}
    net = as_network(made("RepVGG"), images_of((3, 16, 16)), **options)
    torch.testing.assert_close(net.mean, torch.tensor([0.485, 0.456, 0.406]))
    assert net.std.tolist() == [0.25] * 3 and net.scale == 255
    assert net.classes == list("abcde")


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (torch.zeros(2, 3, 16, 16, dtype=torch.uint8), r"torch.uint8 of shape \(2, 3, 16, 16\)"),
        (torch.zeros(3, 16, 16), r"\(B, C, H, W\).*got torch.float32 of shape \(3, 16, 16\)"),
        (torch.zeros(1, 1, 3, 16, 16), "of shape"),
        (torch.zeros(0, 3, 16, 16), "one or more"),
        (torch.full((1, 3, 16, 16), torch.nan), "NaN"),
        ([[0.0]], "got list"),
        (None, "got NoneType"),
        (torch.zeros(1, 4, 16, 16), r"Sequential fails on images of shape \(2, 4, 16, 16\)"),
    ],
)
def test_images_of_another_kind_are_refused(images, message):
    with pytest.raises(ValueError, match=message):
        as_network(made("RepVGG"), images)


def test_what_is_no_model_is_refused():
    with pytest.raises(TypeError, match=r"model must be an nn\.Module, got function"):
        as_network(lambda x: x, images_of((3, 16, 16)))


def test_weights_that_do_not_exist_yet_are_asked_for():
    images = images_of((3, 16, 16))
    lazy, meta = nn.Sequential(nn.LazyConv2d(4, 3)), made("RepVGG").to("meta")
    for model, reason in ((lazy, "no shape yet, because its layer is lazy"), (meta, "'meta'")):
        with pytest.raises(ValueError, match=reason):
            as_network(model, images)


def test_two_images_of_a_model_with_one_output_are_not_taken_for_two_logits():
    model = nn.Sequential(made("Spectral norm discriminator"), nn.Flatten(0))
    images = images_of((3, 32, 32), batch=2)
    net = as_network(model, images)
    torch.testing.assert_close(net(images).softmax(1)[:, 1], model(images).detach())
    check_logits(net, model(images), net.features(images))
