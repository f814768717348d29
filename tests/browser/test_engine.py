"""The explorer's engine in the page computes what the package computes on the same weights.

``TINYVGG_TEST_BOOK=_build`` asks the default profile's networks too, if they are in the store.
"""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
from collections import Counter
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from architectures import ARCHITECTURES, LARGE, TAKEN, images_of, made
from explorers import DAMAGED_LINKS, link_of
from networks import SmallAlexNet, SmallVGG, random_foreign, random_tiny, randomise_biases
from serving import serve
from torch import nn

from tinyvgg import Cut, Study, as_input, as_network, backtrack, deconvolve, grey, record, suppress
from tinyvgg.deconv import Recording
from tinyvgg.experiments.attributions import strengths
from tinyvgg.explorer import Refused, Session, pack, training
from tinyvgg.explorer.gallery import Gallery, gallery_of, study_gallery
from tinyvgg.explorer.link import decode, encode
from tinyvgg.explorer.pack import pack_gallery, rounded
from tinyvgg.explorer.receptive import receptive_fields
from tinyvgg.explorer.state import Choice, drawn
from tinyvgg.graph import run
from tinyvgg.layers import apply_feature_layer, dense_layers, feature_nodes, image_shape, pair

pytestmark = [pytest.mark.browser, pytest.mark.slow]

HERE = Path(__file__).parent
RELATIVE = 1e-4  # of the largest value of an array
NEAR = 1e-5  # of the threshold: a pixel so near may fall on either side of it
NEARLY = 1e-6  # of the largest value of a layer: values so near may or may not be the same
RELEASED, ZEILER = {}, {"bias": "none", "ties": "first", "rectify": False}
WAYS = [RELEASED, ZEILER, {"ties": "first"}, {"bias": "none", "rectify": False}]
SETTINGS = [  # target, cut
    (None, Cut()),
    (None, None),
    (1, Cut(0.0, 60.0)),
    (2, Cut(0.01, 100.0)),
    (0, Cut(0.0, 20.0)),
    (None, Cut(1e9, 50.0)),
]


class Odd(nn.Module):
    """Every setting that a supported layer may have, and no hidden dense layer."""

    image_size = 37

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 6, (5, 3), stride=(3, 2), padding=(2, 0), dilation=(1, 2), groups=3),
            nn.ReLU(),
            nn.Conv2d(6, 9, 3, padding="same", dilation=2, bias=False, groups=3),
            nn.MaxPool2d(2, stride=3, padding=1, ceil_mode=True),  # the last window is left out
            nn.ReLU(),
            nn.Conv2d(9, 4, 1, padding=2),
            nn.ReLU(),
            nn.Conv2d(4, 5, (2, 3), stride=(1, 2)),
            nn.ReLU(),
            nn.MaxPool2d((2, 3), stride=1, dilation=(2, 1)),
        )
        maps = self.features(torch.zeros(1, 3, self.image_size, self.image_size))
        self.classifier = nn.Sequential(nn.Dropout(), nn.Linear(maps.numel(), 4, bias=False))


class Mixed(nn.Module):
    """Every kind of layer that only an adapted network may have, and an output of one unit or more.

    Parameters
    ----------
    channels : int
        Of the images.
    outputs : int
    """

    image_size = 21

    def __init__(self, channels: int, outputs: int):
        super().__init__()
        self.first = nn.Conv2d(channels, 6, 3, padding=1)
        self.norm, self.later = nn.BatchNorm2d(6), nn.BatchNorm2d(12)
        self.inner = nn.Conv2d(6, 6, 3, padding="same", bias=False)
        self.branch, self.other = nn.Conv2d(6, 5, 3, padding=1), nn.Conv2d(3, 7, 1)
        self.last = nn.Conv2d(12, 8, 2, padding="same")  # pads one side more than the other
        self.dense = nn.Linear(8 * 5 * 5, 9)
        self.middle, self.out = nn.Linear(9, 6), nn.Linear(6, outputs)
        for norm in (self.norm, self.later):
            nn.init.uniform_(norm.running_mean, -0.5, 0.5)
            nn.init.uniform_(norm.running_var, 0.5, 2)
            nn.init.uniform_(norm.weight, -1.5, 1.5)

    def forward(self, x):
        x = (x - 0.4) / torch.linspace(0.2, 0.6, x.shape[1])[:, None, None]
        x = F.relu(self.norm(self.first(x)))
        x = F.hardtanh(self.inner(x) + x, 0.2, 2.5)
        x = F.avg_pool2d(x, 3, stride=2, padding=1, ceil_mode=True, count_include_pad=False)
        parts = [F.softplus(self.branch(x)), self.other(x[:, 1:4]).relu().square()]
        x = self.later(F.avg_pool2d(torch.cat(parts, 1), (2, 3), stride=1, padding=1))
        x = F.max_pool2d(torch.sigmoid(self.last(F.relu6(x))), 2)
        x = F.relu6(self.dense(F.adaptive_avg_pool2d(x, 5).flatten(1)))
        return self.out(F.hardsigmoid(self.middle(x)))


