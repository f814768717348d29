"""What a notebook asks for, made once: the faces, the splits, the trained networks."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import logging
import platform
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import torch
from torch import Tensor

from tinyvgg.evaluation import outcomes
from tinyvgg.faces.design import PAPER_ANGLES
from tinyvgg.faces.faceset import FaceSet
from tinyvgg.faces.sources import open_faces, source_fingerprint
from tinyvgg.faces.spec import parse_source
from tinyvgg.faces.split import Split, split
from tinyvgg.model import VGG, as_input, build
from tinyvgg.runs.profiles import Profile, get_profile
from tinyvgg.storage.store import Store, code_fingerprint
from tinyvgg.training.fit import arithmetic, full_precision, resolve_device, threads
from tinyvgg.training.protocol import KEEPS, Augmentation, Protocol
from tinyvgg.training.unit import Fitting

log = logging.getLogger(__name__)

ON_A_GPU = 2  # networks trained at a time; `python -m tinyvgg bench` measures what it brings
FACES_CODE = ("tinyvgg.faces.sources",)
TRAINING_CODE = (
    "tinyvgg.training.fit",
    "tinyvgg.model",
    "tinyvgg.faces.split",
    "tinyvgg.evaluation",
)


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
        Draws the split, the weights at the start, and the order of the batches.
    device : str
        "auto", "cpu", "cuda" or "cuda:N".
    unseen_subjects : bool
        Let half of the people train and the other half test (see `split`); not in the paper.
    architecture : str
        One of `model.ARCHITECTURES`; the paper's large models are for its Discussion.
    image_size : int, optional
        Side of the pictures in pixels; the profile's if None.
    store : Store, optional
    progress : bool
        Show progress bars for long work.
    **protocol
        Departures from the paper's `Protocol`, by name: ``order="fixed"``, ``epochs=5``, …

    Raises
    ------
    ValueError
        Unknown profile, source, device, architecture or protocol.
    """

    training_code: tuple[str, ...] = TRAINING_CODE  # modules that decide on its networks

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
        **protocol: Any,
    ):
        self.profile: Profile = get_profile(profile)
        self.image_size = image_size or self.profile.image_size
        self.source = faces
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
        self._fits: dict[str, dict[str, Any]] = {}
        self.protocol("face")  # refuse unknown departures now rather than after rendering
        self._wanted: dict[str, Any] = {
            "size": self.image_size,
            "angles": PAPER_ANGLES,
            "subjects": self.profile.subjects,
        }
        self._content = source_fingerprint(faces, **self._wanted)

    # ------------------------------------------------------------------ the data

    @cached_property
    def faces(self) -> FaceSet:
        """The faces of this run (rendered or read, then kept in the store)."""

        def make(_: Path) -> dict[str, Any]:
            made = open_faces(self.source, **self._wanted, progress=self.progress)
            table = json.loads(made.table.to_json(orient="split"))
            return {"images": made.images, "table": table, "left_out": list(made.left_out)}

        recipe = {"source": parse_source(self.source).kind, "content": self._content}
        kept = self.store.get("faces", recipe, FACES_CODE, make)
        table = pd.DataFrame(**kept["table"])
        return FaceSet(kept["images"], table, self.source, tuple(kept["left_out"]))

    @property
    def tasks(self) -> tuple[str, ...]:
        """The tasks that the labels of the faces allow."""
        return self.faces.tasks

    def split(self, task: str) -> Split:
        """Training and test rows of a task."""
        if task not in self._splits:
            self._splits[task] = split(self.faces, task, self.seed, self.unseen_subjects)
        return self._splits[task]

    def inputs(self, rows: Iterable[int]) -> Tensor:
        """Pictures as network input: float32 (B, 3, S, S) on the device of the study."""
        return as_input(self.faces.images[np.asarray(rows, int)]).to(self.device)

    def variant(self, **changes: Any) -> Study:
        """The same study but for some settings, such as ``seed=1`` or ``unseen_subjects=True``.

        It has the same store, and the faces if they are already at hand and the same.
        """
        other = type(self)(**(self._settings() | changes), store=self.store)
        if other._content == self._content and "faces" in vars(self):
            vars(other)["faces"] = self.faces
        return other

    # ------------------------------------------------------------------ the networks

    def train(self, *tasks: str) -> None:
        """Train what is missing of some tasks (all, if none is named), side by side."""
        train_side_by_side([(self, task) for task in tasks or self.tasks])

    def networks(self, photographs: str = "orl") -> dict[str, tuple[Study, str]]:
        """Every network that the book asks for, as (study, task), by name, the longest first.

        Parameters
        ----------
        photographs : str
            The source of the section on real faces; passed over, with a warning, where its
            files are missing (that section then says what to install).
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
        prefix = f"{self._keep(task, keep)}/"
        kept = self._fit(task)
        weights = {
            k.removeprefix(prefix): torch.from_numpy(v)
            for k, v in kept.items()
            if k.startswith(prefix)
        }
        net = self.new_network(task)
        net.load_state_dict(weights)
        return net.to(self.device).eval()

    def history(self, task: str) -> pd.DataFrame:
        """Loss, errors and speed of every epoch (see `Fit.history`)."""
        return pd.DataFrame(self._fit(task)["history"])

    def best_epoch(self, task: str) -> int:
        """The first epoch with the smallest error on the test images."""
        return self._fit(task)["best_epoch"]

    def outcomes(self, task: str, keep: str | None = None) -> pd.DataFrame:
        """What the network says of every test image (see `evaluation.outcomes`)."""
        probabilities = self._fit(task)[f"probabilities/{self._keep(task, keep)}"]
        return outcomes(self.faces, self.split(task), probabilities)

    def title(self, task: str) -> str:
        """What a network is called where several are named: source, task, what departs, seed."""
        words = [f"{self.source} {task}"]
        words += [self.architecture] * (self.architecture != "tinyvgg")
        words += [f"{self.image_size} px"] * (self.image_size != self.profile.image_size)
        words += ["unseen people"] * self.unseen_subjects
        words += [str(value) for name, value in self.departures.items() if name != "epochs"]
        return ", ".join([*words, f"seed {self.seed}"])

    def digest(self, task: str) -> str:
        """Hash of the trained weights of a task, those of the last epoch and of the best; hex."""
        kept, digest = self._fit(task), hashlib.blake2b(digest_size=16)
        for name in sorted(kept):
            if name.partition("/")[0] in KEEPS:
                digest.update(name.encode() + np.ascontiguousarray(kept[name]).tobytes())
        return digest.hexdigest()

    def is_trained(self, task: str) -> bool:
        """Whether the network of a task is in the store."""
        return self.store.has("network", self._network_recipe(task), self.training_code)

    def prerequisites(self, task: str) -> list[tuple[Study, str]]:
        """Networks that must be there before that of a task can be trained; none, in general."""
        return []

    def augmentation(self, task: str) -> Augmentation | None:
        """What is done to the training pictures of a task; nothing, as in the paper."""
        return None

    def identity(self) -> dict[str, Any]:
        """What this run is: enough to make it again, and to tell it from another."""
        libraries = ("torch", "numpy", "scipy", "pillow", "matplotlib")
        return {
            "profile": self.profile.name,
            "faces": self.source,
            "seed": self.seed,
            **self._unusual(),
            "device": _device_name(self.device),
            "data": self.faces.fingerprint,
            "code": code_fingerprint(*TRAINING_CODE, *FACES_CODE, "tinyvgg.runs.study"),
            "versions": {
                "python": platform.python_version(),
                **{name: importlib.metadata.version(name) for name in libraries},
            },
        }

    def protocol(self, task: str) -> Protocol:
        """How a task is trained: the paper's protocol with the departures of this study."""
        known = Protocol.__dataclass_fields__
        if unknown := set(self.departures) - set(known):
            raise ValueError(
                f"unknown protocol setting {', '.join(sorted(unknown))}: "
                f"choose among {', '.join(known)}"
            )
        return Protocol(**{"epochs": self.profile.epochs(task, self.source), **self.departures})

    def _keep(self, task: str, keep: str | None) -> str:
        keep = keep or self.protocol(task).keep
        if keep not in KEEPS:
            raise ValueError(f"unknown keep {keep!r}: choose one of {', '.join(KEEPS)}")
        return keep

    def new_network(self, task: str) -> VGG:
        """An untrained network for a task, freshly drawn."""
        return build(self.architecture, len(self.split(task).classes), self.image_size)

    def _network_recipe(self, task: str) -> dict[str, Any]:
        self.split(task)  # an unknown or impossible task is refused here
        protocol = asdict(self.protocol(task))
        del protocol["keep"]  # both epochs are kept, whichever is asked for
        recipe = {
            "task": task,
            "data": self.faces.fingerprint,
            "seed": self.seed,
            "protocol": protocol,
            "device": self.device.type,
        }
        return recipe | self._unusual()

    def _fit(self, task: str) -> dict[str, Any]:
        if task not in self._fits:
            recipe = self._network_recipe(task)
            self._fits[task] = self.store.get(
                "network", recipe, self.training_code, lambda folder: self._make_fit(task, folder)
            )
        return self._fits[task]

    def fitting(self, task: str) -> Fitting:
        """The training of a task as a unit of work that can be carried elsewhere."""
        rows = self.split(task)
        return Fitting(
            self.new_network(task),
            rows,
            self.protocol(task),
            self.seed,
            self.device,
            self.title(task),
            self.augmentation(task),
        )

    def keep(self, task: str, results: Mapping[str, Any]) -> None:
        """Put into the store what a `Fitting` of this study gave elsewhere."""
        self.store.get("network", self._network_recipe(task), self.training_code, lambda _: results)

    def _make_fit(self, task: str, folder: Path) -> dict[str, Any]:
        checkpoint = folder / "checkpoint.safetensors"
        return self.fitting(task).run(self.faces.images, checkpoint, self.progress)

    def _unusual(self) -> dict[str, Any]:
        """Settings that the paper's run does not have."""
        usual = {
            "unseen_subjects": False,
            "architecture": "tinyvgg",
            "image_size": self.profile.image_size,
        }
        return {name: getattr(self, name) for name in usual if getattr(self, name) != usual[name]}

    def _settings(self) -> dict[str, Any]:
        return {
            "profile": self.profile.name,
            "faces": self.source,
            "seed": self.seed,
            "device": str(self.device),
            **self._unusual(),
            "progress": self.progress,
            **self.departures,
        }


