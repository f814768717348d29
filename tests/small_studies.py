"""Long studies made short: a handful of pictures, small networks, few epochs, one process."""

from __future__ import annotations

from functools import partial

import pytest
from torch import nn

from tinyvgg import Study, model
from tinyvgg.runs import parallel
from tinyvgg.runs.recorded import record_study

FEW = {"profile": "smoke", "device": "cpu", "progress": False, "epochs": 2}


def shrink(monkeypatch: pytest.MonkeyPatch, store) -> None:
    """One process, a store of its own, and large models that are not large."""
    monkeypatch.setenv("TINYVGG_STORE", str(store))
    monkeypatch.setattr(parallel.joblib, "cpu_count", lambda: 1)
    dense = (16, 12, 8)
    small = {
        "tinyvgg": partial(model.TinyVGG, width=8, dense=dense),
        "tinyvgg_average": partial(model.TinyVGG, width=8, dense=dense, pooling=nn.AvgPool2d),
        "tinyvgg_inception": partial(model.TinyInception, width=16, dense=dense),
    }
    for name, made in small.items():
        monkeypatch.setitem(model.ARCHITECTURES, name, made)
    narrow = dict(width=2, dense=(8, 8))
    for name, depth, normed in (("vgg16", 16, False), ("vgg19", 19, False), ("vgg16_bn", 16, True)):
        made = partial(model.vgg, depth, batch_norm=normed, **narrow)
        monkeypatch.setitem(model.ARCHITECTURES, name, made)


def one(place: str, **changes) -> Study:
    """A study of a few pictures."""
    return Study(faces=place, **{**FEW, **changes})


def run(place: str, folder):
    """Makes the record of a long study for a few pictures, in a folder."""
    return partial(record_study, faces=place, folder=folder, **FEW)
