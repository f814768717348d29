"""Several networks at a time, here and on a Dask cluster: the same networks, stored once."""

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from tinyvgg import Study
from tinyvgg.experiments.augmentation import Regions
from tinyvgg.runs import parallel
from tinyvgg.runs import recorded as common
from tinyvgg.runs.jobs import Job, ProcessLost, run_jobs
from tinyvgg.runs.parallel import train, training_jobs
from tinyvgg.storage.store import Store
from tinyvgg.studies import augmentation, seeds
from tinyvgg.training.epochs import Epochs

pytestmark = pytest.mark.slow
LONG = 20  # epochs: long enough to lose a worker in the middle


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """A scheduler and two worker processes of one thread each: (address, workers)."""
    distributed = pytest.importorskip("distributed")
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


@pytest.fixture
def make(tmp_path, place):
    """Studies of a few pictures that share a store, by name of the store and settings."""

    def study_(store, **changes):
        settings = {"epochs": 3, "device": "cpu", "progress": False, **changes}
        return Study("smoke", place, store=Store(tmp_path / store), **settings)

    return study_


def weights(own: Study, task: str) -> dict:
    return own.network(task).state_dict()


def same(one: Study, other: Study, task: str) -> bool:
    pairs = zip(weights(one, task).values(), weights(other, task).values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


# ---------------------------------------------------------------------- on this machine


@pytest.mark.parametrize("at_a_time", [1, 2])
def test_networks_trained_beside_each_other_are_the_very_same(make, monkeypatch, at_a_time):
    monkeypatch.setattr(parallel.joblib, "cpu_count", lambda: at_a_time)
    networks = [(make("several", seed=seed), "face") for seed in (0, 1)]
    train(networks)
    for own, task in networks:
        assert own.is_trained(task)
        assert same(own, make("alone", seed=own.seed), task)


def test_a_network_that_is_asked_for_twice_is_trained_once(make, monkeypatch):
    trained = []
    monkeypatch.setattr(parallel.joblib, "cpu_count", lambda: 1)
    monkeypatch.setattr(Study, "result", noting(Study.result, trained))
    train([(make("twice"), "face"), (make("twice"), "face")])
    assert trained == [0]


def noting(function, noted):
    def noting(self, *given):
        noted.append(self.seed)
        return function(self, *given)

    return noting


@pytest.mark.parametrize("at_a_time", [1, 2])
def test_a_study_of_another_class_is_trained_after_what_it_builds_on(make, monkeypatch, at_a_time):
    monkeypatch.setattr(parallel.joblib, "cpu_count", lambda: at_a_time)
    arms = augmentation.arms(make("several", epochs=4))
    train([(arms[name], "emotion") for name in ("aimed", "elsewhere")])
    alone = augmentation.arms(make("alone", epochs=4))["aimed"]
    alone.train("emotion")
    assert arms["elsewhere"].is_trained("emotion") and not arms["none"].is_trained("emotion")
    assert augmentation.scout(arms["none"]).is_trained("emotion")
    assert same(arms["aimed"], alone, "emotion")


@pytest.mark.parametrize("at_a_time", [1, 2])
def test_one_that_diverges_here_is_left_out_if_it_may(make, monkeypatch, caplog, at_a_time):
    monkeypatch.setattr(parallel.joblib, "cpu_count", lambda: at_a_time)
    networks = [(make("wild", learning_rate=1e6), "face"), (make("wild"), "face")]
    with pytest.raises(FloatingPointError, match="training diverged"):
        train(networks)
    train(networks, may_diverge=True)
    assert "diverged" in caplog.text
    assert [study.is_trained(task) for study, task in networks] == [False, True]


def test_what_builds_on_a_network_that_diverged_is_left_out_too(make, monkeypatch, caplog):
    monkeypatch.setattr(parallel.joblib, "cpu_count", lambda: 1)
    wild = augmentation.arms(make("wild", learning_rate=1e6))["aimed"]
    train([(wild, "emotion")], may_diverge=True)
    assert "diverged" in caplog.text and not wild.is_trained("emotion")


def test_an_interrupted_training_goes_on_after_its_last_epoch(make, monkeypatch):
    own = make("stopped")
    monkeypatch.setattr(parallel.joblib, "cpu_count", lambda: 1)
    monkeypatch.setattr("tinyvgg.training.unit.SAVE_EVERY", 0)
    epochs = []

    def run(self, epoch, *given):
        epochs.append(epoch)
        if len(epochs) == 3:
            raise KeyboardInterrupt
        return real(self, epoch, *given)

    real = Epochs.run
    monkeypatch.setattr(Epochs, "run", run)
    with pytest.raises(KeyboardInterrupt):
        train([(own, "face")])
    train([(own, "face")])
    assert epochs == [1, 2, 3, 3]
    assert same(own, make("whole"), "face")


def test_a_job_trains_what_is_missing_and_nothing_else(make):
    done, todo = make("some", seed=1), make("some", seed=2)
    done.train("face")
    (job,) = training_jobs({"done": (done, "face"), "todo": (todo, "face")})
    assert job.name == "todo" and not job.needs
    seconds = []
    run_jobs([job], 1, lambda job, result: seconds.append(result))
    assert todo.is_trained("face") and seconds[0] > 0


def test_a_process_that_is_killed_ends_the_training_with_an_error(make):
    def kill(processes):
        processes.call(os.kill, processes.call(os.getpid), signal.SIGKILL)

    with pytest.raises(ProcessLost, match="ended from outside"):
        run_jobs([Job("killed", kill)], 1)
    train([(make("after", seed=seed), "face") for seed in (0, 1)])  # the next has new processes


def test_on_a_gpu_the_networks_of_one_precision_train_in_threads(make, monkeypatch):
    ran = []

    def run_jobs(jobs, at_a_time):
        ran.append([job.name for job in jobs])
        assert at_a_time == parallel.ON_A_GPU and torch.get_num_threads() == 1

    def on_a_gpu(**settings):
        own = make("gpu", **settings)
        own.device = torch.device("cuda")  # what trains is pretended
        return own

    monkeypatch.setattr(parallel, "run_jobs", run_jobs)
    monkeypatch.setattr(Study, "is_trained", lambda self, task: bool(ran[1:]))
    settings = [{"seed": 0}, {"seed": 1, "precision": "bfloat16"}, {"seed": 2}]
    train([(on_a_gpu(**some), "face") for some in settings])
    assert ran == [["0"], ["0", "1"]]  # bfloat16, then float32
    processes = SimpleNamespace(call=None)  # a job of a GPU asks for no process
    here = threading.get_ident()
    job = parallel.job("x", threading.get_ident, torch.device("cuda"))
    assert job.run(processes) == here


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU here")
def test_two_networks_train_beside_each_other_on_a_gpu(make):
    networks = [(make("gpu", seed=seed, device="cuda"), "face") for seed in (0, 1)]
    train(networks)
    for own, task in networks:
        alone = make("gpu alone", seed=own.seed, device="cuda")
        assert own.is_trained(task)
        np.testing.assert_allclose(own.history(task).loss, alone.history(task).loss, rtol=1e-3)


# ---------------------------------------------------------------------- on a cluster


def test_a_cluster_trains_the_very_same_networks(cluster, make, caplog):
    address, _ = cluster
    far = [(make("far", seed=seed), task) for seed in (0, 1) for task in ("face", "emotion")]
    with caplog.at_level(logging.INFO, logger="tinyvgg"):
        train(far, scheduler=address)
    said = [line for line in caplog.messages if "is trained" in line]
    assert len(said) == len(far) and "2 workers" in caplog.text
    for own, task in far:
        here = make("here", seed=own.seed)
        assert own.is_trained(task) and not here.is_trained(task)
        torch.testing.assert_close(weights(own, task), weights(here, task), rtol=0, atol=0)
    caplog.clear()
    train(far, scheduler="tcp://nobody:1")  # nothing is missing, so nobody is asked
    assert not caplog.messages


def test_workers_find_pictures_by_a_path_that_is_relative_here(
    cluster, place, tmp_path, monkeypatch
):
    address, _ = cluster
    kind, _, folder = place.partition(":")
    monkeypatch.chdir(Path(folder).parent)
    faces = f"{kind}:{Path(folder).name}"
    settings = {"epochs": 1, "device": "cpu", "progress": False}
    own = Study("smoke", faces, store=Store(tmp_path / "far"), **settings)
    train([(own, "face")], scheduler=address)
    monkeypatch.chdir(tmp_path)
    absolute = Study("smoke", place, store=Store(tmp_path / "far"), **settings)
    assert absolute.is_trained("face")


def test_a_lost_worker_costs_only_its_unit(cluster, make, monkeypatch):
    address, processes = cluster
    jobs = [(make("far", seed=seed, epochs=LONG), "face") for seed in range(3)]
    stored = []
    monkeypatch.setattr(Study, "store_result", noting(Study.store_result, stored))
    lost = _lose_a_busy_worker(address, processes)
    train(jobs, scheduler=address)
    assert lost() is not None, "no worker was lost in time: let the units take longer"
    assert sorted(stored) == [0, 1, 2], "each result arrives once"
    own = make("here", seed=2, epochs=LONG)
    torch.testing.assert_close(weights(jobs[2][0], "face"), weights(own, "face"), rtol=0, atol=0)


def _lose_a_busy_worker(address, processes):
    """Kill the second worker, from a thread, as soon as it computes; call the result to join."""
    import distributed

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
    stored = []
    real = Study.store_result

    def store_result(self, *given):
        stored.append(self.departures["epochs"])
        real(self, *given)

    monkeypatch.setattr(Study, "store_result", store_result)
    monkeypatch.setattr(augmentation, "find_regions", _no_regions)
    train([(aimed, "emotion")], scheduler=address)
    assert stored == [3, 4]
    assert augmentation.scout(base).is_trained("emotion") and aimed.is_trained("emotion")


def _no_regions(own: Study) -> Regions:
    none = np.zeros(0, np.int64)
    return Regions(np.zeros((0, own.image_size, own.image_size), bool), none, none, none, none, 0)


def test_one_that_diverges_there_is_left_out_if_it_may(cluster, make, caplog):
    address, _ = cluster  # one worker is left by now, or two
    wild = make("wild", learning_rate=1e6)
    with pytest.raises(FloatingPointError):
        train([(wild, "face")], scheduler=address)
    train([(wild, "face")], may_diverge=True, scheduler=address)
    assert "diverged" in caplog.text and not wild.is_trained("face")


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "nonsense://"])
def test_an_address_where_nobody_answers_is_refused(make, address, monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr(parallel, "PATIENCE", 1)
    with pytest.raises(ValueError, match="no Dask scheduler answers"):
        train([(make("x"), "face")], scheduler=address)


def test_without_dask_it_says_what_to_install(make, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ModuleNotFoundError, match=r"tinyvgg\[dask\]"):
        train([(make("x"), "face")], scheduler="tcp://127.0.0.1:9")
