"""Kernels forked from a process that has already imported what every notebook imports.

Each kernel is a fresh process, but torch, pandas and matplotlib are imported only once for all of
them. Importing these takes most of the time of a short notebook. Jupyter finds the provisioner by
its entry point, and `execute` requests it by name.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from multiprocessing.process import BaseProcess
from typing import Any, cast

from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.provisioning.local_provisioner import LocalProvisioner

from tinyvgg.book.execute import KERNEL_OUTPUT


class ForkedProvisioner(LocalProvisioner):
    """Starts a kernel by fork; everything else is as for a kernel that is a command."""

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:
        """Start the kernel that a command would start: ``python -m ipykernel_launcher -f ...``."""
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload([f"{__package__}.preloaded"])
        arguments = cmd[cmd.index("-f") :]
        environment = {**kwargs.get("env", os.environ)}
        self.cwd = kwargs.get("cwd") or os.getcwd()
        process = context.Process(target=_be_kernel, args=(arguments, environment, self.cwd))
        process.start()
        self.process = cast(Any, _Started(process))
        self.pid = self.pgid = process.pid
        return self.connection_info


class _Started:
    """A process as `subprocess.Popen` has it, as far as a provisioner asks."""

    stdin = stdout = stderr = None

    def __init__(self, process: BaseProcess) -> None:
        self.process, self.pid = process, process.pid
        self.terminate, self.kill = process.terminate, process.kill

    def poll(self) -> int | None:
        return self.process.exitcode

    def wait(self) -> int | None:
        self.process.join()
        return self.process.exitcode

    def send_signal(self, number: int) -> None:
        if self.pid is not None and self.process.is_alive():
            os.kill(self.pid, number)


def _be_kernel(arguments: list[str], environment: dict[str, str], folder: str) -> None:
    """In the forked process: run a kernel until it is told to end."""
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    if output := environment.get(KERNEL_OUTPUT):
        written = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        for stream in (1, 2):
            os.dup2(written, stream)
    from ipykernel.kernelapp import IPKernelApp

    IPKernelApp.launch_instance(
        [
            *arguments,
            f"--IPKernelApp.parent_handle={os.getppid()}",  # it ends when the fork server does
            # which has imported matplotlib, so that the kernel would not become its backend
            "--IPKernelApp.exec_lines=%matplotlib inline",
        ]
    )
