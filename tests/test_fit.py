"""Training: the paper's protocol, and its named variants."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy
from trainings import Brighter, network, run, same, some_data

from tinyvgg.training.protocol import Protocol, epoch_order

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def data():
    return some_data()


@pytest.mark.parametrize(("dtype", "near"), [(torch.float32, 1e-4), (torch.float64, 1e-12)])
def test_training_equals_a_plain_loop_written_from_the_protocol(data, dtype, near):
    protocol = Protocol(epochs=3, batch_size=5, learning_rate=0.05)
    net = network().to(dtype).reset(torch.Generator().manual_seed(7)).double()
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
    made = run(data, protocol, network().to(dtype), seed=7)
    expected = net.state_dict()
    for name, value in made.network.state_dict().items():
        assert value.dtype == dtype
        torch.testing.assert_close(value.double(), expected[name], rtol=near, atol=near / 10)
    np.testing.assert_allclose(made.history.loss, [h[0] for h in history], rtol=near / 5)
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


def test_the_seed_alone_decides(data):
    assert same(run(data, seed=3).network.state_dict(), run(data, seed=3).network.state_dict())
    assert not same(run(data, seed=3).network.state_dict(), run(data, seed=4).network.state_dict())


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


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU here")
@pytest.mark.parametrize("precision", ["float32", "tf32", "bfloat16"])
def test_on_cuda_the_captured_steps_train_as_on_the_cpu(data, precision):
    protocol = Protocol(epochs=4, batch_size=5, learning_rate=0.05)
    here = run(data, protocol)
    there = run(data, replace(protocol, precision=precision), device="cuda")
    tolerance = {"float32": 1e-4, "tf32": 1e-2, "bfloat16": 5e-2}[precision]
    np.testing.assert_allclose(there.history.loss, here.history.loss, rtol=tolerance)
