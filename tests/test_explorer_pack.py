"""A gallery's pack: what it holds, how much it is rounded, what it refuses."""

from __future__ import annotations

import hashlib
import io
import json
import re
import zlib
from importlib.resources import files

import numpy as np
import pytest
import torch
from explorers import CLASSES as NAMES
from explorers import opened, world
from networks import SmallAlexNet, random_foreign, random_tiny
from PIL import Image
from safetensors.numpy import load
from torch import nn

from tinyvgg import as_input, backtrack
from tinyvgg.explorer import Session, pack
from tinyvgg.explorer.gallery import Case, Gallery, gallery_of
from tinyvgg.explorer.pack import (
    cached_pack,
    fewest_bits,
    pack_gallery,
    rounded,
    rounded_network,
)
from tinyvgg.explorer.training import Training
from tinyvgg.storage.store import Store

CLASSES = [f"class {k}" for k in range(5)]
FORMATS = {  # what `by_hand` becomes in each version of the format
    2: "1902caad2d897174",
    3: "187f786fc00a3d5f",
    4: "884449fce163e869",
    5: "0d427f96f13e98cc",
}


def gallery(net: nn.Module | None = None, size: int = 16, count: int = 20):
    net = random_tiny(0) if net is None else net
    images = np.random.default_rng(0).integers(0, 256, (count, size, size, 3), dtype=np.uint8)
    with torch.no_grad():  # so that predictions differ
        net.classifier[-1].bias -= backtrack(net, as_input(images)).logits.mean(0)
    predicted = backtrack(net, as_input(images)).logits.argmax(1).numpy()
    labels = np.where(np.arange(count) % 2, predicted, np.roll(predicted, 1))
    names = [f"class {k}" for k in range(net.classifier[-1].out_features)]
    return gallery_of(net, images, labels, names)


def opened_pack(made: bytes) -> tuple[dict, dict[str, np.ndarray]]:
    header = json.loads(made[8 : 8 + int.from_bytes(made[:8], "little")])
    return json.loads(header["__metadata__"]["explorer"]), load(made)


def put_together(kept: np.ndarray, count: int) -> np.ndarray:
    """Whole numbers from their low and their high bytes, one by one."""
    data = zlib.decompress(kept.tobytes())
    assert len(data) in (count, 2 * count)
    size = len(data) // count
    each = (bytes(data[k + plane * count] for plane in range(size)) for k in range(count))
    return np.array([int.from_bytes(number, "little", signed=True) for number in each])


@pytest.mark.parametrize("bits", [8, 10, 12, 16])
@pytest.mark.parametrize("dense", [(24, 16, 12), ()])
def test_weights_are_whole_numbers_times_the_scale_of_their_unit(bits, dense):
    shown = gallery(random_tiny(1, dense))
    _, tensors = opened_pack(pack_gallery(shown, bits))
    net = rounded(shown, bits).net
    for name, layer in (("features.0", net.features[0]), ("classifier.0", net.classifier[0])):
        precision = bits if name == "classifier.0" else max(bits, 12)
        weight = layer.weight.detach().numpy()
        scale = tensors[f"{name}.scale"]
        kept = put_together(tensors[f"{name}.weight"], weight.size)
        if name == "classifier.0":  # kept the other way round
            kept = kept.reshape(weight.shape[::-1]).T
        numbers = kept.reshape(len(scale), -1)
        assert np.abs(numbers).max() == 2 ** (precision - 1) - 1
        expected = scale[:, None] * numbers.astype(np.float32)
        assert np.array_equal(expected, weight.reshape(len(scale), -1))
        assert np.array_equal(tensors[f"{name}.bias"], layer.bias.detach().numpy())