def train_side_by_side(jobs: list[tuple[Study, str]], may_diverge: bool = False) -> None:
    """Train the networks that are missing, some at a time.

    On a CPU each has a process of its own, of one thread; on a GPU each has a thread and a
    stream of its own, since kernels of several processes would not run at once.

    Parameters
    ----------
    jobs : list of (Study, task)
        The longest first is best: as many run at a time as there are processors, or
        `ON_A_GPU` of them.
    may_diverge : bool
        Leave a network out, with a warning, whose loss is no longer finite, instead of raising.
    """
    missing = [(study, task) for study, task in jobs if not study.is_trained(task)]
    if missing and missing[0][0].device.type == "cuda":
        kinds = {study.protocol(task).precision for study, task in missing}
        for precision in sorted(kinds):  # what TF32 may do is settled for all threads at once
            alike = [(s, task) for s, task in missing if s.protocol(task).precision == precision]
            with arithmetic(precision, missing[0][0].device), threads(1):
                joblib.Parallel(n_jobs=ON_A_GPU, prefer="threads")(
                    joblib.delayed(_fit_one)(study, task, may_diverge) for study, task in alike
                )
    elif len(missing) > 1 and joblib.cpu_count() > 1:
        with joblib.parallel_config("loky", inner_max_num_threads=1):
            joblib.Parallel(n_jobs=min(len(missing), joblib.cpu_count()))(
                joblib.delayed(_train_one)(
                    type(study), study._settings(), str(study.store.root), task, may_diverge
                )
                for study, task in missing
            )
    else:
        for study, task in missing:
            _fit_one(study, task, may_diverge)


def _train_one(
    kind: type[Study], settings: dict[str, Any], root: str, task: str, may_diverge: bool
) -> None:
    _fit_one(kind(**settings, store=Store(root)), task, may_diverge)


def _fit_one(study: Study, task: str, may_diverge: bool) -> None:
    try:
        study._fit(task)
    except FloatingPointError as error:
        if not may_diverge:
            raise
        log.warning("%s: %s", study.title(task), error)


def _device_name(device: torch.device) -> str:
    """What a device is called: a GPU by its make, else "cpu"."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"


def _whole(seed: Any) -> int:
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise ValueError(f"seed must be a whole number of 0 or more, not {seed!r}")
    return seed