def mixed(channels: int, outputs: int) -> nn.Module:
    torch.manual_seed(channels)
    model = Mixed(channels, outputs).double()
    mean = [0.1, 0.5, 0.2, 0.4][:channels]
    size = (3, channels, Mixed.image_size, Mixed.image_size)
    return as_network(model, torch.rand(size, dtype=torch.float64), mean=mean, std=0.8, scale=255)


def odd() -> nn.Module:
    torch.manual_seed(0)
    return randomise_biases(Odd(), torch.Generator().manual_seed(0))


NETWORKS = {
    "TinyVGG": (lambda: random_tiny(0), 16),
    "TinyVGG, one hidden layer": (lambda: random_tiny(1, (20,)), 16),
    "TinyVGG, thin": (lambda: random_tiny(3, (9, 8), width=4, num_classes=4), 16),
    "TinyVGG, no hidden layer": (lambda: random_tiny(2, (), image_size=24, width=5), 24),
    "like AlexNet": (lambda: random_foreign(SmallAlexNet, 1), 131),
    "like VGG": (lambda: random_foreign(SmallVGG, 2), 28),
    "odd": (odd, Odd.image_size),
    "mixed": (lambda: mixed(3, 5), Mixed.image_size),
    "mixed, grey, one output": (lambda: mixed(1, 1), Mixed.image_size),
    "mixed, four channels": (lambda: mixed(4, 3), Mixed.image_size),
}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A folder with the modules, one by one, and its address."""
    folder = tmp_path_factory.mktemp("engine")
    shutil.copytree(str(files("tinyvgg.explorer") / "web"), folder / "web")
    shutil.copy(HERE / "engine.js", folder)
    (folder / "index.html").write_text("<!doctype html><title>Engine</title>", "utf8")
    with serve(folder) as address:
        yield folder, address


@pytest.fixture(scope="module")
def page(chromium, site):
    page = chromium.new_page()
    page.goto(f"{site[1]}/index.html")
    page.evaluate("async () => { window.engine = await import('/engine.js'); window.packs = {}; }")
    yield page
    page.close()


@pytest.fixture(scope="module")
def load(page, site):
    """Let the page read a pack; its name there."""

    def load(pack: bytes) -> str:
        name = f"{len(list(site[0].glob('*.pack')))}"
        (site[0] / f"{name}.pack").write_bytes(pack)
        page.evaluate("async (name) => { packs[name] = await engine.load(name); }", name)
        return name

    return load


def random_gallery(name: str, count: int = 12) -> Gallery:
    make, size = NETWORKS[name]
    net = make()
    shape = (count, size, size, image_shape(net.features)[0])
    images = np.random.default_rng(7).integers(0, 256, shape, dtype=np.uint8)
    with torch.no_grad():  # so that predictions differ
        logits = backtrack(net, as_input(images, network=net)).logits
        output = net.classifier[-1]
        output.weight *= 30
        if output.bias is not None:
            output.bias -= 30 * logits.mean(0)[-len(output.bias) :]
    classes = [f"class {k}" for k in range(logits.shape[1])]
    return gallery_of(net, images, np.arange(count) % len(classes), classes)


def floats(text: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), np.float32)


class Parity:
    """How far the page's numbers are from the package's; what differs is kept in words."""

    def __init__(self):
        self.worst: Counter[str] = Counter()
        self.seen: Counter[str] = Counter()
        self.wrong: list[str] = []

    def __str__(self) -> str:
        errors = ", ".join(f"{name} {error:.1e}" for name, error in self.worst.items())
        counts = ", ".join(f"{count} {name}" for name, count in self.seen.items())
        return f"largest relative differences: {errors}\n{counts}\n" + "\n".join(self.wrong[:20])

    def near(self, name: str, got: str, expected: torch.Tensor, rounding: float = 0) -> None:
        """The same values, apart from an absolute error of `rounding`."""
        given, wanted = floats(got), np.asarray(expected, np.float64).ravel()
        assert given.shape == wanted.shape, name
        excess = np.maximum(np.abs(given - wanted) - rounding, 0)
        error = excess.max() / (np.abs(wanted).max() or 1)
        self.worst[name] = max(self.worst[name], error)
        if not error <= RELATIVE:
            self.wrong.append(f"{name}: {error:.1e}")

    def same(self, name: str, got, expected) -> None:
        if got != expected:
            self.wrong.append(f"{name}: {got} is not {expected}")

    def sets(self, got: list[int], trace, strength: torch.Tensor) -> None:
        """Selected pixels are the same but for those beside the threshold, which are counted."""
        wanted = trace.pixels.flatten().nonzero().flatten().tolist()
        threshold = trace.threshold.item()
        self.seen["pixels selected"] += len(wanted)
        for pixel in sorted(set(got) ^ set(wanted)):
            value = strength.flatten()[pixel].item()
            if abs(value - threshold) <= NEAR * threshold:
                self.seen["pixels beside the threshold differ"] += 1
            else:
                self.wrong.append(f"pixel {pixel}: {value!r} at a threshold of {threshold!r}")

    def switches(self, got: list[str], recording: Recording, inputs) -> Recording:
        """The recording with the page's switches.

        They are the same but where rounding decides whether a value equals the largest of its
        window; those are counted.
        """
        found = []
        for text, wanted, (pool, x) in zip(got, recording.switches, inputs, strict=True):
            flags = torch.frombuffer(bytearray(base64.b64decode(text)), dtype=torch.uint8).bool()
            batch, channels, taps, *size = wanted.shape
            flags = flags.reshape(batch, channels, *size, taps).movedim(-1, 2)
            differ = (flags ^ wanted).nonzero().tolist()
            self.seen["switches"] += wanted.numel()
            self.seen["switches differ by rounding"] += len(differ)
            for batch, channel, tap, *window in differ:
                value = x[batch, channel][place_in(pool, tap, window)]
                largest = apply_feature_layer(pool, x)[(batch, channel, *window)]
                if largest - value > NEARLY * x.abs().max():
                    self.wrong.append(f"switch of {value:.9g} where {largest:.9g} is the largest")
            found.append(flags)
        return replace(recording, switches=tuple(found))


def place_in(pool: nn.MaxPool2d, tap: int, window: list[int]) -> tuple[int, ...]:
    """Row and column of a pixel of a pooling window."""
    inside = divmod(tap, pair(pool.kernel_size)[1])
    settings = (pair(pool.stride), pair(pool.padding), pair(pool.dilation))
    return tuple(
        at * stride - padding + k * dilation
        for at, k, stride, padding, dilation in zip(window, inside, *settings, strict=True)
    )


def pooled_inputs(net: nn.Module, x: torch.Tensor) -> list[tuple[nn.MaxPool2d, torch.Tensor]]:
    """Each max-pooling layer with what it is given."""
    found = []

    def apply(layer: nn.Module, *given: torch.Tensor) -> torch.Tensor:
        if isinstance(layer, nn.MaxPool2d):
            found.append((layer, given[0]))
        return apply_feature_layer(layer, *given)

    run(feature_nodes(net.features), x, apply)
    return found


@torch.no_grad()
def compare_picture(page, name: str, net: nn.Module, picture: np.ndarray, settings, ways, parity):
    """Ask page and package of a picture, for each target and cut, and add to what was seen."""
    x = as_input(picture[None], network=net)
    recording, inputs = record(net.features, x), pooled_inputs(net, x)
    text = base64.b64encode(picture.tobytes()).decode()
    asked = [(target, cut and vars(cut)) for target, cut in settings]
    given = {"settings": asked, "ways": ways, "draw": 3, "count": 7}
    got = page.evaluate("([name, ...it]) => engine.look(packs[name], ...it)", [name, text, given])
    maps = recording.maps
    parity.same("shape", got["shape"], list(maps.shape[1:]))
    parity.near("maps", got["maps"], maps)
    same = parity.switches(got["switches"], recording, inputs)
    for way, values in zip(ways, got["ways"], strict=True):
        parity.near(f"deconvolution {way or ''}", values, deconvolve(net.features, same, **way))
    control = drawn(maps, 7, 3).flatten().nonzero().flatten().tolist()
    parity.same("drawn at random", got["control"], control)
    full = deconvolve(net.features, same)
    for (target, cut), told in zip(settings, got["traced"], strict=True):
        trace = backtrack(net, x, target, cut)
        strength = strengths(net, trace)
        parity.seen["traces"] += 1
        parity.same("target", told["target"], trace.target.item())
        layers = [units[0].nonzero().flatten().tolist() for units in trace.layers]
        parity.same("layers", told["layers"], layers)
        parity.near("logits", told["logits"], trace.logits)
        parity.near("strengths", told["strengths"], strength)
        parity.sets(told["pixels"], trace, strength)
        threshold = trace.threshold.item()
        if float(told["threshold"]) != pytest.approx(threshold, rel=RELATIVE):
            parity.wrong.append(f"threshold: {told['threshold']} is not {threshold}")
        parity.near("suppression", told["without"], suppress(net, trace.maps, trace.pixels))
        suppressed = deconvolve(net.features, same, maps.masked_fill(trace.pixels, 0))
        parity.near("tracking", told["suppressed"], suppressed)
        # two float32 pictures were subtracted, and may cancel
        rounding = 1e-6 * full.abs().max().item()
        difference = (grey(full) - grey(suppressed)).abs()
        parity.near("tracked difference", told["difference"], difference, rounding)


@pytest.mark.parametrize(
    "bits, network", list(zip([8, 12, 10, 16, 32, 12, 8, 16, 12, 32], NETWORKS, strict=True))
)
def test_random_networks_agree_with_the_package(page, load, network, bits):
    gallery = random_gallery(network)
    name, net = load(pack_gallery(gallery, bits)), rounded(gallery, bits).net
    parity = Parity()
    classes = len(gallery.classes)
    settings = [(target and min(target, classes - 1), cut) for target, cut in SETTINGS]
    for picture in gallery.images[:3]:
        compare_picture(page, name, net, picture, settings, WAYS, parity)
    assert not parity.wrong, str(parity)
    print(parity)


@pytest.mark.parametrize("architecture", [name for name in TAKEN if name not in LARGE])
def test_every_architecture_that_is_adapted_agrees_with_the_package(page, load, architecture):
    kind = ARCHITECTURES[architecture]
    net = as_network(made(architecture), images_of(kind.shape))
    channels, *size = kind.shape
    images = np.random.default_rng(7).integers(0, 256, (4, *size, channels), dtype=np.uint8)
    classes = [f"class {k}" for k in range(dense_layers(net.classifier)[-1].out_features)]
    gallery = gallery_of(net, images, np.arange(4) % len(classes), classes)
    name, net = load(pack_gallery(gallery, 32)), rounded(gallery, 32).net
    parity = Parity()
    settings = [(None, Cut(0.0, 60.0)), (1, None)]
    compare_picture(page, name, net, gallery.images[0], settings, [RELEASED, ZEILER], parity)
    assert not parity.wrong, str(parity)


def studies():
    profiles = ["smoke", "default"] if os.environ.get("TINYVGG_TEST_BOOK") else ["smoke"]
    return [(profile, task) for profile in profiles for task in ("face", "emotion")]


@pytest.fixture(scope="module", params=studies(), ids=" ".join)
def packed(request, load):
    """A study's gallery with the rounded network, and the name of its pack in the page."""
    profile, task = request.param
    study = Study(profile, progress=False)
    if profile != "smoke" and not study.is_trained(task):
        pytest.skip(f"the {task} network of the profile {profile} is not in the store")
    gallery = study_gallery(study, task)
    made = pack_gallery(gallery)
    return rounded(gallery, bits_of(made)), load(made)


