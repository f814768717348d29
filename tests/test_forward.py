"""What is traced is what the model computes: every entry compares it with its own output."""

import copy
import warnings

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
from torch import Tensor, nn
from torch.nn.utils import weight_norm

from tinyvgg import backtrack, record, suppress, track

ENTRIES = {
    "backtrack": lambda net, images, maps: backtrack(net, images),
    "suppress": lambda net, images, maps: suppress(net, maps, maps > 1),
    "track": lambda net, images, maps: track(net, images, maps > 1),
}
MAPS = torch.rand(3, 6, 2, 2, generator=torch.Generator().manual_seed(0)).double() * 2
EVERY_ENTRY = pytest.mark.parametrize("entry", ENTRIES.values(), ids=ENTRIES)


class Changed(nn.Module):
    """A small network whose forward pass changes what goes in or what comes out."""

    def __init__(self, before=lambda x: x, after=lambda x: x, units: int = 5) -> None:
        super().__init__()
        inner = random_tiny(0, dense=(9,))
        self.features, self.classifier = inner.features, inner.classifier
        if units == 1:
            last, whole = nn.Linear(9, 1).double(), inner.classifier[-1]
            last.load_state_dict({"weight": whole.weight[:1], "bias": whole.bias[:1]})
            self.classifier[-1] = last
        self.before, self.after = before, after

    def forward(self, x: Tensor) -> Tensor:
        return self.after(self.classifier(self.features(self.before(x)).flatten(1)))


class StandardisedConv2d(nn.Conv2d):
    def forward(self, x: Tensor) -> Tensor:
        weight = self.weight - self.weight.mean(dim=(1, 2, 3), keepdim=True)
        return self._conv_forward(x, weight, self.bias)


def with_standardised_weights():
    net = Changed()
    conv = StandardisedConv2d(6, 6, 3, padding=1).double()
    conv.load_state_dict(net.features[2].state_dict())
    net.features[2] = conv
    return net


def with_a_hook():
    net = Changed()
    net.features[4].register_forward_hook(lambda layer, given, output: output * 1.5)
    return net


def with_a_hook_on_the_classifier():
    net = Changed()
    net.classifier[0].register_forward_pre_hook(lambda layer, given: (given[0] * 2,))
    return net


DEPARTURES = {
    "normalised input": lambda: Changed(before=lambda x: (x - 0.5) / 0.25),
    "a hook": with_a_hook,
    "a hook on the classifier": with_a_hook_on_the_classifier,
    "temperature": lambda: Changed(after=lambda x: x / 2.5),
    "other order of classes": lambda: Changed(after=lambda x: x.flip(1)),
    "several sigmoids": lambda: Changed(after=torch.sigmoid),
}


@EVERY_ENTRY
@pytest.mark.parametrize("make", DEPARTURES.values(), ids=DEPARTURES)
def test_a_model_that_computes_something_else_is_refused_with_the_difference(make, entry):
    with pytest.raises(ValueError, match=r"computes something else .*differ by up to .*as_network"):
        entry(make(), random_images(0), MAPS)


@pytest.mark.parametrize("make", DEPARTURES.values(), ids=DEPARTURES)
def test_the_difference_that_is_named_is_that_of_the_logits(make):
    net, images = make(), random_images(0)
    with pytest.raises(ValueError, match=r"normalise its input.*a hook") as refused:
        backtrack(net, images)
    x = images
    for layer in net.features:
        x = layer.forward(x)  # without hooks
    x = x.flatten(1)
    for layer in net.classifier:
        x = layer.forward(x)
    said = float(str(refused.value).split("differ by up to ")[1].split(". ")[0])
    assert said == pytest.approx((net(images) - x).abs().max().item(), rel=0.05)


@EVERY_ENTRY
def test_weights_used_in_another_way_are_refused_by_the_layers_name(entry):
    with pytest.raises(TypeError, match=r"features\[2\] is a StandardisedConv2d, a Conv2d with a"):
        entry(with_standardised_weights(), random_images(0), MAPS)


def test_record_refuses_features_that_compute_something_else():
    images = random_images(0)
    with pytest.raises(ValueError, match=r"their maps differ by up to .* a hook may change"):
        record(with_a_hook().features, images)
    with pytest.raises(TypeError, match="StandardisedConv2d"):
        record(with_standardised_weights().features, images)


@EVERY_ENTRY
@pytest.mark.parametrize(
    ("after", "name"),
    [(lambda x: (x, x), "tuple"), (lambda x: {"logits": x}, "dict"), (lambda x: x.long(), "int64")],
)
def test_outputs_that_are_no_logits_are_refused(after, name, entry):
    with pytest.raises(TypeError, match=rf"Changed returns \S*{name} and not one tensor of logits"):
        entry(Changed(after=after), random_images(0), MAPS)


@EVERY_ENTRY
def test_a_forward_pass_that_fails_is_reported_with_the_images_shape(entry):
    def fail(x):
        raise RuntimeError("out of cheese")

    with pytest.raises(ValueError, match=r"forward pass of Changed fails on .*out of cheese"):
        entry(Changed(before=fail), random_images(0), MAPS)


def test_a_difference_in_one_picture_of_many_is_found():
    net = Changed(before=lambda x: torch.where(x.amax((1, 2, 3), keepdim=True) > 2, x / 2, x))
    images = random_images(0, batch=6)
    backtrack(net, images)
    images[4, 0, 0, 0] = 3.0
    with pytest.raises(ValueError, match="computes something else"):
        backtrack(net, images)


