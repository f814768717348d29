"""Suppression runs the dense layers on silenced maps; tracking subtracts two deconvolutions."""

import pytest
import torch
from networks import FOREIGN, assert_unchanged, random_foreign, random_images, random_tiny, snapshot
from torch import nn

from tinyvgg import tracking as module
from tinyvgg.backtracking import backtrack
from tinyvgg.deconv import deconvolve, record
from tinyvgg.tracking import grey, suppress, track


def random_set(maps: torch.Tensor, seed: int = 0) -> torch.Tensor:
    return torch.rand(maps.shape, generator=torch.Generator().manual_seed(seed)) < 0.5


def plain_suppression(net, maps, pixels, fill=None):
    """Pixel by pixel, unit by unit, for one image."""
    x = [float(v) for v in maps.flatten()]
    for r, out in enumerate(pixels.flatten().tolist()):
        if out:
            x[r] = 0.0 if fill is None else float(fill.flatten()[r])
    linears = [layer for layer in net.classifier if isinstance(layer, nn.Linear)]
    for layer in linears:
        weight, bias = layer.weight.tolist(), layer.bias.tolist()
        x = [
            sum(w * v for w, v in zip(row, x, strict=True)) + b
            for row, b in zip(weight, bias, strict=True)
        ]
        if layer is not linears[-1]:
            x = [max(v, 0.0) for v in x]
    powers = torch.tensor(x, dtype=torch.float64).exp()
    return powers / powers.sum()


@pytest.mark.parametrize("dense", [(), (9,), (9, 7, 6)], ids=len)
@pytest.mark.parametrize("filled", [False, True])
def test_suppression_equals_the_plain_one(dense, filled):
    for seed in range(3):
        net, images = random_tiny(seed, dense), random_images(seed)
        maps = net.features(images).detach()
        pixels, fill = random_set(maps, seed), maps.mean(dim=0) if filled else None
        probabilities = suppress(net, maps, pixels, fill)
        for b in range(len(images)):
            expected = plain_suppression(net, maps[b], pixels[b], fill)
            torch.testing.assert_close(probabilities[b], expected)


def test_suppressing_nothing_gives_the_networks_probabilities_and_everything_those_of_zeros():
    net, images = random_tiny(1), random_images(1)
    trace = backtrack(net, images)
    nothing = torch.zeros_like(trace.pixels)
    assert torch.equal(suppress(net, trace.maps, nothing), trace.probabilities)
    expected = net.classifier(torch.zeros(3, 24).double()).softmax(dim=1)
    torch.testing.assert_close(suppress(net, trace.maps, ~nothing), expected)
    # As printed, the trace holds every active pixel: silencing it leaves nothing.
    wide = random_tiny(0, dense=(128, 64, 32))
    trace = backtrack(wide, images)
    expected = wide.classifier(torch.zeros(3, 24).double()).softmax(dim=1)
    torch.testing.assert_close(suppress(wide, trace.maps, trace.pixels), expected)


def test_filling_with_the_maps_themselves_changes_nothing():
    net, images = random_tiny(2), random_images(2, batch=1)
    maps = net.features(images).detach()
    everywhere = torch.ones_like(maps, dtype=torch.bool)
    torch.testing.assert_close(
        suppress(net, maps, everywhere, fill=maps[0]), net(images).softmax(dim=1)
    )


@pytest.mark.parametrize("rectify", [True, False])
@pytest.mark.parametrize("ties", ["all", "first"])
@pytest.mark.parametrize("bias", ["previous", "none"])
def test_tracking_is_algorithm_2(bias, ties, rectify):
    net, images = random_tiny(3), random_images(3)
    recording = record(net.features, images)
    pixels = random_set(recording.maps)
    tracking = track(net, images, pixels, bias=bias, ties=ties, rectify=rectify)
    silenced = recording.maps.clone()
    for position in pixels.nonzero().tolist():
        silenced[tuple(position)] = 0
    options = {"bias": bias, "ties": ties, "rectify": rectify}
    full = deconvolve(net.features, recording, **options)
    suppressed = deconvolve(net.features, recording, silenced, **options)
    assert torch.equal(tracking.full, full)
    assert torch.equal(tracking.suppressed, suppressed)
    assert tracking.difference.shape == (3, 16, 16)
    for b in range(3):
        one = sum(w * full[b, c] for c, w in enumerate((0.299, 0.587, 0.114)))
        other = sum(w * suppressed[b, c] for c, w in enumerate((0.299, 0.587, 0.114)))
        torch.testing.assert_close(tracking.difference[b], (one - other).abs())
    assert (tracking.difference > 0).any()


