"""The training images that lead at each pixel: which they are, and how they are packed."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
import torch
from explorers import CLASSES, of, pictures_of
from networks import random_tiny
from PIL import Image
from torch import nn

from tinyvgg import as_input, backtrack
from tinyvgg.explorer import Explorer, training
from tinyvgg.explorer.gallery import gallery_of
from tinyvgg.explorer.pack import cached_pack, pack_gallery, rounded
from tinyvgg.explorer.training import NONE, Leaders, Training, leaders, packed
from tinyvgg.storage.store import Store


def trained(count: int = 70, seed: int = 3) -> Training:
    """More images than are measured at a time, of which every second one trained."""
    rows = np.arange(count)[::2]
    return Training(pictures_of(seed, count, 16), rows, rows % len(CLASSES))


def slow_leaders(net: nn.Module, given: Training, count: int) -> tuple[list, list]:
    """Image by image and pixel by pixel, with a gradient for each image."""
    scores: dict[str, list[list[float]]] = {"active": [], "deciding": []}
    for row in given.rows:
        maps = backtrack(net, as_input(given.images[row : row + 1]).double()).maps
        leaf = maps.clone().requires_grad_()
        logits = net.classifier(leaf.flatten(1))[0]
        (slope,) = torch.autograd.grad(logits[int(logits.argmax())], leaf)
        scores["active"].append(maps.flatten().tolist())
        scores["deciding"].append((maps * slope).flatten().tolist())
    found = []
    for values in scores.values():
        best = []
        for pixel in range(len(values[0])):
            ranked = sorted(range(len(values)), key=lambda k: (-values[k][pixel], k))
            some = [k for k in ranked if values[k][pixel] > 0][:count]
            best.append(some + [-1] * (count - len(some)))
        found.append(best)
    return found[0], found[1]


@pytest.mark.parametrize("seed, dense", [(0, (24, 16, 12)), (1, (20,)), (2, ())])
def test_leaders_are_those_of_a_loop_over_images_and_pixels(seed, dense, monkeypatch):
    monkeypatch.setattr(training, "BATCH", 8)
    net, given = random_tiny(seed, dense, num_classes=len(CLASSES)), trained(seed=seed)
    active, deciding = slow_leaders(net, given, 3)
    found = leaders(net, given, 3)
    assert found.active.tolist() == active
    assert found.deciding.tolist() == deciding
    predicted = backtrack(net, as_input(given.images[given.rows])).logits.argmax(1)
    assert found.predicted.tolist() == predicted.tolist()


def by_hand() -> tuple[nn.Module, Training]:
    """Maps that are the image, and logits (a, b, 0, 0) → (2 a - b, a + b)."""
    net = nn.Module()
    net.features = nn.Sequential(nn.Conv2d(1, 1, 1, bias=False), nn.ReLU())
    net.classifier = nn.Sequential(nn.Linear(4, 2, bias=False))
    with torch.no_grad():
        net.features[0].weight.fill_(256)  # so that a byte is itself
        net.classifier[0].weight.copy_(torch.tensor([[2.0, -1, 0, 0], [1, 1, 0, 0]]))
    bytes_ = [[4, 1, 0, 0], [1, 3, 0, 0], [4, 0, 0, 0], [0, 5, 0, 0], [2, 9, 1, 0]]
    images = np.array(bytes_, np.uint8).reshape(5, 2, 2, 1)
    return net, Training(images, np.arange(5), np.array([0, 1, 0, 1, 1]))


def test_leaders_by_hand(monkeypatch):
    monkeypatch.setattr(training, "BATCH", 2)
    found = leaders(*by_hand(), 3)
    assert found.predicted.tolist() == [0, 1, 0, 1, 1]
    # the first pixel is 4, 1, 4, 0, 2: of the two at 4 the first image leads
    assert found.active.tolist() == [[0, 2, 4], [4, 3, 1], [4, -1, -1], [-1, -1, -1]]
    # times the gradient of the predicted logit: 8, 1, 8, 0, 2, and -1, 3, 0, 5, 9
    assert found.deciding.tolist() == [[0, 2, 4], [4, 3, 1], [-1, -1, -1], [-1, -1, -1]]


def test_fewer_images_than_asked_for_leave_places_empty():
    net, given = by_hand()
    found = leaders(net, Training(given.images, given.rows[:1], given.labels[:1]), 3)
    assert found.active.tolist()[:2] == [[0, -1, -1]] * 2


def opened_sheet(about: dict, sheet: np.ndarray) -> list[np.ndarray]:
    """Every thumbnail of a sheet."""
    picture = np.asarray(Image.open(io.BytesIO(sheet.tobytes())).convert("RGB"))
    height, width = about["size"]
    places = (divmod(k, about["across"]) for k in range(len(about["true"])))
    return [
        picture[row * height : (row + 1) * height, column * width : (column + 1) * width]
        for row, column in places
    ]


def test_thumbnails_are_the_leaders_each_once():
    net = random_tiny(0, num_classes=len(CLASSES), dtype=torch.float32)
    small = pictures_of(1, 40, 2)
    given = Training(small.repeat(8, 1).repeat(8, 2), np.arange(40), np.arange(40) % 6)
    about, tensors = packed(net, given)
    found = leaders(net, given, 3)
    assert (about["images"], about["shown"], about["size"]) == (40, 3, [16, 16])
    thumbnails = opened_sheet(about, tensors["sheet"])
    distinct = sorted({*found.active.flat, *found.deciding.flat} - {-1})
    assert len(thumbnails) == len(distinct) == len(about["predicted"])
    assert about["true"] == given.labels[distinct].tolist()
    for kind in ("active", "deciding"):
        assert tensors[kind].dtype == np.uint16
        assert tensors[kind].flags.c_contiguous  # safetensors writes memory as it lies
        numbers = [[NONE if row < 0 else distinct.index(row) for row in rows]
                   for rows in getattr(found, kind)]  # fmt: skip
        assert tensors[kind].tolist() == numbers
    for thumbnail, row in zip(thumbnails, distinct, strict=True):
        errors = [np.abs(thumbnail - image.astype(float)).mean() for image in given.images]
        assert np.argmin(errors) == row


@pytest.mark.parametrize("most, shown, size", [(10**6, 3, [16, 16]), (5000, 1, [16, 16])])
def test_thumbnails_are_fewer_if_they_must_fit(monkeypatch, most, shown, size):
    monkeypatch.setattr(training, "MOST", most)
    about, tensors = packed(random_tiny(0, dtype=torch.float32), trained(200))
    assert (about["shown"], about["size"]) == (shown, size)
    assert len(tensors["sheet"]) <= most


def test_thumbnails_that_do_not_fit_are_left_out_in_words(monkeypatch):
    monkeypatch.setattr(training, "MOST", 1000)
    about, tensors = packed(random_tiny(0, dtype=torch.float32), trained(200))
    assert tensors == {}
    assert about["images"] == 100
    assert about["left_out"].startswith("The training images are left out: ")
    assert about["left_out"].endswith(" thumbnails of 16 × 16 pixels do not fit into 1 kB.")


def test_the_faces_of_a_book_fit_into_a_page(monkeypatch):
    """2,412 images of 64 pixels, all of which lead somewhere: with its network below 8 MB."""
    few = (Image.fromarray(each) for each in pictures_of(2, 2412, 5))
    smooth = np.array([np.asarray(each.resize((64, 64), Image.Resampling.BICUBIC)) for each in few])
    given = Training(smooth, np.arange(2412), np.arange(2412) % 67)
    numbers = np.random.default_rng(0).integers(0, 2412, (2, 2048, 3))
    measured = Leaders(*numbers, given.labels)
    monkeypatch.setattr(training, "leaders", lambda *_: measured)
    about, tensors = packed(nn.Module(), given)
    assert about["shown"] == 3
    size = len(json.dumps(about)) + sum(values.nbytes for values in tensors.values())
    weights = 4_400_000  # bytes of the largest pack of the default profile without them
    program = 200_000
    assert (size + weights) * 4 / 3 + program < 8_000_000


# ---------------------------------------------------------------------- in explorers


def header(pack: bytes) -> dict:
    found = json.loads(pack[8 : 8 + int.from_bytes(pack[:8], "little")])
    return json.loads(found["__metadata__"]["explorer"])


def test_an_explorer_without_training_images_has_none(small):
    assert header(of(small, Explorer)._with_pack("pictures")[1])["training"] is None


def test_an_explorer_is_given_training_images(small):
    net, images, labels = small
    given = pictures_of(9, 30, 16), np.arange(30) % 6
    explorer = Explorer(net, images, labels, CLASSES, training=given)
    gallery, pack = explorer._with_pack("pictures")
    found = leaders(gallery.net, gallery.training, 3)
    about = header(pack)["training"]
    assert about["images"] == 30
    assert len(about["true"]) == len({*found.active.flat, *found.deciding.flat} - {-1})
    assert explorer.choose(pixel_set="none").sentence == of(small).choose(pixel_set="none").sentence


def test_a_pack_is_made_again_for_other_training_images(small, tmp_path):
    net, images, labels = small
    store = Store(tmp_path)
    packs = set()
    for seed in (None, 1, 2):
        given = None if seed is None else (pictures_of(seed, 8, 16), np.arange(8) % 6)
        gallery = gallery_of(net, images, labels, CLASSES, training=given)
        bits, pack = cached_pack(gallery, store)
        assert pack == pack_gallery(gallery, bits)
        assert rounded(gallery, bits).training is gallery.training
        packs.add(pack)
    assert len(packs) == 3


@pytest.mark.parametrize(
    "images, labels, reason",
    [
        (pictures_of(0, 4, 8), [0] * 4, r"shape \(N, 16, 16, 3\), .*got uint8 of shape \(4, 8, 8"),
        (pictures_of(0, 4, 16) / 255, [0] * 4, "got float64"),
        (pictures_of(0, 4, 16), [0] * 3, r"one for each training image, .*\(3,\) for 4 images"),
        (pictures_of(0, 4, 16), [0, 1, 2, 6], r"must lie in 0\.\.5, got 0 to 6"),
    ],
)
def test_training_images_that_do_not_fit_are_refused(small, images, labels, reason):
    with pytest.raises(ValueError, match=reason):
        gallery_of(*small, CLASSES, training=(images, labels))


def test_galleries_have_training_images_of_their_own(small):
    net, images, labels = small
    galleries = {"animals": gallery_of(net, images, labels, CLASSES)}
    with pytest.raises(TypeError, match="and training belong to a network, and dict is none"):
        Explorer(galleries, training=(images, labels))


def test_grey_images_have_grey_thumbnails():
    net, given = by_hand()
    _, tensors = packed(net, given)
    picture = np.asarray(Image.open(io.BytesIO(tensors["sheet"].tobytes())).convert("RGB"))
    assert np.ptp(picture.astype(int), axis=2).max() <= 2
