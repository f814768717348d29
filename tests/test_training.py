"""Training: the paper's protocol, its named variants, and going on after an interruption."""

from contextlib import contextmanager, nullcontext
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch.nn.functional import cross_entropy

from tinyvgg.model import TinyVGG
from tinyvgg.training import checkpoint
from tinyvgg.training import epochs as passes
from tinyvgg.training import fit as training
from tinyvgg.training.epochs import Passes
from tinyvgg.training.fit import fit, resolve_device, threads
from tinyvgg.training.protocol import Protocol, epoch_order

CLASSES, SIZE = 3, 8


@pytest.fixture(autouse=True)
def one_thread():
    with threads(1):
        yield


def network():
    return TinyVGG(CLASSES, SIZE, dense=(16, 8))


@pytest.fixture
def data():
    rng = np.random.default_rng(5)
    labels = np.arange(40) % CLASSES
    images = rng.integers(0, 256, (40, SIZE, SIZE, 3), dtype=np.uint8)
    images[np.arange(40), :, :, labels] |= 128  # something to learn
    return dict(images=images, labels=labels, train=np.arange(0, 28), test=np.arange(28, 40))


def run(data, protocol=None, **more):
    return fit(network(), **data, protocol=protocol or Protocol(epochs=3), device="cpu",
               progress=False, **more)  # fmt: skip


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