def bits_of(pack: bytes) -> int:
    header = json.loads(pack[8 : 8 + int.from_bytes(pack[:8], "little")])
    return json.loads(header["__metadata__"]["explorer"])["bits"]


def test_fifty_test_pictures_agree_with_the_package(page, packed):
    gallery, name = packed
    parity = Parity()
    pictures = pack.tested(gallery)
    for picture in pictures[:: max(1, len(pictures) // 50)][:50]:
        settings = [(None, Cut()), (None, None)]
        compare_picture(page, name, gallery.net, picture, settings, [RELEASED, ZEILER], parity)
    assert parity.seen["traces"] >= 100
    assert not parity.wrong, str(parity)
    print(parity)


# ---------------------------------------------------------------------- choices

GOOD = {
    "pixel_set": ["none", "backtracked", "common", "unique", "hand"],
    "random": [True, False],
    "draw": [0, 1, 7, 2**31],
    "target": ["predicted", "true", "class 1", "it's 50 %"],
    "printed": [False, False, True],
    "floor": [0.0, 0.001, 0.05, 3e-7, 1e9, 2.5e21],
    "percentile": [0.0, 33.3, 60.0, 90.0, 100.0],
    "strongest": [None, 1, 3, 1000],
    "suppressed": [[], [5, 3, 3], [0, 1, 23], list(range(20))],
    "by_hand": [[], [7], [2, 11]],
    "task": ["pictures", "others"],
}
BAD = {
    "task": ["age", 3],
    "case": [10_000, -1, 0.5, "x", None, True],
    "pixel_set": ["all", "it's", None],
    "random": ["yes", 3],
    "draw": [-1, 0.5],
    "target": ["gnu", 3],
    "floor": [-1.0, -1e-7, 2e16 * -1, "low", None],
    "percentile": [101.0, -0.5, 1e300],
    "strongest": [0, -3, 1.5],
    "suppressed": [[24], [-1], [0.5]],
    "colour": ["red"],
}


def steps(seed: int, count: int, rows: list[int]) -> list[dict | None]:
    """Changes at random, some of which cannot be; None is a reset."""
    random = np.random.default_rng(seed)
    found: list[dict | None] = [None]
    for _ in range(count):
        names = random.choice([*GOOD, "case", "case"], random.integers(1, 4), replace=False)
        wanted = {name: pick(random, {**GOOD, "case": rows}[name]) for name in names}
        if random.random() < 0.25:
            name = pick(random, list(BAD))
            wanted[name] = pick(random, BAD[name])
        found.append(wanted if random.random() < 0.97 else None)
    return found


def pick(random: np.random.Generator, values: list):
    return values[int(random.integers(len(values)))]


def numbers(mask: np.ndarray) -> list[int]:
    return np.flatnonzero(mask).tolist()


def without_figures(text: str) -> str:
    """A sentence without its probabilities, which may be rounded the other way."""
    return re.sub(r"\(confidence \d\.\d\d\)", "()", text)


@pytest.fixture(scope="module")
def two_tasks(load):
    """Galleries of two tasks, with the networks of their packs, and the names of these."""
    galleries, names = {}, []
    for task, name, classes in (("pictures", "TinyVGG", 5), ("others", "TinyVGG, thin", 4)):
        gallery = replace(random_gallery(name, 24), task=task)
        gallery = replace(gallery, classes=[*gallery.classes[: classes - 1], "it's 50 %"])
        galleries[task] = rounded(gallery, 12)
        names.append(load(pack_gallery(gallery, 12)))
    return galleries, names


@pytest.mark.parametrize("seed", range(4))
def test_sessions_in_the_page_and_in_python_follow_and_refuse_alike(page, two_tasks, seed):
    galleries, names = two_tasks
    session = Session(galleries)
    rows = [row for gallery in galleries.values() for row in gallery.cases]
    changes = steps(seed, 150, rows)
    walked = page.evaluate(
        "([names, steps]) => engine.walk(names.map((name) => packs[name]), steps)",
        [names, changes],
    )
    refused = 0
    for wanted, got in zip(changes, walked, strict=True):
        try:
            state = session.reset() if wanted is None else session.choose(**wanted)
        except Refused as refusal:
            refused += 1
            assert got == {"refused": str(refusal)}, wanted
            continue
        assert "refused" not in got, (wanted, got)
        assert got["link"] == session.link, wanted
        expected = {
            name: list(v) if name == "by_hand" else v for name, v in vars(state.choice).items()
        }
        assert {name: got[name] for name in expected} == expected
        assert got["sets"] == {name: numbers(mask) for name, mask in state.sets.items()}, wanted
        assert got["suppressed"] == list(session.suppressed), wanted
        assert got["traced"] == state.target
        assert tuple(got["available"]) == session.available
        for name in ("sentence", "context"):
            assert without_figures(got[name]) == without_figures(getattr(state, name))
        assert floats(got["before"]) == pytest.approx(state.before, abs=1e-6)
        assert floats(got["after"]) == pytest.approx(state.after, abs=1e-6)
        chosen = set(numbers(state.chosen))
        assert set(got["order"][: len(chosen)]) == chosen
    assert 10 < refused < len(changes) / 2
    links = [got["link"] for got in walked if "link" in got]
    followed = page.evaluate("(links) => engine.follow(links)", links)
    for link, got in zip(links, followed, strict=True):
        assert got["link"] == link
        choice = decode(link)
        assert {**got, "by_hand": tuple(got["by_hand"])} == {**vars(choice), "link": link}
        assert session.follow(link).choice == choice
        assert session.link == link


def test_links_hold_pixels_that_lie_far_apart(page):
    numbers = (0, 127, 128, 256, 16_640, 16_641, 3_000_000)
    link = encode(Choice("face", 7, "hand", by_hand=numbers))
    (got,) = page.evaluate("(links) => engine.follow(links)", [link])
    assert decode(link).by_hand == tuple(got["by_hand"]) == numbers
    assert got["link"] == link


def test_damaged_links_are_refused_alike(page):
    mask = np.packbits(np.isin(np.arange(101), [3, 5, 100]), bitorder="little").tobytes()
    by_hand = base64.urlsafe_b64encode(mask).decode().rstrip("=")
    good = link_of(task="emotion", case=1432.0, pixel_set="hand", floor=0.01, by_hand=by_hand)
    followed = page.evaluate("(links) => engine.follow(links)", [good, *DAMAGED_LINKS])
    assert followed[0]["by_hand"] == list(decode(good).by_hand) == [3, 5, 100]
    for link, got in zip(DAMAGED_LINKS, followed[1:], strict=True):
        with pytest.raises(Refused) as refusal:
            decode(link)
        assert got == {"refused": str(refusal.value)}, link
        assert "damaged" in got["refused"]


def test_a_deletion_curve_is_what_suppression_gives(page, two_tasks):
    galleries, names = two_tasks
    for row in list(galleries["pictures"].cases)[:3]:
        curve, slow = page.evaluate(
            "([name, row]) => engine.deleted(packs[name], row, [0, 1, 2, 5, 9, 400])",
            [names[0], row],
        )
        assert curve == pytest.approx(slow, abs=1e-6)
        assert curve[0] != pytest.approx(curve[-1], abs=1e-3)


def test_a_picture_of_ones_own_has_no_truth_no_twin_and_no_link(page, two_tasks):
    galleries, names = two_tasks
    gallery = galleries["pictures"]
    picture = np.random.default_rng(5).integers(0, 256, gallery.images.shape[1:], dtype=np.uint8)
    written = base64.b64encode(picture.tobytes()).decode()
    got = page.evaluate("([name, it]) => engine.owned(packs[name], it)", [names[0], written])
    maps = record(gallery.net.features, as_input(picture[None])).maps
    parity = Parity()
    parity.near("maps", got["maps"], maps)
    assert not parity.wrong, str(parity)
    assert got["row"] < 0
    assert got["left"] is False
    empty, truth, without, context, caption = got["said"]
    logits = backtrack(gallery.net, as_input(picture[None])).logits[0]
    says = gallery.say(int(logits.argmax()))
    assert empty.startswith(f"With all 24 pixels, the image is classified as {says} (confidence ")
    assert truth == "The true class of your own image is not known."
    assert without.startswith("With 3 of 24 pixels suppressed, the image is ")
    assert context.startswith(f"With all pixels, it is classified as {says} (")
    assert "correct" not in context
    assert caption.startswith(f"me → classified as {says} (")
    for refusal, reason in zip(got["refusals"], ("is not known", "your own", "stays"), strict=True):
        assert reason in refusal
    assert got["back"] == gallery.first.row


def test_pixels_by_hand_may_be_a_mask_and_keep_the_order_in_which_they_came(page, two_tasks):
    seen = page.evaluate(
        """async (name) => {
            const { Session } = await import("/web/session.js");
            const session = new Session(packs[name]);
            const seen = [];
            const mask = new Uint8Array(24).fill(1, 22);
            for (const suppressed of [[9, 4], [4, 9, 1, 7], [7, 9], mask]) {
                const state = session.choose({ suppressed });
                seen.push([[...state.order], [...state.choice.by_hand]]);
            }
            for (const wrong of [new Uint8Array(3), 5, null]) {
                try {
                    session.choose({ suppressed: wrong });
                } catch (error) {
                    seen.push(error.message);
                }
            }
            return seen;
        }""",
        two_tasks[1][0],
    )
    orders = [
        [[9, 4], [4, 9]],
        [[9, 4, 1, 7], [1, 4, 7, 9]],
        [[9, 7], [7, 9]],
        [[22, 23], [22, 23]],
    ]
    assert seen[:4] == orders
    expected = (
        "suppressed must be numbers of pixels, 0 to 23, or a bool array of shape (6, 2, 2); got"
    )
    assert seen[4:] == [f"{expected} bool of shape (3,)", f"{expected} 5", f"{expected} None"]


def test_a_history_goes_back_and_forth_and_forgets_what_was_undone(page):
    seen = page.evaluate(
        """async () => {
            const { History } = await import("/web/controller.js");
            const { DEFAULTS } = await import("/web/choice.js");
            const history = new History();
            const of = (draw) => ({ ...DEFAULTS, task: "a", case: 1, draw });
            const seen = [history.canUndo, history.undo(), history.current];
            for (const draw of [0, 1, 1, 2]) history.push(of(draw));
            seen.push(history.undo().draw, history.undo().draw, history.undo(), history.canUndo);
            seen.push(history.redo().draw, history.canRedo);
            history.push(of(5));
            seen.push(history.canRedo, history.redo(), history.undo().draw, history.redo().draw);
            return seen;
        }"""
    )
    assert seen == [False, None, None, 1, 0, None, False, 1, True, False, None, 1, 5]


def test_a_pack_says_what_is_known_of_a_pixel(page, load):
    gallery = random_gallery("TinyVGG")
    images = np.random.default_rng(3).integers(0, 256, (30, 16, 16, 3), dtype=np.uint8)
    trained = training.Training(images, np.arange(30), np.arange(30) % 5)
    fields = receptive_fields(gallery.net, 16, 16)
    found = training.leaders(rounded(gallery, 12).net, trained, 3)
    asked = "(name) => engine.pixels(packs[name])"
    none = page.evaluate(asked, load(pack_gallery(gallery, 12)))
    got = page.evaluate(asked, load(pack_gallery(replace(gallery, training=trained), 12)))
    assert none["training"] is None
    assert got["training"]["images"] == 30
    assert len(none["pixels"]) == len(got["pixels"]) == len(found.active)
    names = got["training"]["true"]
    for pixel, told in enumerate(got["pixels"]):
        _, row, column = np.unravel_index(pixel, (len(found.active) // 4, 2, 2))
        assert told["rows"] == list(fields[0][row]) and told["columns"] == list(fields[1][column])
        for kind in ("active", "deciding"):
            rows = [row for row in getattr(found, kind)[pixel] if row >= 0]
            assert [names[number] for number in told[kind]] == [row % 5 for row in rows]
        assert {**told, "active": [], "deciding": []} == none["pixels"][pixel]


def test_training_images_that_do_not_fit_are_left_out_in_words(page, load, monkeypatch):
    monkeypatch.setattr(training, "MOST", 100)
    gallery = random_gallery("TinyVGG")
    trained = training.Training(gallery.images, np.arange(12), np.arange(12) % 5)
    name = load(pack_gallery(replace(gallery, training=trained), 12))
    got = page.evaluate("(name) => engine.pixels(packs[name])", name)
    assert got["training"]["left_out"].startswith("The training images are left out: ")
    assert all(not told["active"] and not told["deciding"] for told in got["pixels"])


def test_the_benchmark_times_every_step(chromium):
    from bench_explorer import STEPS, bench, untrained

    found = bench(chromium, untrained(16, count=6), repeats=2, floor=0.0)
    assert list(found) == list(STEPS)
    assert [len(times) for times, _ in found.values()] == [2 * often for often in STEPS.values()]