@pytest.mark.parametrize("bits", [8, 10, 12, 16])
def test_rounding_errs_by_half_a_step_at_most(bits):
    net = random_tiny(2)
    for exact, layer in zip(net.modules(), rounded_network(net, bits).modules(), strict=True):
        if isinstance(layer, nn.Conv2d | nn.Linear):
            precision = bits if exact is net.classifier[0] else max(bits, 12)
            error = (layer.weight.double() - exact.weight).abs().flatten(1)
            step = exact.weight.abs().flatten(1).amax(1) / (2 ** (precision - 1) - 1)
            assert (error.amax(1) <= step * 0.51).all()
            assert (error.amax(1) > 0).any()


def test_with_32_bits_nothing_is_rounded_and_the_network_is_left_alone():
    net = random_tiny(3, dtype=torch.float32)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    for bits in (8, 32):
        made = rounded_network(net, bits)
        same = [torch.equal(before[name], value) for name, value in made.state_dict().items()]
        assert all(same) == (bits == 32)
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())


def test_a_unit_without_weights_stays_without():
    net = random_tiny(4)
    with torch.no_grad():
        net.classifier[0].weight[3] = 0
    assert (rounded_network(net, 8).classifier[0].weight[3] == 0).all()


def test_the_fewest_bits_change_no_prediction():
    shown = gallery(count=60)
    x = as_input(shown.images)
    expected = backtrack(shown.net, x).logits.argmax(1)

    def agrees(bits):
        logits = backtrack(rounded_network(shown.net, bits), x).logits
        return torch.equal(logits.argmax(1), expected)

    fewest = fewest_bits(shown.net, shown.images)
    assert fewest == next(bits for bits in pack.BITS if agrees(bits))


def test_a_tie_that_rounding_would_break_needs_every_bit():
    """Two classes whose logits differ in the last bits of one weight."""
    net = random_tiny(5, (), num_classes=2, dtype=torch.float32)
    images = gallery(random_tiny(5, ()), count=8).images
    with torch.no_grad():
        net.classifier[0].weight[1] = net.classifier[0].weight[0]
        net.classifier[0].weight[1, 1] += 1e-6
        net.classifier[0].bias.zero_()
        net.features[-3].bias.fill_(1.0)  # so that no pixel is silent
    logits = backtrack(net, as_input(images)).logits
    assert (logits[:, 1] > logits[:, 0]).all()
    assert fewest_bits(net, images) == 32


def undone(differences: np.ndarray) -> np.ndarray:
    """Pictures from the differences of green, red less green and blue less green, slowly."""
    colours = differences.astype(int)
    for n, y, x, k in np.ndindex(colours.shape):
        if y > 0:
            colours[n, y, x, k] += colours[n, y - 1, x, k]
    red, green, blue = np.moveaxis(colours, -1, 0)
    return np.stack([red + green, green, blue + green], axis=-1) % 256


def test_pictures_are_those_of_the_cases_and_their_twins_without_loss():
    shown = gallery()
    about, tensors = opened_pack(pack_gallery(shown, 8))
    wanted = {row for case in shown.cases.values() for row in (case.row, case.twin)} - {None}
    assert set(about["rows"]) == wanted
    assert any(case.twin is not None for case in shown.cases.values())
    differences = zlib.decompress(tensors["pictures"].tobytes())
    pictures = undone(np.frombuffer(differences, np.uint8).reshape(len(wanted), 16, 16, 3))
    assert np.array_equal(pictures, shown.images[about["rows"]])


def test_cases_say_what_the_gallery_says():
    shown = gallery()
    about, _ = opened_pack(pack_gallery(shown, 8))
    assert about["classes"] == about["names"] == CLASSES
    assert (about["first"], about["shape"]) == (shown.first.row, [3, 16, 16])
    for told, case in zip(about["cases"], shown.cases.values(), strict=True):
        twin = "" if case.twin is None else shown.shown[case.twin]
        assert told == {**vars(case), "twin_shows": twin}