def test_training_equals_a_plain_loop_written_from_the_protocol(data):
    protocol = Protocol(epochs=3, batch_size=5, learning_rate=0.05)
    net = network().reset(torch.Generator().manual_seed(7)).double()
    history = []
    for epoch in range(1, 4):
        losses = []
        order = np.random.default_rng([7, epoch]).permutation(data["train"])
        for start in range(0, 28, 5):
            rows = order[start : start + 5]
            x = torch.tensor(data["images"][rows] / 256).permute(0, 3, 1, 2)
            y = torch.tensor(data["labels"][rows])
            loss = cross_entropy(net(x), y, reduction="sum")
            grads = torch.autograd.grad(loss / len(rows), list(net.parameters()))
            with torch.no_grad():
                for p, g in zip(net.parameters(), grads, strict=True):
                    p -= 0.05 * g
            losses.append(loss.item())
        with torch.no_grad():
            x = torch.tensor(data["images"][data["test"]] / 256).permute(0, 3, 1, 2)
            wrong = net(x).argmax(1).numpy() != data["labels"][data["test"]]
        history.append((sum(losses) / 28, wrong.mean()))
    made = run(data, protocol, seed=7)
    expected = net.state_dict()
    for name, value in made.network.state_dict().items():
        torch.testing.assert_close(value.double(), expected[name], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(made.history.loss, [h[0] for h in history], rtol=2e-5)
    np.testing.assert_allclose(made.history.test_error, [h[1] for h in history])


def adam(p, g, memory, step, rate):
    m, v = memory if memory else (torch.zeros_like(p), torch.zeros_like(p))
    m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
    mean, square = m / (1 - 0.9**step), v / (1 - 0.999**step)
    return p - rate * mean / (square.sqrt() + 1e-8), (m, v)


def adagrad(p, g, memory, step, rate):
    total = g * g if memory is None else memory + g * g
    return p - rate * g / (total.sqrt() + 1e-10), total


@pytest.mark.parametrize(("name", "rule"), [("adam", adam), ("adagrad", adagrad)])
def test_other_optimisers_follow_their_published_rules(data, name, rule):
    protocol = Protocol(epochs=2, batch_size=7, learning_rate=0.003, optimiser=name)
    net = network().reset(torch.Generator().manual_seed(0)).double()
    memories = {}
    step = 0
    for epoch in (1, 2):
        order = np.random.default_rng([0, epoch]).permutation(data["train"])
        for rows in np.split(order, 4):
            step += 1
            x = torch.tensor(data["images"][rows] / 256).permute(0, 3, 1, 2)
            loss = cross_entropy(net(x), torch.tensor(data["labels"][rows]))
            grads = torch.autograd.grad(loss, list(net.parameters()))
            with torch.no_grad():
                for k, (p, g) in enumerate(zip(net.parameters(), grads, strict=True)):
                    value, memories[k] = rule(p, g, memories.get(k), step, 0.003)
                    p.copy_(value)
    made = run(data, protocol)
    ours, plain = (torch.cat([v.double().flatten() for v in n.state_dict().values()])
                   for n in (made.network, net))  # fmt: skip
    # Adam divides by tiny gradients' own size: float32 may turn the sign of a single one
    assert torch.quantile((ours - plain).abs(), 0.99) < 2e-5


class Brighter:
    """Adds a number drawn for each batch; remembers what it was given."""

    digest = "brighter"

    def __init__(self):
        self.seen = []

    def __call__(self, x, y, chance):
        number = chance.random()
        self.seen.append((x.clone(), y.clone(), number))
        return x + number


def test_an_augmentation_changes_training_pictures_alone(data):
    brighter = Brighter()
    made = run(data, Protocol(epochs=2), augmentation=brighter)
    assert not same(made.network.state_dict(), run(data, Protocol(epochs=2)).network.state_dict())
    rows = torch.cat([y for _, y, _ in brighter.seen])
    assert len(rows) == 2 * len(data["train"])  # each epoch its training rows, no test row
    order = epoch_order(data["train"], 0, 1, "reshuffled")[:12]
    pictures = torch.tensor(data["images"][order] / 256).permute(0, 3, 1, 2).float()
    assert torch.equal(brighter.seen[0][0], pictures)
    assert torch.equal(brighter.seen[0][1], torch.tensor(data["labels"][order]))
    numbers = [number for *_, number in brighter.seen]
    assert len(set(numbers)) == len(numbers)
    again = run(data, Protocol(epochs=2), augmentation=Brighter())
    assert same(made.network.state_dict(), again.network.state_dict())


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
    run_epoch = Passes.run

    def until(passes, epoch, tick):
        if epoch > stopped_after:
            raise KeyboardInterrupt
        return run_epoch(passes, epoch, tick)

    monkeypatch.setattr(Passes, "run", until)
    with pytest.raises(KeyboardInterrupt):
        run(data, protocol, checkpoint=path)
    monkeypatch.setattr(Passes, "run", run_epoch)
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


def test_the_seed_alone_decides(data):
    assert same(run(data, seed=3).network.state_dict(), run(data, seed=3).network.state_dict())
    assert not same(run(data, seed=3).network.state_dict(), run(data, seed=4).network.state_dict())


def test_the_fixed_order_repeats_and_the_reshuffled_does_not():
    rows = np.arange(50)
    fixed = [epoch_order(rows, 0, epoch, "fixed").tolist() for epoch in (1, 2)]
    fresh = [epoch_order(rows, 0, epoch, "reshuffled").tolist() for epoch in (1, 2)]
    assert fixed[0] == fixed[1] != sorted(fixed[0])
    assert fresh[0] != fresh[1]
    assert sorted(fresh[0]) == sorted(fresh[1]) == rows.tolist()


def test_best_keeps_the_first_epoch_of_the_smallest_test_error(data):
    protocol = Protocol(epochs=8, learning_rate=0.1, keep="best")
    made = run(data, protocol)
    errors = made.history.test_error.to_numpy()
    assert made.best_epoch == 1 + int(errors.argmin())
    short = run(data, Protocol(epochs=made.best_epoch, learning_rate=0.1))
    assert same(made.network.state_dict(), short.network.state_dict())
    last = run(data, Protocol(epochs=8, learning_rate=0.1))
    assert same(last.network.state_dict(), made.weights["last"])


def test_a_loss_that_is_not_finite_stops_training(data):
    with pytest.raises(FloatingPointError, match=r"epoch 1.*learning rate"):
        run(data, Protocol(epochs=2, learning_rate=1e12))


def test_bfloat16_stays_near_float32(data):
    exact = run(data, Protocol(epochs=2))
    rough = run(data, Protocol(epochs=2, precision="bfloat16"))
    np.testing.assert_allclose(exact.history.loss, rough.history.loss, rtol=0.02)
    assert not same(exact.network.state_dict(), rough.network.state_dict())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(images=np.zeros((40, 8, 8, 3), np.float32)), "uint8"),
        (dict(labels=np.zeros(3, int)), "40 images"),
        (dict(train=np.array([], int)), "no train rows"),
        (dict(test=np.array([40])), "test rows must lie in 0..39"),
    ],
)
def test_data_that_does_not_fit_is_refused(data, change, message):
    with pytest.raises(ValueError, match=message):
        run(data | change)


