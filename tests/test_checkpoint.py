"""Training that was interrupted goes on from its checkpoint, and from no other."""

from dataclasses import replace

import numpy as np
import pytest
from networks import assert_unchanged, snapshot
from safetensors import SafetensorError
from safetensors.torch import save_file
from trainings import CLASSES, SIZE, Brighter, network, run, same, some_data

from tinyvgg.model import VGG, TinyVGG
from tinyvgg.training import checkpoint
from tinyvgg.training.epochs import Epochs
from tinyvgg.training.protocol import Protocol

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def data():
    return some_data()


def test_a_checkpoint_of_another_augmentation_is_not_continued(data, tmp_path, caplog):
    path = tmp_path / "checkpoint.safetensors"
    run(data, checkpoint=path)
    run(data, checkpoint=path, augmentation=Brighter())
    assert "another training" in caplog.text


COLUMNS = ["epoch", "loss", "train_error", "test_error"]  # all but how long it took


def assert_same(one, other):
    """Bit for bit: networks, weights of the last and the best epoch, histories."""
    assert same(one.network.state_dict(), other.network.state_dict())
    for which in ("last", "best"):
        assert same(one.weights[which], other.weights[which])
    assert one.best_epoch == other.best_epoch
    assert one.history[COLUMNS].equals(other.history[COLUMNS])


@pytest.fixture
def trained(monkeypatch):
    """The epochs that are trained, in their order."""
    epochs, run_epoch = [], Epochs.run

    def noted(self, epoch, tick):
        epochs.append(epoch)
        return run_epoch(self, epoch, tick)

    monkeypatch.setattr(Epochs, "run", noted)
    return epochs


@pytest.mark.parametrize("keep", ["last", "best"])
@pytest.mark.parametrize("optimiser", ["sgd", "adam", "adagrad"])
@pytest.mark.parametrize("order", ["reshuffled", "fixed"])
def test_more_epochs_go_on_and_end_as_if_trained_at_once(
    data, tmp_path, trained, optimiser, keep, order
):
    rate = {"sgd": 0.1, "adam": 0.003, "adagrad": 0.03}[optimiser]
    protocol = Protocol(5, 5, rate, order, keep, optimiser=optimiser)
    whole = run(data, protocol, augmentation=Brighter())
    trained.clear()
    for epochs in (2, 3, 5):
        made = run(
            data,
            replace(protocol, epochs=epochs),
            augmentation=Brighter(),
            checkpoint=tmp_path / "checkpoint",
        )
        assert len(made.history) == epochs
    assert trained == [1, 2, 3, 4, 5]
    assert_same(made, whole)


def test_running_statistics_go_on_too(data, tmp_path):
    def normalised():
        return VGG(CLASSES, SIZE, [(4,)], (8,), batch_norm=True)

    whole = run(data, Protocol(4), normalised())
    for epochs in (2, 4):
        made = run(data, Protocol(epochs), normalised(), checkpoint=tmp_path / "checkpoint")
    assert_same(made, whole)


def test_a_finished_training_is_not_trained_again(data, tmp_path, trained):
    path = tmp_path / "checkpoint"
    whole, again = (run(data, checkpoint=path) for _ in range(2))
    assert trained == [1, 2, 3]
    assert_same(again, whole)


def test_the_best_epoch_is_found_in_a_checkpoint_of_the_last(data, tmp_path, trained):
    last = Protocol(epochs=4, learning_rate=0.1)
    best = replace(last, keep="best")
    whole = run(data, best)
    run(data, last, checkpoint=tmp_path / "checkpoint")
    trained.clear()
    assert_same(run(data, best, checkpoint=tmp_path / "checkpoint"), whole)
    assert not trained


