"""How fast faces are rendered, where the time goes, and what the floor is.

    python -m tinyvgg.faces.synthetic.bench [--sizes 64 224] [--people 3]

renders all emotions of a few people of the roster, gazing ahead, at the paper's three angles, in
one process, and prints a table. Times are CPU time of one core per picture, so that other work
on the machine changes them little. Painting a person is shared by the 72 pictures that the full
design has of each, posing by the three angles of a shot; both are divided accordingly.

The floor is what numpy needs at least for as many points as a picture shades: to gather the
attributes of three corners, to sample the canvas once, and to add up the light of one lamp.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict

import numpy as np

from ..design import EMOTIONS, GAZES, PAPER_ANGLES, ROSTER
from .expression import draw_shot
from .paint import dot, sample
from .picture import develop, illuminate, rigs
from .sitter import Scene, Sitter, invite, pose
from .view import VisiblePoints, look

PICTURES_OF_A_PERSON = len(EMOTIONS) * len(GAZES) * len(PAPER_ANGLES)


class Stopwatch:
    """Adds up the CPU seconds of named stages."""

    def __init__(self):
        self.seconds: dict[str, float] = defaultdict(float)

    def time(self, name: str, work, *arguments):
        """Do the work and return its result."""
        start = time.process_time()
        result = work(*arguments)
        self.seconds[name] += time.process_time() - start
        return result


def measure(size: int, people: int) -> dict[str, float]:
    """Milliseconds per picture of each stage, of all together, and of the floor."""
    watch = Stopwatch()
    chosen = ROSTER[:: max(1, len(ROSTER) // people)][:people]
    _render(chosen[0], size, EMOTIONS[:1], Stopwatch())  # what is made once per process
    for person in chosen:
        _render(person, size, EMOTIONS, watch)
    seconds = dict(watch.seconds)
    pictures = len(chosen) * len(EMOTIONS) * len(PAPER_ANGLES)
    painting = seconds.pop("painting") / (len(chosen) * PICTURES_OF_A_PERSON)
    floor = seconds.pop("floor") / pictures
    stages = {"painting": painting} | {name: each / pictures for name, each in seconds.items()}
    stages |= {"all": sum(stages.values()), "floor": floor}
    return {name: 1000 * each for name, each in stages.items()}


def _render(person, size: int, emotions, watch: Stopwatch) -> None:
    sitter = watch.time("painting", invite, person.subject, person.group, person.gender, size)
    for emotion in emotions:
        scene = watch.time("posing", pose, sitter, draw_shot(person.subject, emotion, "frontal"))
        for rig in rigs(scene, PAPER_ANGLES, size):
            points = watch.time("looking", look, scene, rig)
            light = watch.time("lighting", illuminate, scene, rig, points)
            watch.time("developing", develop, points, light, rig)
            watch.time("floor", _floor, sitter, scene, points)


def _floor(sitter: Sitter, scene: Scene, points: VisiblePoints) -> np.ndarray:
    """The least that shading so many points takes."""
    corner = points.pixel % len(scene.attributes)
    values = scene.attributes[corner] + scene.attributes[corner] + scene.attributes[corner]
    canvas = sitter.canvases[max(sitter.canvases)]
    colour = sample(canvas, values[:, 0], values[:, 1])[:, :3]
    return colour * dot(values[:, 3:6], (0.0, 0.0, 1.0))[:, None]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[64, 224], help="pixels")
    parser.add_argument("--people", type=int, default=3, help="of the roster")
    options = parser.parse_args()
    tables = {size: measure(size, options.people) for size in options.sizes}
    print("CPU milliseconds per picture, one core")
    print(f"{'':24}" + "".join(f"{size:>8} px" for size in tables))
    for name in next(iter(tables.values())):
        print(f"{name:24}" + "".join(f"{table[name]:11.1f}" for table in tables.values()))
    rates = "".join(f"{1000 / table['all']:11.0f}" for table in tables.values())
    print(f"{'pictures/s and core':24}{rates}")


if __name__ == "__main__":
    main()
