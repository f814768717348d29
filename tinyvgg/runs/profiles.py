"""Sizes of a run: smoke (tests), default (a laptop), paper (a CUDA GPU)."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass

VARIABLE = "TINYVGG_PROFILE"
BATCH = 12
SUBJECTS, SHOTS, GROUPS = 67, 72, 24  # people of the full design, pictures of each, and groups
LEAST = 10  # epochs


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
        Epochs on the synthetic faces, by task; see `epochs` for other pictures.
    draws : int or None
        Random sets that stand for each control of an image's set; None for as many as keep the
        sampling error below the last digit that is printed (see `draws_for`).
    """

    name: str
    image_size: int
    subjects: int | None
    epochs_face: int
    epochs_emotion: int
    draws: int | None = None

    def epochs(self, task: str, train: int, batch_size: int = BATCH) -> int:
        """Epochs of a task on any number of training pictures: always about as many steps.

        As many as the profile's epochs on the synthetic faces take, since what a network needs
        to learn is steps: few pictures are seen more often. But each is seen `LEAST` times.

        Parameters
        ----------
        task : str
        train : int
            How many pictures train.
        batch_size : int
        """
        people = self.subjects or SUBJECTS
        design = people * SHOTS // 2 if task == "face" else GROUPS * (people * SHOTS // GROUPS // 2)
        usual = self.epochs_face if task == "face" else self.epochs_emotion
        steps = usual * math.ceil(design / BATCH)
        return max(LEAST, round(steps / math.ceil(train / batch_size)))


PROFILES = {
    profile.name: profile
    for profile in (
        Profile("smoke", 32, 8, epochs_face=30, epochs_emotion=30, draws=50),
        Profile("default", 64, None, epochs_face=30, epochs_emotion=45),
        Profile("paper", 224, None, epochs_face=100, epochs_emotion=100),
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