def test_what_the_page_cannot_run_is_refused_in_words():
    with pytest.raises(ValueError, match="bits must be one of 8, 10, 12, 16, 32, got 9"):
        pack_gallery(gallery(), 9)
    net = random_foreign(SmallAlexNet, 1)
    shown = gallery(net, 131)
    net.avgpool = nn.AdaptiveAvgPool2d((2, 2))
    with pytest.raises(ValueError, match="avgpool would resize the feature maps"):
        pack_gallery(shown, 8)
    net.avgpool = nn.Identity()
    net.features[1] = nn.Sigmoid()
    with pytest.raises(TypeError, match="Sigmoid"):
        pack_gallery(shown, 8)


def test_what_was_tested_is_what_the_gallery_can_show():
    shown = gallery()
    assert np.array_equal(pack.tested(shown), shown.images)


def test_a_pack_is_made_once_and_again_for_another_network(tmp_path, monkeypatch):
    shown, store = opened().state.gallery, Store(tmp_path)
    bits, made = cached_pack(shown, store)
    assert bits == fewest_bits(shown.net, shown.images)
    assert made == pack_gallery(shown, bits) == cached_pack(shown)[1]
    with monkeypatch.context() as patch:
        patch.setattr("tinyvgg.explorer.pack.fewest_bits", lambda *_: 1 / 0)
        assert cached_pack(shown, store) == (bits, made)
    net, images, labels = world()
    with torch.no_grad():
        net.classifier[0].weight[0, 0] += 1
    assert cached_pack(Session(net, images, labels, NAMES).state.gallery, store)[1] != made


def by_hand() -> Gallery:
    """A gallery whose every number can be written down."""
    layers = nn.Conv2d(3, 2, 3, padding=1), nn.Linear(8, 4), nn.Linear(4, 2, bias=False)
    with torch.no_grad():
        for layer in layers:
            for values in layer.parameters():
                values.copy_(torch.arange(values.numel()).reshape(values.shape) / 16 - 1)
    conv, first, last = layers
    net = nn.Module()
    net.features = nn.Sequential(conv, nn.ReLU(), nn.MaxPool2d(2))
    net.classifier = nn.Sequential(first, nn.ReLU(), last)
    images = (np.arange(3 * 4 * 4 * 3).reshape(3, 4, 4, 3) * 37 % 256).astype(np.uint8)
    cases = {
        0: Case(0, 2, "a picture", 1, 0, 0.75, "a picture → no", ""),
        1: Case(1, None, "another", 0, 1, 0.5, "another → yes", "It has no twin."),
    }
    shown = {0: "one", 1: "two", 2: "its twin"}
    training = Training(images, np.arange(3), np.array([1, 0, 1]))
    return Gallery("task", net, images, ["no", "yes"], cases, shown, training)


def content_of(name: str, kept: np.ndarray) -> bytes:
    """What a tensor says, whatever made it: compressed bytes differ between their makers."""
    if name == "training.sheet":
        return str(Image.open(io.BytesIO(kept.tobytes())).size).encode()
    return zlib.decompress(kept.tobytes()) if kept.dtype == np.uint8 else kept.tobytes()


def test_another_format_is_another_version():
    """If this fails, the format has changed: raise VERSION, here, in pack.py and in pack.js."""
    digest = hashlib.sha256()
    for bits in (8, 32):
        about, tensors = opened_pack(pack_gallery(by_hand(), bits))
        del about["version"]
        digest.update(json.dumps(about, sort_keys=True).encode())
        for name, kept in sorted(tensors.items()):
            digest.update(f"{name} {kept.dtype}".encode() + content_of(name, kept))
    assert FORMATS[pack.VERSION] == digest.hexdigest()[:16], "never edit a line: add one"
    assert max(FORMATS) == pack.VERSION


def test_the_page_reads_the_version_that_is_written():
    program = (files("tinyvgg.explorer") / "web" / "pack.js").read_text("utf8")
    assert re.search(r"^const VERSION = (\d+);", program, re.MULTILINE)[1] == str(pack.VERSION)