def test_fewer_epochs_than_a_checkpoint_has_are_refused_and_it_stays(data, tmp_path):
    path = tmp_path / "checkpoint"
    run(data, Protocol(epochs=3), checkpoint=path)
    before = path.read_bytes()
    net = network()
    untouched = snapshot(net)
    with pytest.raises(ValueError, match="is of 3 epochs, but the protocol asks for 2: ask for 3"):
        run(data, Protocol(epochs=2), net, checkpoint=path)
    assert path.read_bytes() == before
    assert_unchanged(untouched, net)


@pytest.mark.parametrize("stopped_after", [1, 2, 3])
@pytest.mark.parametrize("optimiser", ["sgd", "adam", "adagrad"])
def test_interrupted_training_ends_with_the_same_weights(
    data, tmp_path, monkeypatch, stopped_after, optimiser
):
    protocol = Protocol(epochs=4, optimiser=optimiser)
    whole = run(data, protocol)
    path = tmp_path / "checkpoint.safetensors"
    run_epoch = Epochs.run

    def until(epochs, epoch, tick):
        if epoch > stopped_after:
            raise KeyboardInterrupt
        return run_epoch(epochs, epoch, tick)

    monkeypatch.setattr(Epochs, "run", until)
    with pytest.raises(KeyboardInterrupt):
        run(data, protocol, checkpoint=path)
    monkeypatch.setattr(Epochs, "run", run_epoch)
    resumed = run(data, protocol, checkpoint=path)
    assert_same(resumed, whole)


@pytest.mark.parametrize(
    "change",
    [
        lambda: dict(seed=2),
        lambda: dict(protocol=Protocol(epochs=3, learning_rate=0.02)),
        lambda: dict(net=TinyVGG(CLASSES, SIZE, dense=(8,))),
        lambda: dict(net=network().double()),
        lambda: dict(data=some_data() | dict(train=np.arange(27), test=np.arange(27, 40))),
    ],
    ids=["seed", "protocol", "layers", "dtype", "split"],
)
def test_a_checkpoint_of_another_training_is_not_continued(data, tmp_path, caplog, change):
    path = tmp_path / "checkpoint.safetensors"
    run(data, checkpoint=path)
    other = run(**dict(data=data) | change(), checkpoint=path)
    assert "another training" in caplog.text
    assert_same(other, run(**dict(data=data) | change()))


def test_a_damaged_checkpoint_is_not_continued(data, tmp_path, caplog):
    path = tmp_path / "checkpoint.safetensors"
    run(data, checkpoint=path)
    path.write_bytes(path.read_bytes()[:100])
    assert same(run(data, checkpoint=path).network.state_dict(), run(data).network.state_dict())
    assert "cannot be read" in caplog.text


def fail(error):
    def save(tensors, file, metadata):
        save_file({}, file)
        raise error("disk full")

    return save


@pytest.mark.parametrize("error", [OSError, SafetensorError])
def test_a_checkpoint_that_fails_to_be_written_leaves_the_one_before(
    data, tmp_path, monkeypatch, error
):
    path = tmp_path / "checkpoint.safetensors"
    run(data, Protocol(epochs=2), checkpoint=path)
    before = path.read_bytes()
    monkeypatch.setattr(checkpoint, "save_file", fail(error))
    with pytest.raises(OSError, match=r"after epoch 3 \(disk full\).* make room"):
        run(data, Protocol(epochs=5), checkpoint=path)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_a_file_that_may_not_grow_leaves_the_one_before(data, tmp_path):
    resource = pytest.importorskip("resource")
    path = tmp_path / "checkpoint.safetensors"
    run(data, Protocol(epochs=2), checkpoint=path)
    before = path.read_bytes()
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) // 2, usual[1]))
    try:
        with pytest.raises(OSError, match="cannot be written after epoch 3"):
            run(data, Protocol(epochs=5), checkpoint=path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_a_checkpoint_is_written_no_more_often_than_asked(data, tmp_path):
    often, never = tmp_path / "often", tmp_path / "never"
    run(data, checkpoint=often)
    run(data, checkpoint=never, save_every=3600)
    assert often.exists()
    assert not never.exists()
