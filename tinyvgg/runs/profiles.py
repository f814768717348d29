"""Sizes of a run: smoke (tests), default (a laptop), paper (a CUDA GPU)."""

from __future__ import annotations

import os
from dataclasses import dataclass

VARIABLE = "TINYVGG_PROFILE"


@dataclass(frozen=True)
class Profile:
    """Sizes of a run.

    Attributes
    ----------
    name : str
    image_size : int
        Side of the square pictures, in pixels.
    subjects : int or None
        Number of subjects; None for all.
    epochs_face, epochs_emotion : int
        Epochs, by task.
    epochs_photographs : int
        Epochs for a small set of photographs (ORL), which has a twelfth as many pictures.
    """

    name: str
    image_size: int
    subjects: int | None
    epochs_face: int
    epochs_emotion: int
    epochs_photographs: int

    def epochs(self, task: str, source: str) -> int:
        """Epochs of a task on a source of faces."""
        if source.startswith(("orl", "folder:")):  # about ten per subject
            return self.epochs_photographs
        return self.epochs_face if task == "face" else self.epochs_emotion


PROFILES = {
    profile.name: profile
    for profile in (
        Profile("smoke", 32, 8, epochs_face=30, epochs_emotion=30, epochs_photographs=120),
        Profile("default", 64, None, epochs_face=30, epochs_emotion=45, epochs_photographs=60),
        Profile("paper", 224, None, epochs_face=100, epochs_emotion=100, epochs_photographs=100),
    )
}


def get_profile(name: str | None = None) -> Profile:
    """The profile of that name; None asks the environment, then takes ``default``.

    Parameters
    ----------
    name : {"smoke", "default", "paper"}, optional
        None stands for the environment variable ``TINYVGG_PROFILE`` if it is set.

    Raises
    ------
    ValueError
        The name is unknown.
    """
    origin = "profile"
    if name is None:
        name, origin = os.environ.get(VARIABLE) or "default", f"${VARIABLE}"
    if name not in PROFILES:
        raise ValueError(f"unknown {origin} {name!r}: choose one of {', '.join(PROFILES)}")
    return PROFILES[name]
