"""The progress of a training, epoch by epoch, and the file from which it can go on."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from tinyvgg.storage.files import replacing

log = logging.getLogger(__name__)

MEMORY = "optimiser"  # prefix of the optimiser's state in a file, beside "last" and "best"


def identity_in(path: Path | None) -> str | None:
    """What names the training that a file is of; None if there is none that can be read."""
    try:
        with safe_open(path, "pt") as file:
            return (file.metadata() or {}).get("identity")
    except (SafetensorError, OSError, TypeError):
        return None


class Progress:
    """The history, and the weights of the last and of the best epoch; a file keeps them.

    The seed and the epoch's number seed every random number generator, so nothing else is needed.

    Parameters
    ----------
    identity : str
        Names the training: a file of another one is not continued.

    Attributes
    ----------
    history : list of dict
        One row per epoch.
    weights : dict
        ``"last"`` and ``"best"``: the weights of either epoch by name, where the network is.
    best_epoch : int
        The first of the smallest test error, from 1; 0 before the first epoch.
    memory : dict
        The optimiser's state that a file kept, by the number of the parameter.
    """

    def __init__(self, identity: str):
        self.identity = identity
        self.history: list[dict] = []
        self.weights: dict[str, dict[str, Tensor]] = {}
        self.best_epoch = 0
        self.memory: dict[int, dict[str, Tensor]] = {}

    def add(self, row: dict, network: nn.Module) -> None:
        """Note an epoch that is over."""
        self.history.append(row)
        weights = {
            name: value.detach().clone(memory_format=torch.contiguous_format)
            for name, value in network.state_dict().items()
        }
        self.weights["last"] = weights
        best = self.history[self.best_epoch - 1]["test_error"]
        if not self.best_epoch or row["test_error"] < best:
            self.best_epoch, self.weights["best"] = row["epoch"], weights

    def save(self, path: Path, optimiser: torch.optim.Optimizer) -> None:
        """Write the file, whole or not at all.

        Raises
        ------
        OSError
            The disk is full, or the file cannot be written for another reason.
        """
        tensors = {f"{k}/{n}": t.clone() for k, w in self.weights.items() for n, t in w.items()}
        for number, state in optimiser.state_dict()["state"].items():
            tensors |= {f"{MEMORY}/{number}/{n}": t.contiguous() for n, t in state.items()}
        text = {
            "identity": self.identity,
            "history": json.dumps(self.history),
            "best_epoch": str(self.best_epoch),
        }
        try:
            with replacing(path) as temporary:
                save_file(tensors, temporary, metadata=text)
        except (SafetensorError, OSError) as error:  # safetensors says so of a full disk
            raise OSError(
                f"checkpoint {path} cannot be written after epoch {len(self.history)} ({error}); "
                "what was there before is as it was: make room, and train again to go on from it"
            ) from error

    def read(self, path: Path, device: torch.device, epochs: int) -> None:
        """Take over a file, if it is there, whole and of this training.

        Raises
        ------
        ValueError
            It is of more epochs than that: the weights of an earlier one are no longer known.
        """
        if not path.exists():
            return
        try:
            with safe_open(path, "pt", device=str(device)) as file:
                text = file.metadata() or {}
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except (SafetensorError, OSError) as error:
            log.warning("checkpoint %s cannot be read (%s); training starts again", path, error)
            return
        if text.get("identity") != self.identity:
            log.warning("checkpoint %s belongs to another training; training starts again", path)
            return
        history = json.loads(text["history"])
        if len(history) > epochs:
            raise ValueError(
                f"checkpoint {path} is of {len(history)} epochs, but the protocol asks for "
                f"{epochs}: ask for {len(history)} or more, or name another checkpoint to train "
                f"{epochs} anew"
            )
        self.history, self.best_epoch = history, int(text["best_epoch"])
        for name, tensor in tensors.items():
            which, _, parameter = name.partition("/")
            if which == MEMORY:
                number, _, key = parameter.partition("/")
                self.memory.setdefault(int(number), {})[key] = tensor
            else:
                self.weights.setdefault(which, {})[parameter] = tensor

    def restore(self, network: nn.Module, optimiser: torch.optim.Optimizer) -> None:
        """Bring both to where the file that was read left them, if there was one."""
        if self.history:
            network.load_state_dict(self.weights["last"])
            optimiser.load_state_dict(optimiser.state_dict() | {"state": self.memory})
            log.info("training goes on after epoch %d", len(self.history))