@pytest.mark.parametrize("after", [lambda x: x, lambda x: x.softmax(1), lambda x: x.log_softmax(1)])
def test_soft_max_at_the_end_is_taken_and_the_logits_stay(after):
    net, images = Changed(after=after), random_images(0)
    trace = backtrack(net, images)
    torch.testing.assert_close(trace.logits, Changed()(images))
    suppress(net, trace.maps, trace.pixels)
    track(net, images, trace.pixels)
    record(net.features, images)


@pytest.mark.parametrize(
    "after", [lambda x: x, torch.sigmoid, lambda x: torch.sigmoid(x).squeeze()]
)
@pytest.mark.parametrize("batch", [1, 2, 3])
def test_one_output_is_two_classes_everywhere(after, batch):
    net, images = Changed(after=after, units=1), random_images(0, batch=batch)
    x = net.classifier(net.features(images).flatten(1)).detach()
    trace = backtrack(net, images)
    torch.testing.assert_close(trace.logits, torch.cat([0 * x, x], dim=1))
    assert trace.target.tolist() == (x[:, 0] > 0).long().tolist()
    nothing = torch.zeros_like(trace.pixels)
    torch.testing.assert_close(suppress(net, trace.maps, nothing)[:, 1:], x.sigmoid())
    assert backtrack(net, images, 1).layers[0].any()
    track(net, images, trace.pixels)


def test_weight_norm_after_a_load_is_traced_with_the_loaded_weights():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = []
        for _ in range(2):
            net = Changed()
            for k in (0, 2):
                weight_norm(net.features[k])
            weight_norm(net.classifier[0])
            made.append(net)
    net, twin = made
    other = {name: value * 1.3 + 0.01 for name, value in net.state_dict().items()}
    for each in made:
        each.load_state_dict(other)
    images = random_images(0)
    expected = twin(images).detach()
    assert not torch.equal(net.classifier[0].weight, twin.classifier[0].weight)
    torch.testing.assert_close(backtrack(net, images).logits, expected)
    for entry in ENTRIES.values():
        fresh = copy.copy(net)
        fresh.load_state_dict({name: value * 1.1 for name, value in other.items()})
        entry(fresh, images, MAPS)


def test_a_parallel_network_is_the_network_inside():
    net, images = random_tiny(0), random_images(0)
    parallel = nn.DataParallel(net)
    trace = backtrack(parallel, images)
    assert torch.equal(trace.pixels, backtrack(net, images).pixels)
    torch.testing.assert_close(
        suppress(parallel, trace.maps, trace.pixels), suppress(net, trace.maps, trace.pixels)
    )
    assert torch.equal(
        track(parallel, images, trace.pixels).full, track(net, images, trace.pixels).full
    )


@EVERY_ENTRY
@pytest.mark.parametrize("kind", FOREIGN)
def test_training_mode_plays_no_part_and_stays(kind, entry):
    net = random_foreign(kind, seed=3).train()
    net.avgpool.train(False)  # modes may be mixed
    images = random_images(3, batch=2, image_size=kind.image_size)
    maps = torch.relu(net.features(images)).detach()
    before = snapshot(net, images, maps)
    entry(net, images, maps)
    assert_unchanged(before, net, images, maps)


def test_a_batch_norm_beside_the_layers_keeps_its_statistics():
    class Beside(SmallVGG):
        def __init__(self) -> None:
            super().__init__()
            self.dropout = nn.Dropout()
            self.dropout.add_module("inside", nn.BatchNorm2d(3))

        def forward(self, x: Tensor) -> Tensor:
            self.dropout.inside(x)
            return super().forward(x)

    net = Beside().double()
    images = random_images(0, batch=2, image_size=28)
    before = snapshot(net, images)
    backtrack(net, images)
    assert_unchanged(before, net, images)


def test_a_forward_pass_that_changes_its_images_changes_a_copy():
    net, images = Changed(before=lambda x: x.mul_(1.0).add_(0.0)), random_images(0)
    before = images.clone()
    backtrack(net, images)
    record(nn.Sequential(nn.ReLU(inplace=True), *net.features), images - 0.5)
    assert torch.equal(images, before)


@pytest.mark.parametrize(
    "dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16], ids=str
)
@pytest.mark.parametrize("kind", FOREIGN)
def test_rounding_is_no_difference(kind, dtype):
    for seed in range(3):
        net = random_foreign(kind, seed, dtype)
        images = random_images(seed, 2, kind.image_size, dtype)
        trace = backtrack(net, images)
        suppress(net, trace.maps, trace.pixels)
        track(net, images, trace.pixels)


@pytest.mark.parametrize(("dtype", "share"), [(torch.float64, 1e-6), (torch.float32, 1e-2)])
def test_a_small_difference_is_one(dtype, share):
    net = Changed(after=lambda x: x * (1 + share)).to(dtype)
    with pytest.raises(ValueError, match="computes something else"):
        backtrack(net, random_images(0, dtype=dtype))


def test_a_module_of_nothing_but_parts_has_nothing_to_be_compared_with():
    class Parts(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            inner = random_tiny(0)
            self.features, self.classifier = inner.features, inner.classifier

    images = random_images(0)
    assert torch.equal(backtrack(Parts(), images).pixels, backtrack(random_tiny(0), images).pixels)