def test_however_many_are_tracked_at_a_time_it_is_the_same(monkeypatch):
    net, images = random_tiny(7), random_images(7, batch=5)
    pixels = random_set(net.features(images))
    whole = track(net, images, pixels)
    monkeypatch.setitem(module.AT_ONCE, "cpu", 2 * 16 * 16)  # two images, two, and one
    parts = track(net, images, pixels)
    for name in ("full", "suppressed", "difference"):
        assert len(getattr(parts, name)) == 5
        torch.testing.assert_close(getattr(parts, name), getattr(whole, name))
    for others in (pixels[:4], torch.cat([pixels, pixels])):
        with pytest.raises(ValueError, match=r"\(5, 6, 2, 2\), got \((4|10), 6, 2, 2\)"):
            track(net, images, others)
    images[3, 0, 0, 0] = torch.nan
    with pytest.raises(ValueError, match=r"rows \[3\] of the batch"):
        track(net, images, pixels)


def test_tracking_nothing_shows_nothing_and_defaults_are_the_released_ones():
    net, images = random_tiny(4), random_images(4)
    nothing = torch.zeros(3, *net.pixel_shape, dtype=torch.bool)
    tracking = track(net, images, nothing)
    assert not tracking.difference.any()
    released = deconvolve(
        net.features, record(net.features, images), bias="previous", ties="all", rectify=True
    )
    assert torch.equal(tracking.full, released)


def test_a_pixel_shows_within_its_receptive_field_only():
    """One pixel of pool3 reaches back 8 pixels for pooling and 14 more on each side."""
    net, images = random_tiny(5, image_size=64), random_images(5, batch=1, image_size=64)
    maps = record(net.features, images).maps
    pixels = torch.zeros_like(maps, dtype=torch.bool)
    pixels[0, maps[0, :, 4, 4].argmax(), 4, 4] = True  # over image pixels 32 to 39
    difference = track(net, images, pixels, bias="none", rectify=False).difference[0]
    assert difference[32:40, 32:40].any()
    outside = difference.clone()
    outside[18:54, 18:54] = 0
    assert not outside.any()


def test_grey_weighs_red_green_and_blue():
    colours = torch.eye(3).reshape(3, 3, 1, 1)  # a red, a green and a blue image
    assert grey(colours).flatten().tolist() == pytest.approx([0.299, 0.587, 0.114])
    others = torch.rand(2, 4, 3, 3)
    assert torch.equal(grey(others[:, :1]), others[:, 0])
    torch.testing.assert_close(grey(others), others.sum(dim=1) / 4)
    with pytest.raises(ValueError, match=r"\(B, C, H, W\), got \(2, 4, 4\)"):
        grey(torch.zeros(2, 4, 4))


@pytest.mark.parametrize("kind", FOREIGN)
def test_torchvision_style_networks_work_and_stay_as_they_are(kind):
    net = random_foreign(kind, seed=0)
    images = random_images(0, batch=2, image_size=kind.image_size)
    trace = backtrack(net, images)
    pixels, fill = random_set(trace.maps), trace.maps[0].clone()
    before = snapshot(net, images, trace.maps, pixels, fill)
    probabilities = suppress(net, trace.maps, pixels)
    suppress(net, trace.maps, pixels, fill)
    tracking = track(net, images, pixels)
    assert_unchanged(before, net, images, trace.maps, pixels, fill)
    expected = net.eval().classifier((trace.maps * ~pixels).flatten(1)).softmax(dim=1)
    torch.testing.assert_close(probabilities, expected)
    assert tracking.full.shape == images.shape
    for result in (probabilities, tracking.full, tracking.suppressed, tracking.difference):
        assert not result.requires_grad


def test_sets_of_the_wrong_kind_or_shape_are_refused():
    net, images = random_tiny(0), random_images(0)
    maps = net.features(images).detach()
    pixels = random_set(maps)
    for call in (lambda p: suppress(net, maps, p), lambda p: track(net, images, p)):
        with pytest.raises(TypeError, match=r"bool tensor .*got torch\.float64"):
            call(maps)
        with pytest.raises(TypeError, match="got list"):
            call([True])
        with pytest.raises(ValueError, match=r"\(3, 6, 2, 2\), got \(3, 24\)"):
            call(pixels.flatten(1))
        with pytest.raises(ValueError, match=r"\(3, 6, 2, 2\), got \(1, 6, 2, 2\)"):
            call(pixels[:1])
    with pytest.raises(ValueError, match=r"fill .*\(6, 2, 2\), got \(3, 6, 2, 2\)"):
        suppress(net, maps, pixels, fill=maps)
    with pytest.raises(ValueError, match=r"take 24 pixels .*\(3, 6, 2, 1\)"):
        suppress(net, maps[..., :1], pixels[..., :1])


def test_tracking_needs_known_options():
    with pytest.raises(ValueError, match="ties must be one of 'all', 'first'"):
        track(random_tiny(0), random_images(0), torch.zeros(3, 6, 2, 2) > 0, ties="none")


def test_suppression_in_no_image_at_all_gives_no_probabilities():
    net = random_tiny(1)
    maps = net.features(random_images(1)).detach()[:0]
    assert suppress(net, maps, maps > 0).shape[0] == 0
