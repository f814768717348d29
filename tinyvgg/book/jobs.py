"""Jobs that wait for one another, a few at a time; each runs a process of its own.

Nothing here outlives its caller: whatever ends `run_jobs`, an error or Ctrl-C, ends the
processes that the jobs started.
"""

from __future__ import annotations

import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

PATIENCE = 10  # seconds that a process has to end when it is asked to


class Stopped(Exception):
    """The process was ended, or not begun, since the jobs are being stopped."""


class Processes:
    """The running processes of some jobs, so that they can be ended together."""

    def __init__(self) -> None:
        self._running: set[subprocess.Popen] = set()
        self._lock = threading.Lock()
        self._stopped = False

    def run(self, command: Sequence[str], **options: Any) -> subprocess.CompletedProcess:
        """As `subprocess.run`, in a session of its own, where Ctrl-C does not reach it.

        Raises
        ------
        Stopped
        """
        with self._lock:
            if self._stopped:
                raise Stopped
            process = subprocess.Popen(command, start_new_session=True, **options)
            self._running.add(process)
        out, error = process.communicate()
        with self._lock:
            self._running.discard(process)
            if self._stopped:
                raise Stopped
        return subprocess.CompletedProcess(command, process.returncode, out, error)

    def stop(self) -> None:
        """Ask all processes to end, begin no other, and end those that do not listen."""
        with self._lock:
            self._stopped = True
            running = list(self._running)
        for process in running:
            process.terminate()
        for process in running:
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()


@dataclass(frozen=True)
class Job:
    """Something to do, once the jobs that it needs are done.

    Attributes
    ----------
    name : str
    run : callable
        Called with `Processes` to run its process in; what it returns is the job's result.
    needs : frozenset of str
        Names of other jobs.
    """

    name: str
    run: Callable[[Processes], Any]
    needs: frozenset[str] = field(default=frozenset())


def run_jobs(
    jobs: Sequence[Job], at_a_time: int, done: Callable[[Job, Any], None] = lambda job, result: None
) -> None:
    """Run jobs as early as can be: of those whose needs are done, the first in the list first.

    Parameters
    ----------
    jobs : sequence of Job
        Needs that are not among them count as done.
    at_a_time : int
    done : callable
        Called with each job and its result as soon as it is done.

    Raises
    ------
    ValueError
        Some jobs wait for each other.
    Exception
        Of the first job that fails. The processes of the others are ended.
    """
    waiting = list(jobs)
    undone = {job.name for job in jobs}
    running: dict[Future, Job] = {}
    processes = Processes()
    with ThreadPoolExecutor(at_a_time) as pool, exit_when_told_to_end():
        try:
            while waiting or running:
                ready = [job for job in waiting if not job.needs & undone]
                for job in ready[: at_a_time - len(running)]:
                    waiting.remove(job)
                    running[pool.submit(job.run, processes)] = job
                if not running:
                    names = ", ".join(job.name for job in waiting)
                    raise ValueError(f"these jobs wait for each other: {names}")
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    job = running.pop(future)
                    result = future.result()
                    undone.discard(job.name)
                    done(job, result)
        finally:
            if running:
                processes.stop()


@contextmanager
def exit_when_told_to_end() -> Iterator[None]:
    """Let SIGTERM and SIGHUP raise SystemExit, as Ctrl-C raises KeyboardInterrupt."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def leave(number: int, _: Any) -> None:
        raise SystemExit(128 + number)

    told = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {number: signal.signal(number, leave) for number in told}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
