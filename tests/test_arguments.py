"""What is given to `fit` is taken for what it means, or refused before anything is changed."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from networks import SmallVGG, assert_unchanged, snapshot
from torch import nn
from trainings import CLASSES, SIZE, Brighter, network, same, some_data

from tinyvgg.model import VGG
from tinyvgg.training.fit import fit
from tinyvgg.training.protocol import Protocol

pytestmark = pytest.mark.usefixtures("one_thread")
DATA = some_data()
IMAGES, LABELS = DATA["images"], DATA["labels"]


def train(net=None, **given):
    settings = dict(protocol=Protocol(epochs=2), device="cpu", progress=False)
    return fit(net or network(), **DATA | settings | given)


def refuse(error, message, net=None, **given):
    """The call is refused in those words, and the network stays as it is."""
    net = net or network()
    before = snapshot(net) if isinstance(net, nn.Module) else None
    with pytest.raises(error, match=message):
        train(net, **given)
    if before:
        assert_unchanged(before, net)


@pytest.fixture(scope="module")
def weights():
    return train().network.state_dict()


def mask(rows):
    return np.isin(np.arange(len(IMAGES)), rows)


def mirrored(array):
    """The same numbers, backwards in memory."""
    return array[::-1].copy()[::-1]


def read_only(array):
    array = array.copy()
    array.flags.writeable = False
    return array


# ---------------------------------------------------------------------- taken


@pytest.mark.parametrize(
    "given",
    [mask, lambda rows: mask(rows).tolist(), lambda rows: torch.tensor(mask(rows)),
     lambda rows: pd.Series(mask(rows)), list, torch.tensor, lambda rows: rows.astype(np.uint8),
     mirrored, read_only, lambda rows: range(rows[0], rows[-1] + 1)],
    ids=["mask", "mask in a list", "mask in a tensor", "mask in a column", "list", "tensor",
         "bytes", "mirrored", "read-only", "range"],
)  # fmt: skip
def test_rows_are_the_same_by_mask_and_by_number(weights, given):
    made = train(train=given(DATA["train"]), test=given(DATA["test"]))
    assert same(made.network.state_dict(), weights)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("given", [torch.tensor, mirrored, read_only])
def test_images_and_labels_are_the_same_in_whatever_memory(weights, given):
    made = train(images=given(IMAGES), labels=given(LABELS))
    assert same(made.network.state_dict(), weights)


@pytest.mark.parametrize("given", [list, pd.Series, np.uint8, np.int32])
def test_labels_are_the_same_in_whatever_whole_numbers(weights, given):
    assert same(train(labels=given(LABELS)).network.state_dict(), weights)


def test_rows_may_repeat_and_may_both_train_and_test():
    made = train(train=[0, 1, 1, 2], test=[1, 2])
    assert len(made.history) == 2


def test_labels_of_rows_that_are_not_used_may_be_anything(weights):
    images, labels = np.concatenate([IMAGES, IMAGES[:1]]), [*LABELS, -1]
    assert same(train(images=images, labels=labels).network.state_dict(), weights)


def test_numbers_of_numpy_are_taken_as_pythons():
    plain = train(protocol=Protocol(epochs=2, batch_size=5, learning_rate=0.5), seed=3)
    protocol = Protocol(np.int64(2), np.uint8(5), np.float32(0.5), np.str_("reshuffled"))
    made = train(protocol=protocol, seed=np.int64(3), save_every=np.float32(1))
    assert same(made.network.state_dict(), plain.network.state_dict())


def test_the_largest_seed_is_taken():
    assert len(train(seed=2**64 - 1).history) == 2


def test_a_training_needs_no_gradients_of_its_caller(weights):
    with torch.no_grad():
        assert same(train().network.state_dict(), weights)


@pytest.fixture
def double_by_default():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("optimiser", ["sgd", "adam", "adagrad"])
def test_the_default_dtype_changes_nothing_in_a_network_of_its_own(optimiser, request):
    protocol = Protocol(epochs=2, optimiser=optimiser)
    net, plain = network(), train(protocol=protocol)
    request.getfixturevalue("double_by_default")
    made = train(net, protocol=protocol)
    assert same(made.network.state_dict(), plain.network.state_dict())
    assert made.history.loss.equals(plain.history.loss)


def test_a_network_made_in_double_precision_is_trained_in_it(request):
    plain = train(network().double())
    request.getfixturevalue("double_by_default")
    made = train()
    assert same(made.network.state_dict(), plain.network.state_dict())
    assert {value.dtype for value in made.weights["last"].values()} == {torch.float64}


# ---------------------------------------------------------------------- refused


@pytest.mark.parametrize("name", ["train", "test"])
@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "no {name} rows: give at least one"),
        (np.zeros(40, bool), "no {name} rows: give at least one"),
        (np.ones(39, bool), r"{name} is a mask of shape \(39,\), but there are 40 images"),
        (np.ones((40, 1), bool), r"{name} is a mask of shape \(40, 1\)"),
        ([0.0, 1.0], r"{name} must be row numbers .*, or a mask of the 40 .* float64 \(2,\)"),
        ([[0, 1]], r"{name} must be row numbers .* int64 \(1, 2\)"),
        (3, r"{name} must be row numbers .* int64 \(\)"),
        (None, r"{name} must be row numbers .* object \(\)"),
        (["a"], "{name} must be row numbers .* <U1"),
        ([[0], [1, 2]], "{name} rows must be an array, got list"),
        ([0, 40], r"{name} rows must lie in 0\.\.39, not 0\.\.40"),
        ([-1, 3], r"{name} rows must lie in 0\.\.39, not -1\.\.3"),
    ],
)
def test_rows_that_are_none_are_refused(name, rows, message):
    refuse(ValueError, message.format(name=name), **{name: rows})


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (LABELS + 1, r"label 3 of row 2 is no class: .* 0 to 2; .* begin at 1: give labels - 1"),
        (LABELS.astype(np.uint8) * 4, "label 4 of row 1 is no class: .* 3 classes.*more of them"),
        (np.where(LABELS, LABELS, -100), "label -100 of row 0 is no class: .* from 0"),
        (LABELS + 0.9, "whole numbers .* from 0, not float64: np.unique"),
        (LABELS == 1, "not bool"),
        (LABELS.astype(str), "not <U21"),
        (list("abc") * 13 + [None], "not object"),
        (np.eye(CLASSES, dtype=int)[LABELS], r"not shape \(40, 3\).*labels.argmax\(1\)"),
        (LABELS[:3], r"40 images need as many labels, not shape \(3,\)"),
        (None, r"40 images need as many labels, not shape \(\)"),
    ],
)
def test_labels_that_are_no_class_numbers_are_refused(labels, message):
    refuse(ValueError, message, labels=labels)


def test_a_label_of_a_test_row_is_checked_too():
    labels = LABELS.copy()
    labels[39] = CLASSES
    refuse(ValueError, "label 3 of row 39", labels=labels)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (IMAGES / np.float32(256), r"uint8 \(N, H, W, 3\), not float32 \(40, 8, 8, 3\): .* bytes"),
        (torch.tensor(IMAGES).float(), "not float32"),
        (torch.tensor(IMAGES).bfloat16(), "images must be an array, got Tensor"),
        (IMAGES.transpose(0, 3, 1, 2), r"not uint8 \(40, 3, 8, 8\).* colours last"),
        (IMAGES[..., :1], r"not uint8 \(40, 8, 8, 1\)"),
        (IMAGES[0], r"not uint8 \(8, 8, 3\)"),
        ("faces.npy", "not <U9"),
        (IMAGES[:0], "no images"),
        (IMAGES[:, :0], "empty ones"),
        (IMAGES.repeat(2, axis=1), "does not take images of 16 x 8 x 3: give them the size"),
    ],
)
def test_images_that_are_none_are_refused(images, message):
    refuse(ValueError, message, images=images)


class Resettable(nn.Module):
    """A network of another house whose weights can be drawn."""

    def __init__(self, *layers):
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def reset(self, generator, initialisation):
        pass

    def forward(self, x):
        return self.layers(x.flatten(1))


class OneArgument(Resettable):
    def reset(self, generator):
        pass


def partly(change):
    """A network whose dense layers were changed, and not its convolutions."""
    net = network()
    change(net.classifier)
    return net


PIXELS = SIZE * SIZE * 3


@pytest.mark.parametrize(
    ("net", "error", "message"),
    [
        (SmallVGG(), TypeError, r"SmallVGG has no reset\(generator, initialisation\).* give it"),
        (OneArgument(nn.Linear(PIXELS, 3)), TypeError, "OneArgument has no reset"),
        (SimpleNamespace(reset=print), TypeError, "nn.Module.*got SimpleNamespace"),
        (network().half(), ValueError, r"torch.float16, which .*call network.float\(\)"),
        (network().bfloat16(), ValueError, "torch.bfloat16"),
        (network().requires_grad_(False), ValueError, "no weight to train"),
        (Resettable(), ValueError, "no weight to train"),
        (partly(nn.Module.double), ValueError, "features.0.weight is torch.float32 on cpu, class"),
        (Resettable(nn.Linear(PIXELS, 3), nn.Unflatten(1, (3, 1))), ValueError, r"\(1, 3, 1\)"),
        (Resettable(nn.LSTM(PIXELS, 3)), ValueError, r"logits \(B, classes\), got tuple"),
        (Resettable(nn.Linear(5, 3)), ValueError, "does not take images of 8 x 8 x 3"),
    ],
)
def test_networks_that_cannot_be_trained_are_refused(net, error, message):
    refuse(error, message, net)


@pytest.mark.parametrize(
    ("net", "message"),
    [
        (Resettable(nn.LazyLinear(3)), "layers.0.weight has no shape yet.*lazy: run"),
        (network().to("meta"), "features.0.weight is on device 'meta'.*to_empty"),
        (partly(lambda part: part.to("meta")), "classifier.0.weight is on device 'meta'"),
    ],
)
def test_networks_without_numbers_are_refused(net, message):
    with pytest.raises(ValueError, match=message):
        train(net)


def test_a_refused_network_of_two_modes_keeps_both():
    net = VGG(CLASSES, SIZE, [(4,)], (), batch_norm=True)
    net.features.eval()
    refuse(ValueError, "is no class", net, labels=LABELS + 1)


@pytest.mark.parametrize("precision", ["bfloat16", "tf32"])
def test_double_precision_is_not_rounded_in_silence(precision):
    protocol = Protocol(precision=precision)
    refuse(ValueError, f"float64, which precision '{precision}'", network().double(),
           protocol=protocol)  # fmt: skip


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        (dict(protocol={}), TypeError, r"Protocol\(epochs=5\), got {}"),
        (dict(protocol=5), TypeError, "must be a Protocol"),
        *((dict(seed=seed), ValueError, rf"seed must be .* from 0 to 2\*\*64 - 1, got {seed}")
          for seed in (-1, 0.5, True, 2**64, None)),
        (dict(seed="0"), ValueError, "got '0'"),
        *((dict(device=device), ValueError, f"unknown device {device!r}: choose one of auto, cpu")
          for device in ("gpu", "cuda:x", "", "meta", 1.5, None)),
        *((dict(save_every=wait), ValueError, "seconds, 0 or more")
          for wait in (-1, float("nan"), "10", None, True)),
        (dict(title=None), TypeError, "title must be a text, got None"),
        (dict(augmentation=lambda x, y, generator: x), TypeError, "text .digest"),
        (dict(augmentation=SimpleNamespace(digest="a")), TypeError, "must be callable"),
        (dict(checkpoint=3), TypeError, "path of a file, got 3"),
        (dict(protocol=Protocol(precision="tf32")), ValueError, "choose float32 or bfloat16"),
    ],
)  # fmt: skip
def test_settings_that_are_none_are_refused(given, error, message):
    refuse(error, message, **given)


@pytest.mark.parametrize(
    ("change", "message"),
    [(torch.Tensor.double, "float64"), (lambda x: x[:1], r"got torch.float32 \(1, 3, 8, 8\)"),
     (lambda x: None, "got NoneType")],
)  # fmt: skip
def test_an_augmentation_that_gives_other_pictures_is_refused(change, message):
    class Other(Brighter):
        def __call__(self, x, y, generator):
            return change(x)

    with pytest.raises(ValueError, match=f"of the kind that it is given.*{message}"):
        train(augmentation=Other())


# ---------------------------------------------------------------------- checkpoints


def test_a_folder_is_no_checkpoint_and_keeps_its_files(tmp_path):
    (tmp_path / "mine.txt").write_text("precious")
    refuse(ValueError, "is a folder: name a file in it", checkpoint=tmp_path)
    assert (tmp_path / "mine.txt").read_text() == "precious"


def test_the_folder_of_a_checkpoint_is_made(tmp_path):
    train(checkpoint=str(tmp_path / "some" / "folder" / "file"))
    assert [path.name for path in (tmp_path / "some" / "folder").iterdir()] == ["file"]


def test_a_checkpoint_that_cannot_be_written_is_refused_before_the_first_epoch(tmp_path):
    (tmp_path / "file").write_text("")
    refuse(
        OSError, "cannot be written.*name a file in a folder", checkpoint=tmp_path / "file" / "x"
    )
