"""The epochs of a training: on CUDA a step is captured and played again."""

from contextlib import contextmanager, nullcontext
from types import SimpleNamespace

import torch

from tinyvgg.training import epochs


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
    steps = epochs._Captured(machine.step, torch.device("cuda"))
    for _ in range(2):
        with steps.stream():
            for _ in range(4):
                steps.run()
    # a capture computes nothing: without it there are as many as were asked for
    assert machine.done == ["eager"] * 3 + ["captured"] + ["replayed"] * 5
