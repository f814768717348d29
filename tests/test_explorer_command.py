"""An explorer as one file: what it holds, and the command that makes it of one's own network."""

from __future__ import annotations

import base64
import json
import re
import sys

import numpy as np
import pytest
import torch
from explorers import CLASSES, of, world
from PIL import Image
from safetensors.torch import save_file
from torch import nn

from tinyvgg import as_network
from tinyvgg.__main__ import main
from tinyvgg.adapted.network import input_scale
from tinyvgg.explorer import Explorer, page
from tinyvgg.explorer.command import channels_of, choose_size, in_channels, load_model
from tinyvgg.explorer.gallery import gallery_of
from tinyvgg.explorer.pack import cached_pack

MODELS = """
import torch
from torch import nn

class Net(nn.Module):
    image_size = 16

    def __init__(self, channels=1, outputs=3):
        super().__init__()
        torch.manual_seed(channels)
        self.stem = nn.Sequential(nn.Conv2d(channels, 6, 3), nn.BatchNorm2d(6), nn.ReLU())
        self.head = nn.Linear(6, outputs)

    def forward(self, x):
        return self.head(self.stem(x).mean((2, 3)))

def grey(): return Net()
def rgb(): return Net(3)
def five(): return Net(5)
def gelu(): return nn.Sequential(nn.Conv2d(3, 4, 3), nn.GELU(), nn.Flatten(), nn.Linear(784, 3))
def odd(): return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(3844, 3))
def small(): return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(2704, 3))
def any_size(): return Net(3).stem
def number(): return 3
made = Net(3)
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with models, weights, and pictures of three classes that are no faces."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delitem(sys.modules, "my_models", raising=False)
    (tmp_path / "my_models.py").write_text(MODELS, "utf8")
    random = np.random.default_rng(0)
    for name, top in (("noise", 255), ("dark", 60), ("grey", 120)):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for k in range(4):
            pixels = random.integers(0, top, (20, 24, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "photos" / name / f"{k}.png")
    save_file(load_model("my_models:grey").state_dict(), tmp_path / "net.safetensors")
    return tmp_path


def run(*options: str) -> int:
    return main(["explorer", "--images", "folder:photos", "--output", "out/page.html", *options])


def contents(path) -> dict[str, str]:
    text = path.read_text("utf8")
    return json.loads(re.search(r"tinyvggExplorerFiles = (\{.*?\});</script>", text)[1])


def test_the_file_holds_program_pack_and_style_and_names_no_other_file(tmp_path):
    explorer = of(world(), Explorer)
    explorer.choose(pixel_set="none")
    saved = explorer.save(tmp_path / "new" / "page.html", title="Two </script> & more")
    text = saved.path.read_text("utf8")
    assert saved.size == len(text.encode())
    assert f"{saved.size / 1e6:.1f} MB" in str(saved) and "8 bits" in str(saved)
    kept = contents(saved.path)
    assert list(kept) == ["module", "pictures"]
    assert base64.b64decode(kept["pictures"]) == explorer._with_pack("pictures")[1]
    assert "export default" in kept["module"] and ".tinyvgg-explorer" in text
    assert explorer.state.sentence in text and "<h1>Two &lt;/script&gt; &amp; more</h1>" in text
    assert not re.search(r"<(script|link|img|iframe)[^>]+(src|href)=\"(?!data:)", text)
    assert [path.name for path in saved.path.parent.iterdir()] == ["page.html"]


def test_a_failure_leaves_the_page_that_was_there(tmp_path, monkeypatch):
    path = tmp_path / "page.html"
    path.write_text("before", "utf8")
    explorer = of(world(), Explorer)
    monkeypatch.setattr(page, "LARGEST", 0)
    with pytest.raises(ValueError, match=r"% of them are in its (features|classifier): .* help"):
        explorer.save(path)
    monkeypatch.setattr(page, "LARGEST", 60)
    monkeypatch.setattr(page, "first_paint", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        explorer.save(path)
    assert path.read_text("utf8") == "before" and len(list(tmp_path.iterdir())) == 1


def test_a_large_network_is_refused_with_its_size_before_anything_is_written(tmp_path):
    class Wide(nn.Module):
        features = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU())
        classifier = nn.Sequential(nn.Linear(4 * 64, 250_000, bias=False))

    with pytest.raises(ValueError, match=r"64 million weights, 64 MB at 8 bits .*may have 60 MB"):
        page.check_size([Wide().to("meta")])


def test_the_command_makes_a_page_of_any_network_and_pictures(here, capsys):
    assert run("--model", "my_models:grey", "--weights", "net.safetensors", "--title", "Mine") == 0
    said = capsys.readouterr().out
    assert re.search(r"out/page\.html: \d\.\d MB, with weights of 8 bits", said)
    assert "<h1>Mine</h1>" in (here / "out" / "page.html").read_text("utf8")
    assert "pictures" in contents(here / "out" / "page.html")


def test_the_page_has_the_pack_of_the_adapted_network_and_its_input(here):
    scaled = ["--mean", "0.5", "0.4", "0.3", "--std", "0.2", "--scale", "255"]
    assert run("--model", "my_models:made", "--size", "12", "--count", "5", *scaled) == 0
    from tinyvgg import open_faces

    faces = open_faces("folder:photos", size=12, angles=None, progress=False)
    rows = [0, 2, 5, 8, 11]
    mean, std = [0.5, 0.4, 0.3], [0.2]
    pixels = torch.tensor(faces.images[rows]).permute(0, 3, 1, 2).float()
    x = input_scale(3, mean, std, 255).input_of(pixels)
    expected = (torch.tensor(faces.images[rows]).permute(0, 3, 1, 2) / 255).float()
    expected = (expected - torch.tensor(mean)[:, None, None]) / 0.2
    torch.testing.assert_close(x, expected)
    net = as_network(load_model("my_models:made"), x, mean=mean, std=0.2, scale=255)
    gallery = gallery_of(
        net, faces.images[rows], faces.labels("face")[rows], ["dark", "grey", "noise"]
    )
    pack = base64.b64decode(contents(here / "out" / "page.html")["pictures"])
    header = json.loads(pack[8 : 8 + int.from_bytes(pack[:8], "little")])["__metadata__"]
    own = cached_pack(gallery)[1]
    about = json.loads(
        json.loads(own[8 : 8 + int.from_bytes(own[:8], "little")])["__metadata__"]["explorer"]
    )
    found = json.loads(header["explorer"])
    assert found["mean"] == pytest.approx(mean) and found["scale"] == 255
    assert {**found, "task": "", "cases": 0} == {**about, "task": "", "cases": 0}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--model", "my_models"], r"must be module:function.*'my_models'"),
        (["--model", "nowhere:net"], "nowhere.* run the command where nowhere.py is"),
        (["--model", "my_models:nothing"], "my_models:nothing: .*'nothing'"),
        (["--model", "my_models:number"], "makes int and no torch.nn.Module"),
        (["--model", "my_models:odd"], "none of the usual sizes: give --size PIXELS"),
        (["--model", "my_models:gelu", "--size", "16"], "gelu lets negative values through"),
        (["--model", "my_models:five"], "images of 5 channels, and files have 3"),
        (["--model", "my_models:rgb", "--weights", "no.safetensors"], "no file no.safetensors"),
        (["--model", "my_models:rgb", "--weights", "my_models.py"], "is no file of safetensors"),
        (["--model", "my_models:rgb", "--weights", "net.safetensors"], "of another shape: stem.0"),
        (["--model", "my_models:rgb", "--classes", "a", "b"], "3 different names.*got 2"),
        (["--model", "my_models:rgb", "--classes", "a", "b", "c"], "dark, grey, noise, which"),
        (["--model", "my_models:rgb", "--task", "gaze"], "--task gaze: .*3 as person"),
        (
            ["--model", "my_models:rgb", "--mean", "1", "2"],
            r"each of 3 channels; got \[1\.0, 2\.0\]",
        ),
        (["--model", "my_models:rgb", "--std", "0"], "std must be above 0"),
        (["--model", "my_models:rgb", "--scale", "0"], "scale, which bytes .* must be above 0"),
        (["--model", "my_models:rgb", "--count", "0"], "--count must be 1 or more"),
        (["--model", "my_models:rgb", "--images", "folder:nowhere"], "nowhere"),
    ],
)
def test_what_does_not_fit_is_refused_in_a_sentence(here, capsys, options, message):
    assert run(*options) == 2
    said = capsys.readouterr().err
    assert re.search(message, said) and "Traceback" not in said
    assert not (here / "out").exists()


def test_the_size_is_what_the_model_says_or_what_the_pictures_are_if_it_takes_them(here):
    for name, size in (("rgb", 16), ("any_size", 20), ("small", 28)):
        assert choose_size(load_model(f"my_models:{name}"), "folder:photos") == size
    assert choose_size(load_model("my_models:any_size"), "orl") == 224


def test_grey_is_the_luminance_of_the_files():
    images = np.random.default_rng(1).integers(0, 256, (2, 4, 5, 3), dtype=np.uint8)
    weights = np.array([0.299, 0.587, 0.114])
    assert np.array_equal(in_channels(images, 1)[..., 0], np.rint(images @ weights))
    assert in_channels(images, 3) is images
    assert channels_of(nn.Linear(3, 4)) == 3


def test_classes_of_an_adapted_network_are_the_explorers(tmp_path):
    net, images, labels = world()
    adapted = as_network(net, torch.rand(2, 3, 16, 16), classes=CLASSES)
    explorer = Explorer(adapted, images, labels)
    assert explorer.classes == CLASSES
    assert explorer.save(tmp_path / "page.html").bits == {"pictures": 8}
