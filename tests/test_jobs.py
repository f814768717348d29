"""Jobs run as early as they may, and no process outlives them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from tinyvgg.runs.jobs import Job, Processes, Stopped, run_jobs

DEAF = """
import pathlib, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
pathlib.Path({!r}).touch()
time.sleep(60)
"""


def traced(edges: dict[str, str], at_a_time: int) -> list[str]:
    """Names in the order in which the jobs were done; needs as words."""
    done = []
    jobs = [Job(name, lambda _: None, frozenset(needs.split())) for name, needs in edges.items()]
    run_jobs(jobs, at_a_time, lambda job, result: done.append(job.name))
    return done


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_one_at_a_time_the_order_is_that_of_the_list_among_those_that_may_run():
    assert traced({"a": "d", "b": "", "c": "b", "d": ""}, 1) == ["b", "c", "d", "a"]


def test_a_need_that_is_no_job_is_no_need():
    assert traced({"a": "made before"}, 1) == ["a"]


def test_jobs_that_wait_for_each_other_are_refused():
    with pytest.raises(ValueError, match="wait for each other: a, b"):
        traced({"a": "b", "b": "a"}, 2)


def test_as_many_as_allowed_run_side_by_side_and_no_more():
    together, most, lock = [0], [0], threading.Lock()
    meet = threading.Barrier(3, timeout=20)

    def work(_):
        with lock:
            together[0] += 1
            most[0] = max(most[0], together[0])
        meet.wait()
        with lock:
            together[0] -= 1

    run_jobs([Job(str(k), work) for k in range(6)], 3)
    assert most == [3]


def test_results_are_told_as_soon_as_they_are_there():
    told = threading.Event()
    jobs = [Job("quick", lambda _: 7), Job("slow", lambda _: told.wait(20))]
    results = {}

    def done(job, result):
        results[job.name] = result
        told.set()

    run_jobs(jobs, 2, done)
    assert results == {"quick": 7, "slow": True}


def test_a_process_that_does_not_listen_is_killed(tmp_path):
    processes, outcome, deaf = Processes(), [], tmp_path / "deaf"

    def run():
        try:
            processes.call(exec, DEAF.format(str(deaf)))
        except Stopped:
            outcome.append("stopped")

    thread = threading.Thread(target=run)
    thread.start()
    while not deaf.exists():
        time.sleep(0.01)
    processes.stop()
    thread.join(20)
    assert outcome == ["stopped"]
    with pytest.raises(Stopped):
        processes.call(os.getpid)


def test_a_function_is_called_in_a_process_of_one_thread_that_is_used_again():
    processes = Processes()
    pid, threads = processes.call(os.getpid), processes.call(os.getenv, "OMP_NUM_THREADS")
    assert (pid != os.getpid(), threads) == (True, "1")
    assert processes.call(os.getpid) == pid
    with pytest.raises(ZeroDivisionError):
        processes.call(divmod, 1, 0)
    assert processes.call(os.getpid) == pid


def test_a_process_that_grew_is_replaced_without_a_warning(recwarn):
    before = Processes(1)
    before.call(int)
    before.stop()  # the next process is a new one
    processes = Processes(1)
    processes.call(int)

    def grow():
        sys.kept = b"x" * 400_000_000
        time.sleep(1.1)  # a process looks at its own size once a second
        return os.getpid()

    def another(_):
        time.sleep(0.2)  # so that it waits for the first
        pids["after"] = processes.call(os.getpid)

    pids = {}
    jobs = [Job("grow", lambda _: pids.update(grown=processes.call(grow))), Job("next", another)]
    run_jobs(jobs, 2)
    assert pids["grown"] != pids["after"]
    assert [str(warning.message) for warning in recwarn] == []


SHOWS_PROGRESS = """
from tinyvgg.runs.jobs import Processes
from tinyvgg.storage.progress import progress_bar

def work():
    for _ in progress_bar(range(3), desc="work", unit="steps"):
        pass

if __name__ == "__main__":
    processes = Processes()
    processes.call(work)
    processes.stop()
"""


def test_a_process_that_showed_progress_is_ended_without_a_warning(tmp_path, monkeypatch):
    script = tmp_path / "script.py"
    script.write_text(SHOWS_PROGRESS)
    call = [sys.executable, script]
    monkeypatch.delenv("TQDM_DISABLE", raising=False)
    told = subprocess.run(call, capture_output=True, text=True, check=True).stderr
    assert "3 of 3 steps" in told
    assert "leaked" not in told


def test_a_failure_ends_the_others_and_starts_no_more_and_the_next_call_has_a_new_process():
    pid = []

    def sleep(processes):
        pid.append(processes.call(os.getpid))
        processes.call(time.sleep, 60)

    def fail(_):
        while not pid:
            time.sleep(0.01)
        raise RuntimeError("broken")

    clock = time.monotonic()
    later = Job("later", lambda _: pytest.fail("started"), frozenset({"sleep"}))
    with pytest.raises(RuntimeError, match="broken"):
        run_jobs([Job("sleep", sleep), Job("fail", fail), later], 2)
    assert time.monotonic() - clock < 30
    assert not alive(pid[0])
    processes = Processes()
    assert processes.call(os.getpid) != pid[0]
    processes.stop()
    with pytest.raises(Stopped):
        processes.call(os.getpid)


CALLS = {  # what a program does that is ended: a function in another process, which starts a third
    "function": "(print(p.call(os.getpid), flush=True), p.call(time.sleep, 60))",
    "process": "p.call(subprocess.run, [sys.executable, '-c', sleep])",
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("told", [signal.SIGINT, signal.SIGTERM])
def test_whoever_ends_the_program_ends_its_jobs(told, call):
    script = (
        "import os, signal, subprocess, sys, time\n"
        "from tinyvgg.runs.jobs import Job, run_jobs\n"
        # a shell that runs the tests in the background has its programs ignore Ctrl-C
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "sleep = 'import os, time; print(os.getpid(), flush=True); time.sleep(60)'\n"
        f"run_jobs([Job('sleep', lambda p: {CALLS[call]})], 2)\n"
    )
    program = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    child = int(program.stdout.readline())
    program.send_signal(told)
    program.communicate(timeout=30)
    assert program.returncode in (-signal.SIGINT, 1, 130, 128 + told)
    end = time.monotonic() + 10
    while alive(child) and time.monotonic() < end:
        time.sleep(0.01)  # until the system has taken note of it
    assert not alive(child)
