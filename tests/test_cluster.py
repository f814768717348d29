"""A study over a Dask cluster: the same networks, kept once, and a lost worker's unit again."""

import logging
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from photographs import a_few
from tinyvgg.experiments.misleading import Regions
from tinyvgg.runs.cluster import train_on_cluster

from tinyvgg import Study
from tinyvgg.runs import recorded as common
from tinyvgg.storage.store import Store
from tinyvgg.studies import augmentation, seeds

distributed = pytest.importorskip("distributed")
pytestmark = pytest.mark.slow
LONG = 60  # epochs: long enough to lose a worker in the middle


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """A scheduler and two worker processes of one thread each: (address, workers)."""
    folder = tmp_path_factory.mktemp("cluster")
    where = folder / "scheduler.json"
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}

    def start(module, *options):
        command = [sys.executable, "-m", f"distributed.cli.{module}", *options]
        log_file = (folder / f"{module}.log").open("ab")
        return subprocess.Popen(
            [*command, "--scheduler-file", str(where)],
            cwd=folder, env=environment, stdout=log_file, stderr=log_file,
        )  # fmt: skip

    def worker():
        return start(
            "dask_worker", "--no-nanny", "--nthreads", "1", "--no-dashboard",
            "--local-directory", str(folder),
        )  # fmt: skip

    processes = [
        start("dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard"),
        worker(),
        worker(),
    ]
    try:
        with distributed.Client(scheduler_file=str(where), timeout=60) as client:
            client.wait_for_workers(2, timeout=60)
            address = client.scheduler.address
        yield address, processes
    finally:
        for process in processes:
            process.kill()
        for process in processes:
            process.wait()


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return a_few(tmp_path_factory.mktemp("rafd"))


@pytest.fixture
def make(tmp_path, place):
    """Studies of a few pictures that share a store, by name of the store and settings."""

    def study_(store, **changes):
        settings = {"epochs": 3, "device": "cpu", "progress": False, **changes}
        return Study("smoke", place, store=Store(tmp_path / store), **settings)

    return study_


def weights(own: Study, task: str) -> dict:
    return own.network(task).state_dict()


def test_a_cluster_trains_the_very_same_networks(cluster, make, caplog):
    address, _ = cluster
    far = [(make("far", seed=seed), task) for seed in (0, 1) for task in ("face", "emotion")]
    with caplog.at_level(logging.INFO, logger="tinyvgg"):
        train_on_cluster(far, address)
    said = [line for line in caplog.messages if "is trained" in line]
    assert len(said) == len(far) and "2 workers" in caplog.text
    for own, task in far:
        here = make("here", seed=own.seed)
        assert own.is_trained(task) and not here.is_trained(task)
        torch.testing.assert_close(weights(own, task), weights(here, task), rtol=0, atol=0)
    caplog.clear()
    train_on_cluster(far, "tcp://nobody:1")  # nothing is missing, so nobody is asked
    assert not caplog.messages


def test_a_lost_worker_costs_only_its_unit(cluster, make, monkeypatch):
    address, processes = cluster
    jobs = [(make("far", seed=seed, epochs=LONG), "face") for seed in range(3)]
    kept = []
    monkeypatch.setattr(Study, "keep", _noting(Study.keep, kept))
    lost = _lose_a_busy_worker(address, processes)
    train_on_cluster(jobs, address)
    assert lost() is not None, "no worker was lost in time: let the units take longer"
    assert sorted(kept) == [0, 1, 2], "each result arrives once"
    own = make("here", seed=2, epochs=LONG)
    torch.testing.assert_close(weights(jobs[2][0], "face"), weights(own, "face"), rtol=0, atol=0)


def _noting(keep, kept):
    def noting(self, task, results):
        kept.append(self.seed)
        keep(self, task, results)

    return noting


def _lose_a_busy_worker(address, processes):
    """Kill the second worker, from a thread, as soon as it computes; call the result to join."""
    import threading

    found = []

    def watch():
        with distributed.Client(address, set_as_default=False) as client:
            pids = client.run(os.getpid)
            victim = next(w for w, pid in pids.items() if pid == processes[2].pid)
            end = time.monotonic() + 60
            while time.monotonic() < end:
                if client.processing().get(victim):
                    time.sleep(0.3)  # into the middle of it
                    if client.processing().get(victim):
                        os.kill(processes[2].pid, signal.SIGKILL)
                        found.append(victim)
                        return
                time.sleep(0.02)

    thread = threading.Thread(target=watch)
    thread.start()

    def join():
        thread.join()
        return found[0] if found else None

    return join


def test_a_whole_study_makes_the_same_record(cluster, make, tmp_path, monkeypatch, place):
    address, _ = cluster
    settings = dict(profile="smoke", faces=place, device="cpu", progress=False, epochs=2)
    results = []
    for name, scheduler in (("far", address), ("here", None)):
        monkeypatch.setenv("TINYVGG_STORE", str(tmp_path / name))
        record, _ = common.record_study(
            seeds.STUDY, seeds=(0,), folder=tmp_path / name, scheduler=scheduler, **settings
        )
        for entry in record.results:
            del entry["images_per_second"]  # that may differ
        results.append((record.results, record.made["command"], record.made["networks"].keys()))
    assert results[0] == results[1]


def test_what_others_build_on_is_trained_first(cluster, make, monkeypatch):
    address, _ = cluster
    base = make("far", epochs=4)
    aimed = augmentation.arms(base)["aimed"]
    asked = []
    monkeypatch.setattr(Study, "fitting", _asking(Study.fitting, asked))
    monkeypatch.setattr(augmentation, "find_regions", _no_regions)
    train_on_cluster([(aimed, "emotion"), (augmentation.scout(base), "emotion")], address)
    assert [own.departures["epochs"] for own in asked] == [3, 4]
    other = augmentation.arms(make("other", epochs=4))["aimed"]
    with pytest.raises(ValueError, match=r"build on.*emotion.*aimed"):
        train_on_cluster([(other, "emotion")], address)


def _asking(fitting, asked):
    def asking(self, task):
        asked.append(self)
        return fitting(self, task)

    return asking


def _no_regions(own: Study) -> Regions:
    none = np.zeros(0, np.int64)
    return Regions(np.zeros((0, own.image_size, own.image_size), bool), none, none, none, none, 0)


def test_one_that_diverges_is_left_out_if_it_may(cluster, make, caplog):
    address, _ = cluster  # one worker is left by now, or two
    wild = make("wild", learning_rate=1e6)
    with pytest.raises(FloatingPointError):
        train_on_cluster([(wild, "face")], address)
    train_on_cluster([(wild, "face")], address, may_diverge=True)
    assert "diverged" in caplog.text and not wild.is_trained("face")


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "nonsense://"])
def test_an_address_where_nobody_answers_is_refused(make, address, monkeypatch):
    monkeypatch.setattr("tinyvgg.runs.cluster.PATIENCE", 1)
    with pytest.raises(ValueError, match="no Dask scheduler answers"):
        train_on_cluster([(make("x"), "face")], address)


def test_without_dask_it_says_what_to_install(make, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ModuleNotFoundError, match=r"tinyvgg\[dask\]"):
        train_on_cluster([(make("x"), "face")], "tcp://127.0.0.1:9")