@pytest.mark.parametrize(
    ("setting", "known"),
    [(dict(order="sorted"), "reshuffled, fixed"), (dict(keep="first"), "last, best"),
     (dict(precision="int8"), "float32, tf32, bfloat16"),
     (dict(optimiser="lion"), "sgd, adam, adagrad"),
     (dict(initialisation="zero"), "glorot, he"), (dict(epochs=0), "above 0"),
     (dict(learning_rate=-1.0), "above 0")],
)  # fmt: skip
def test_an_unknown_setting_is_refused_with_the_known_ones(setting, known):
    with pytest.raises(ValueError, match=known):
        Protocol(**setting)


@pytest.mark.parametrize("name", ["gpu", "mps", "cuda:99"])
def test_an_unknown_or_absent_device_is_refused(name):
    with pytest.raises(ValueError, match=name):
        resolve_device(name)


def test_tf32_is_refused_on_a_cpu(data):
    with pytest.raises(ValueError, match="CUDA alone; choose float32 or bfloat16"):
        run(data, Protocol(precision="tf32"))


def test_single_precision_is_as_it_was_after_training(data):
    before = [kind.fp32_precision for kind in training.PRODUCTS]
    with training.arithmetic("tf32", torch.device("cuda")):  # needs no GPU
        assert [kind.fp32_precision for kind in training.PRODUCTS] == ["tf32", "tf32"]
        with training.arithmetic("float32", torch.device("cpu")):
            assert [kind.fp32_precision for kind in training.PRODUCTS] == ["ieee", "ieee"]
    assert [kind.fp32_precision for kind in training.PRODUCTS] == before


def test_a_checkpoint_is_written_no_more_often_than_asked(data, tmp_path):
    often, never = tmp_path / "often", tmp_path / "never"
    run(data, checkpoint=often)
    run(data, checkpoint=never, save_every=3600)
    assert often.exists()
    assert not never.exists()


class Machine:
    """Stands in for CUDA's streams and graphs: notes what runs, captures, replays."""

    def __init__(self):
        self.capturing = False
        self.done = []

    def step(self):
        self.done.append("captured" if self.capturing else "eager")

    def Stream(self, device=None):
        return SimpleNamespace(device=device, wait_stream=lambda other: None)

    def current_stream(self, device):
        return self.Stream(device)

    def stream(self, stream):
        return nullcontext()

    def CUDAGraph(self):
        return SimpleNamespace(replay=lambda: self.done.append("replayed"))

    @contextmanager
    def graph(self, graph, stream, capture_error_mode):
        self.capturing = True
        yield
        self.capturing = False


def test_a_captured_step_runs_as_often_as_it_is_asked_to(monkeypatch):
    machine = Machine()
    for name in ("Stream", "current_stream", "stream", "CUDAGraph", "graph"):
        monkeypatch.setattr(torch.cuda, name, getattr(machine, name))
    steps = passes._Captured(machine.step, torch.device("cuda"))
    for _ in range(2):
        with steps.stream():
            for _ in range(4):
                steps.run()
    # a capture computes nothing: without it there are as many as were asked for
    assert machine.done == ["eager"] * 3 + ["captured"] + ["replayed"] * 5


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU here")
@pytest.mark.parametrize("precision", ["float32", "tf32", "bfloat16"])
def test_on_cuda_the_captured_steps_train_as_on_the_cpu(data, precision):
    protocol = Protocol(epochs=4, batch_size=5, learning_rate=0.05)
    here = run(data, protocol)
    there = fit(network(), **data, protocol=replace(protocol, precision=precision),
                device="cuda", progress=False)  # fmt: skip
    tolerance = {"float32": 1e-4, "tf32": 1e-2, "bfloat16": 5e-2}[precision]
    np.testing.assert_allclose(there.history.loss, here.history.loss, rtol=tolerance)
