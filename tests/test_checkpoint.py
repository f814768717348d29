"""Training that was interrupted goes on from its checkpoint, and from no other."""

import pytest
from safetensors.torch import save_file
from trainings import Brighter, run, same, some_data

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
    assert same(whole.network.state_dict(), resumed.network.state_dict())
    assert same(whole.weights["best"], resumed.weights["best"])
    columns = ["epoch", "loss", "train_error", "test_error"]
    assert whole.history[columns].equals(resumed.history[columns])


def test_a_checkpoint_of_another_training_is_not_continued(data, tmp_path, caplog):
    path = tmp_path / "checkpoint.safetensors"
    run(data, seed=1, checkpoint=path)
    other = run(data, seed=2, checkpoint=path)
    assert same(other.network.state_dict(), run(data, seed=2).network.state_dict())
    assert "another training" in caplog.text


def test_a_damaged_checkpoint_is_not_continued(data, tmp_path, caplog):
    path = tmp_path / "checkpoint.safetensors"
    run(data, checkpoint=path)
    path.write_bytes(path.read_bytes()[:100])
    assert same(run(data, checkpoint=path).network.state_dict(), run(data).network.state_dict())
    assert "cannot be read" in caplog.text


def test_a_checkpoint_that_fails_to_be_written_leaves_the_one_before(data, tmp_path, monkeypatch):
    path = tmp_path / "checkpoint.safetensors"
    run(data, Protocol(epochs=2), checkpoint=path)
    before = path.read_bytes()

    def fail(tensors, file, metadata):
        save_file({}, file)
        raise OSError("disk full")

    monkeypatch.setattr(checkpoint, "save_file", fail)
    with pytest.raises(OSError, match="disk full"):
        run(data, Protocol(epochs=5), seed=3, checkpoint=path)
    assert path.read_bytes() == before


def test_a_checkpoint_is_written_no_more_often_than_asked(data, tmp_path):
    often, never = tmp_path / "often", tmp_path / "never"
    run(data, checkpoint=often)
    run(data, checkpoint=never, save_every=3600)
    assert often.exists()
    assert not never.exists()
