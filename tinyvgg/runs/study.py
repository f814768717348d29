"""A study: the faces, the splits and the trained networks of a run, each made once."""

from __future__ import annotations

import importlib.metadata
import json
import logging
import platform
from collections.abc import Callable, Iterable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from tinyvgg.evaluation import outcomes
from tinyvgg.faces.design import PAPER_ANGLES
from tinyvgg.faces.faceset import FaceSet
from tinyvgg.faces.sources import open_faces, source_fingerprint
from tinyvgg.faces.spec import located, parse_source
from tinyvgg.faces.split import Split, split
from tinyvgg.model import VGG, as_input, build
from tinyvgg.runs import parallel
from tinyvgg.runs.profiles import Profile, get_profile
from tinyvgg.storage.fingerprint import code_fingerprint, modules_of
from tinyvgg.storage.store import Store
from tinyvgg.training.device import full_precision, processor, resolve_device
from tinyvgg.training.precision import trial_for_store
from tinyvgg.training.protocol import AUTO, KEEPS, Augmentation, Protocol
from tinyvgg.training.unit import TrainingResult, TrainingUnit, run_for_store

log = logging.getLogger(__name__)

CHECKPOINT = "checkpoint.safetensors"  # of `run_for_store`, in the folder that it is given


class Study:
    """A run: one profile, one source of faces, one seed, one device.

    Whatever is asked for is computed, or found in the store if the same code made it before
    from the same data. So any notebook runs alone and in any order.

    Parameters
    ----------
    profile : {"smoke", "default", "paper"}, optional
        None: the environment variable ``TINYVGG_PROFILE``, else ``default``.
    faces : str
        A source, as in `open_faces`: "synthetic", "orl", "rafd:DIR", "kdef:DIR", "folder:DIR".
    seed : int
        Seeds the random number generators of the split, of the initial weights, and of the order
        of the batches.
    device : str
        "auto", "cpu", "cuda" or "cuda:N".
    unseen_subjects : bool
        In the tasks but that of faces, train on half of the subjects and test on the other half
        (see `split`); not in the paper.
    architecture : str
        One of `model.ARCHITECTURES`; the paper's large models are for its Discussion.
    image_size : int, optional
        Side of the pictures in pixels; the profile's if None.
    store : Store, optional
    progress : bool
        Show progress bars for long work.
    face_set : FaceSet, optional
        The faces of that source, if another study of the same source, sizes and subjects has
        them at hand.
    **protocol
        Departures from the paper's `Protocol`, by name: ``order="fixed"``, ``epochs=5``, …
        ``precision="auto"`` is tried once on a machine and kept in the store, so that a training
        that was interrupted goes on in the same.

    Raises
    ------
    ValueError
        Unknown profile, source, device, architecture or protocol.

    Examples
    --------
    >>> import numpy as np
    >>> from tinyvgg import FaceSet, Study
    >>> from tinyvgg.faces import full_design
    >>> table = full_design(subjects=2, angles=[90])  # 2 subjects x 8 emotions x 3 gazes
    >>> images = np.random.default_rng(0).integers(0, 256, (len(table), 16, 16, 3), np.uint8)
    >>> faces = FaceSet(images, table, name="noise")
    >>> study = Study("smoke", device="cpu", image_size=16, face_set=faces, progress=False)
    >>> study.tasks
    ('face', 'emotion')
    >>> len(study.split("face").test)
    24
    >>> study.inputs([0, 1]).shape
    torch.Size([2, 3, 16, 16])

    What a task's network is asked for trains it, unless the store has it.

    >>> study.network("face")  # doctest: +SKIP
    >>> study.outcomes("face")  # doctest: +SKIP
    """

    def __init__(
        self,
        profile: str | None = None,
        faces: str = "synthetic",
        seed: int = 0,
        device: str = "auto",
        *,
        unseen_subjects: bool = False,
        architecture: str = "tinyvgg",
        image_size: int | None = None,
        store: Store | None = None,
        progress: bool = True,
        face_set: FaceSet | None = None,
        **protocol: Any,
    ):
        self.profile: Profile = get_profile(profile)
        self.image_size = image_size or self.profile.image_size
        self.source = located(faces)
        self.seed = _whole(seed)
        self.device = resolve_device(device)
        full_precision()
        self.unseen_subjects = bool(unseen_subjects)
        self.architecture = architecture
        with torch.device("meta"):  # without memory: refuses what does not fit, now
            build(architecture, 2, self.image_size)
        self.store = store or Store()
        self.progress = progress
        self.departures = protocol
        self._splits: dict[str, Split] = {}
        self._results: dict[str, TrainingResult] = {}
        self._face_set = face_set
        self._protocol(1)  # refuse unknown departures now rather than after rendering
        if protocol.get("precision") == AUTO:
            protocol["precision"] = self._faster_precision()
        self._wanted: dict[str, Any] = {
            "size": self.image_size,
            "angles": PAPER_ANGLES,
            "subjects": self.profile.subjects,
        }
        self._content = source_fingerprint(self.source, **self._wanted)

    def settings(self) -> dict[str, Any]:
        """The arguments that make this study again, but for its store and faces; JSON."""
        return {
            "profile": self.profile.name,
            "faces": self.source,
            "seed": self.seed,
            "device": str(self.device),
            **self._unusual(),
            "progress": self.progress,
            **self.departures,
        }

    def variant(self, **changes: Any) -> Study:
        """The same study but for some settings, such as ``seed=1`` or ``unseen_subjects=True``.

        It has the same store, and the faces if they are already at hand and the same.
        """
        other = type(self)(**(self.settings() | changes), store=self.store)
        if other._content == self._content:
            other._face_set = self._face_set
        return other

    # ------------------------------------------------------------------ the data

    @property
    def faces(self) -> FaceSet:
        """The faces of this run (rendered or read, then kept in the store)."""
        if self._face_set is None:
            recipe = {"source": parse_source(self.source).kind, "content": self._content}
            faces = partial(open_faces, self.source, **self._wanted, progress=self.progress)
            stored = self.store.get("faces", recipe, partial(_faces_for_store, faces))
            table = pd.DataFrame(**stored["table"])
            left_out = tuple(stored["left_out"])
            self._face_set = FaceSet(stored["images"], table, self.source, left_out)
        return self._face_set

    @property
    def tasks(self) -> tuple[str, ...]:
        """The tasks that the labels of the faces allow."""
        return self.faces.tasks

    def split(self, task: str) -> Split:
        """Training and test rows of a task."""
        if task not in self._splits:
            unseen = self.unseen_subjects and task != "face"  # each person is a class there
            self._splits[task] = split(self.faces, task, self.seed, unseen)
        return self._splits[task]

    def inputs(self, rows: Iterable[int]) -> Tensor:
        """Pictures as network input: float32 (B, 3, S, S) on the device of the study."""
        return as_input(self.faces.images[np.asarray(rows, int)]).to(self.device)

    # ------------------------------------------------------------------ the networks

    def train(self, *tasks: str) -> None:
        """Train what is missing of some tasks (all, if none is named), several at a time."""
        parallel.train([(self, task) for task in tasks or self.tasks])

    def networks(self, photographs: str = "orl") -> dict[str, tuple[Study, str]]:
        """All networks of the book, as (study, task), by name, the longest training first.

        Parameters
        ----------
        photographs : str
            The source of the section on real faces; left out, with a warning, where its files
            are missing (that section then tells what to install).
        """
        found: dict[str, tuple[Study, str]] = {task: (self, task) for task in reversed(self.tasks)}
        try:
            found["photographs"] = self.variant(faces=photographs), "face"
        except (FileNotFoundError, ModuleNotFoundError) as error:
            log.warning("%s", error)
        return found

    def network(self, task: str, keep: str | None = None) -> VGG:
        """The trained network of a task, on the device of the study, in evaluation mode.

        Parameters
        ----------
        task : {"face", "emotion", "gaze"}
        keep : {"last", "best"}, optional
            Which epoch's weights; the protocol's if None (see `Protocol`).
        """
        net = self.new_network(task)
        net.load_state_dict(self.result(task).weights[self._which(task, keep)])
        return net.to(self.device).eval()

    def result(self, task: str) -> TrainingResult:
        """What the training of a task gave; it is trained now if it is not in the store."""
        if task not in self._results:
            stored = self.store.get("network", self._training_recipe(task), self._training(task))
            self._results[task] = TrainingResult.from_stored(stored)
        return self._results[task]

    def store_result(self, task: str, result: TrainingResult) -> None:
        """Put into the store what the `training_unit` of a task gave elsewhere."""
        recipe, training = self._training_recipe(task), self._training(task)
        self.store.put("network", recipe, training, result.stored())

    def history(self, task: str) -> pd.DataFrame:
        """Loss, errors and speed of every epoch (see `Fit.history`)."""
        return self.result(task).history.copy()

    def best_epoch(self, task: str) -> int:
        """The first epoch with the smallest error on the test images."""
        return self.result(task).best_epoch

    def outcomes(self, task: str, keep: str | None = None) -> pd.DataFrame:
        """What the network predicts of every test image (see `evaluation.outcomes`)."""
        probabilities = self.result(task).probabilities[self._which(task, keep)]
        return outcomes(self.faces, self.split(task), probabilities)

    def title(self, task: str) -> str:
        """Name of a network among several: source, task, departures from the paper, seed."""
        words = [f"{self.source} {task}"]
        words += [self.architecture] * (self.architecture != "tinyvgg")
        words += [f"{self.image_size} px"] * (self.image_size != self.profile.image_size)
        words += ["unseen people"] * (self.unseen_subjects and task != "face")
        words += [str(value) for name, value in self.departures.items() if name != "epochs"]
        return ", ".join([*words, f"seed {self.seed}"])

    def digest(self, task: str) -> str:
        """Hash of the trained weights of a task, those of the last epoch and of the best; hex."""
        return self.result(task).digest()

    def recipe(self, task: str) -> dict[str, Any]:
        """Everything that the network given by `network` depends on, code included; JSON.

        A result that rests on that network can be found again by this and by what is its own.
        """
        code = code_fingerprint(*self.code(task))
        return self._training_recipe(task) | {"keep": self._which(task, None), "code": code}

    def code(self, task: str) -> tuple[str, ...]:
        """Names of the modules that train the network of a task (what they import counts too)."""
        return modules_of(self._training(task))

    def is_trained(self, task: str) -> bool:
        """Whether the network of a task is in the store, and those that it builds on."""
        if not all(study.is_trained(other) for study, other in self.prerequisites(task)):
            return False
        return self.store.has("network", self._training_recipe(task), self._training(task))

    def checkpoint(self, task: str) -> Path:
        """The file from which an interrupted training of a task goes on; it need not exist."""
        recipe, training = self._training_recipe(task), self._training(task)
        return self.store.unfinished("network", recipe, training) / CHECKPOINT

    def prerequisites(self, task: str) -> list[parallel.Network]:
        """Networks that must be there before that of a task can be trained; none, in general."""
        return []

    def augmentation(self, task: str) -> Augmentation | None:
        """What is done to the training pictures of a task; nothing, as in the paper."""
        return None

    def training_unit(self, task: str) -> TrainingUnit:
        """The training of a task as a unit of work that can be carried elsewhere."""
        rows = self.split(task)
        return TrainingUnit(
            partial(build, self.architecture, len(rows.classes), self.image_size),
            rows,
            self.protocol(task),
            self.seed,
            self.device,
            self.title(task),
            self.augmentation(task),
        )

    def new_network(self, task: str) -> VGG:
        """An untrained network for a task."""
        return build(self.architecture, len(self.split(task).classes), self.image_size)

    def initial_network(self, task: str) -> VGG:
        """The network that the training of a task starts from, on the device of the study."""
        generator = torch.Generator().manual_seed(self.seed)
        with torch.device("meta"):  # no memory and no weights yet: they are drawn once, below
            net = self.new_network(task)
        net = net.to_empty(device="cpu").reset(generator, self.protocol(task).initialisation)
        return net.to(self.device)

    def identity(self) -> dict[str, Any]:
        """What identifies this run: enough to make it again, and to tell it from another."""
        libraries = ("torch", "numpy", "scipy", "pillow", "matplotlib")
        return {
            "profile": self.profile.name,
            "faces": self.source,
            "seed": self.seed,
            **self._unusual(),
            "device": _device_name(self.device),
            "data": self.faces.fingerprint,
            "code": code_fingerprint(*modules_of(open_faces, build, TrainingUnit)),
            "versions": {
                "python": platform.python_version(),
                **{name: importlib.metadata.version(name) for name in libraries},
            },
        }

    def protocol(self, task: str) -> Protocol:
        """How a task is trained: the paper's protocol with the departures of this study."""
        if "epochs" in self.departures:
            return self._protocol(1)
        batch_size = self._protocol(1).batch_size
        return self._protocol(self.profile.epochs(task, len(self.split(task).train), batch_size))

    def _protocol(self, epochs: int) -> Protocol:
        known = Protocol.__dataclass_fields__
        if unknown := set(self.departures) - set(known):
            raise ValueError(
                f"unknown protocol setting {', '.join(sorted(unknown))}: "
                f"choose among {', '.join(known)}"
            )
        return Protocol(**{"epochs": epochs, **self.departures})

    def _faster_precision(self) -> str:
        """What ``precision="auto"`` stands for on this machine."""
        protocol = self._protocol(1)
        recipe = {
            "architecture": self.architecture,
            "image_size": self.image_size,
            "batch_size": protocol.batch_size,
            "optimiser": protocol.optimiser,
            "machine": processor() if self.device.type == "cpu" else _device_name(self.device),
        }
        network = partial(build, self.architecture, 2, self.image_size)
        trial = partial(trial_for_store, protocol, network, self.image_size, self.device)
        return self.store.get("precision", recipe, trial)["precision"]

    def _which(self, task: str, keep: str | None) -> str:
        """Which epoch's network is asked for; that of the protocol if None."""
        keep = keep or self.protocol(task).keep
        if keep not in KEEPS:
            raise ValueError(f"unknown keep {keep!r}: choose one of {', '.join(KEEPS)}")
        return keep

    def _training_recipe(self, task: str) -> dict[str, Any]:
        """What a training depends on beside its code; both epochs are stored, whichever is kept."""
        self.split(task)  # an unknown or impossible task is refused here
        protocol = asdict(self.protocol(task))
        del protocol["keep"]
        recipe = {
            "task": task,
            "data": self.faces.fingerprint,
            "seed": self.seed,
            "protocol": protocol,
            "device": self.device.type,
        }
        if (augmentation := self.augmentation(task)) is not None:
            recipe["augmentation"] = augmentation.digest
        unusual = self._unusual()
        if task == "face":
            unusual.pop("unseen_subjects", None)  # which changes nothing there
        return recipe | unusual

    def _training(self, task: str) -> Callable[[Path], dict[str, Any]]:
        """Trains the network of a task and returns what the store keeps of it."""
        unit = self.training_unit(task)
        return partial(run_for_store, unit, self.faces.images, self.progress)

    def _unusual(self) -> dict[str, Any]:
        """Settings that the paper's run does not have."""
        usual = {
            "unseen_subjects": False,
            "architecture": "tinyvgg",
            "image_size": self.profile.image_size,
        }
        return {name: getattr(self, name) for name in usual if getattr(self, name) != usual[name]}


def _faces_for_store(faces: Callable[[], FaceSet], folder: Path) -> dict[str, Any]:
    """Faces as arrays and JSON values, for the store."""
    made = faces()
    table = json.loads(made.table.to_json(orient="split"))
    return {"images": made.images, "table": table, "left_out": list(made.left_out)}


def _device_name(device: torch.device) -> str:
    """Name of a device: the make of a GPU, else "cpu"."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"


def _whole(seed: Any) -> int:
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise ValueError(f"seed must be a whole number of 0 or more, not {seed!r}")
    return seed
