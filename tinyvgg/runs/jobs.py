"""Jobs that wait for one another, a few at a time, each in a thread; most work in a process.

Whatever ends `run_jobs`, an error or Ctrl-C, ends the processes that the jobs started. What a job
does in this process itself goes on until it is done, or until this process ends.
"""

from __future__ import annotations

import queue
import signal
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from multiprocessing.util import Finalize
from typing import Any

from joblib.externals.loky import ProcessPoolExecutor
from joblib.externals.loky.process_executor import BrokenProcessPool, ShutdownExecutorError

IDLE = 60  # seconds that a process waits for another function to call


class Stopped(Exception):
    """The process was ended, or not begun, since the jobs are being stopped."""


class ProcessLost(RuntimeError):
    """A process ended while it was called."""


class Processes:
    """The running processes of some jobs, so that they can be ended together.

    Parameters
    ----------
    at_a_time : int
        How many jobs there are at a time.
    """

    def __init__(self, at_a_time: int = 1) -> None:
        self._at_a_time = at_a_time
        self._workers: ProcessPoolExecutor | None = None
        self._lock = threading.Lock()
        self._stopped = False
        # a process that grew is replaced between two calls; nothing is lost, so nothing is said
        warnings.filterwarnings("ignore", "A worker stopped while some jobs", UserWarning)

    def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call a function in a process of one thread, which may serve again for a later call.

        Raises
        ------
        Stopped
        ProcessLost
            Something ended the process, such as a lack of memory.
        """
        with self._lock:
            if self._stopped:
                raise Stopped
            self._workers = _workers(self._at_a_time)
            called = self._workers.submit(function, *arguments)
        try:
            return called.result()
        except ShutdownExecutorError:
            raise Stopped from None
        except BrokenProcessPool as error:
            _workers.cache_clear()
            if self._stopped:
                raise Stopped from None
            raise ProcessLost(
                "a process was ended from outside while it worked; if the memory is full, close "
                "other programs. Run the same command again: it goes on from what is finished"
            ) from error

    def stop(self) -> None:
        """End all processes, with what they started, and begin no other."""
        with self._lock:
            self._stopped = True
        if self._workers is not None:
            _workers.cache_clear()
            self._workers.shutdown(wait=True, kill_workers=True)


@cache
def _workers(number: int) -> ProcessPoolExecutor:
    """Processes of one thread each, started when they are needed."""
    workers = ProcessPoolExecutor(
        number,
        timeout=IDLE,
        initializer=signal.signal,
        initargs=(signal.SIGINT, signal.SIG_IGN),  # this process decides what Ctrl-C ends
        env={"OMP_NUM_THREADS": "1"},
    )
    # a process that multiprocessing started would otherwise wait for them to become idle
    Finalize(None, workers.shutdown, exitpriority=20)
    return workers


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
    running: set[str] = set()
    ended: queue.SimpleQueue[tuple[Job, Any, BaseException | None]] = queue.SimpleQueue()
    processes = Processes(at_a_time)

    def work(job: Job) -> None:
        try:
            ended.put((job, job.run(processes), None))
        except BaseException as error:
            ended.put((job, None, error))

    with exit_when_told_to_end():
        try:
            while waiting or running:
                ready = [job for job in waiting if not job.needs & undone]
                for job in ready[: at_a_time - len(running)]:
                    waiting.remove(job)
                    running.add(job.name)
                    # whoever ends the program ends this thread too
                    threading.Thread(target=work, args=(job,), daemon=True).start()
                if not running:
                    names = ", ".join(job.name for job in waiting)
                    raise ValueError(f"these jobs wait for each other: {names}")
                job, result, error = ended.get()
                running.discard(job.name)
                if error is not None:
                    raise error
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
