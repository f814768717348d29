"""How fast faces are rendered, where the time goes, and what the floor is.

    python -m tinyvgg.bench.rendering [--sizes 64 224] [--people 3]

renders all emotions of a few people of the roster, gazing ahead, at the paper's three angles, in
one process, and prints a table. Times are CPU time of one core per picture, which other work on
the machine changes less than the clock's. Painting a person is shared by the 72 pictures that the
full design has of each, posing by the three angles of a shot; both are divided accordingly.

The floor is what numpy takes to touch everything once: to project each vertex, to turn to each
triangle's corners and see which way it faces, to interpolate the attributes of each point that
is shaded, to look up its paint, and to add the light of one lamp.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np

from tinyvgg.faces.design import EMOTIONS, GAZES, PAPER_ANGLES, ROSTER
from tinyvgg.faces.synthetic.head import Scene, build_head, pose
from tinyvgg.faces.synthetic.paint import chosen, dot, sample
from tinyvgg.faces.synthetic.person.expression import draw_shot
from tinyvgg.faces.synthetic.render import LARGEST, SMALLEST
from tinyvgg.faces.synthetic.rendering.camera import Rig
from tinyvgg.faces.synthetic.rendering.picture import develop, illuminate, rigs
from tinyvgg.faces.synthetic.rendering.view import VisiblePoints, look

SIZES = (64, 224)  # pixels
PEOPLE = 3
PICTURES_OF_A_PERSON = len(EMOTIONS) * len(GAZES) * len(PAPER_ANGLES)
STAGES = {
    "painting": "a person: shape, skin, hair; shared by all their pictures",
    "posing": "expression, eyes, cast shadows; shared by the cameras",
    "looking": "which triangle each sample sees, and where on it",
    "lighting": "colour and light of each point seen",
    "developing": "points to pixels, light to bytes",
}


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


def measure(
    size: int, people: int = PEOPLE, emotions: Sequence[str] = EMOTIONS
) -> dict[str, float]:
    """Milliseconds per picture of each of `STAGES`, of "all" together, and of the "floor".

    Parameters
    ----------
    size : int
        Side of the pictures in pixels.
    people : int
        How many of the roster, evenly spread over it.
    emotions : sequence of str
        Those that each of them poses.
    """
    watch = Stopwatch()
    posers = ROSTER[:: max(1, len(ROSTER) // people)][:people]
    for person in posers:  # what is made once per process does not count
        _render(person, size, (), Stopwatch())
    _render(posers[0], size, emotions[:1], Stopwatch())
    for person in posers:
        _render(person, size, emotions, watch)
    pictures = dict.fromkeys(watch.seconds, len(posers) * len(emotions) * len(PAPER_ANGLES))
    pictures["painting"] = len(posers) * PICTURES_OF_A_PERSON
    each = {name: 1000 * seconds / pictures[name] for name, seconds in watch.seconds.items()}
    stages = {name: each[name] for name in STAGES}
    return stages | {"all": sum(stages.values()), "floor": each["floor"]}


def table(costs: dict[int, dict[str, float]]) -> list[dict[str, Any]]:
    """What `measure` gave for some sizes, one row per stage."""
    said = STAGES | {"all": "", "floor": "numpy touches everything once"}
    return [
        {"stage": name, "what is done": words} | {f"{size} px": costs[size][name] for size in costs}
        for name, words in said.items()
    ]


def _render(person, size: int, emotions, watch: Stopwatch) -> None:
    head = watch.time("painting", build_head, person.subject, person.group, person.gender, size)
    for emotion in emotions:
        scene = watch.time("posing", pose, head, draw_shot(person.subject, emotion, "frontal"))
        for rig in rigs(scene, PAPER_ANGLES, size):
            points = watch.time("looking", look, scene, rig)
            light = watch.time("lighting", illuminate, scene, rig, points)
            watch.time("developing", develop, points, light, rig)
            watch.time("floor", _floor, scene, rig, points)


def _floor(scene: Scene, rig: Rig, points: VisiblePoints) -> tuple[list[np.ndarray], np.ndarray]:
    """The least that these pictures take: which triangles face the cameras, and shaded points."""
    facing = []
    for camera in rig.cameras:
        places, _ = camera.project(scene.vertices)
        (x0, x1, x2), (y0, y1, y2) = (axis.take(scene.facets.corners) for axis in places.T)
        facing.append((x1 - x0) * (y2 - y0) < (y1 - y0) * (x2 - x0))
    corner = points.pixel % len(scene.attributes)  # any will do
    first, second, third = (chosen(scene.attributes, corner) for _ in range(3))
    values = first + second + third
    canvases = scene.head.canvases
    colour = sample(canvases[max(canvases)], values[:, 0], values[:, 1])[:, :3]
    return facing, colour * dot(values[:, 3:6], (0.0, 0.0, 1.0))[:, None]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="pixels")
    parser.add_argument("--people", type=int, default=PEOPLE, help="of the roster")
    options = parser.parse_args()
    if not 1 <= options.people <= len(ROSTER):
        parser.error(f"--people is {options.people}; expected 1 to {len(ROSTER)}")
    if not all(SMALLEST <= size <= LARGEST for size in options.sizes):
        parser.error(f"--sizes must lie between {SMALLEST} and {LARGEST} pixels")
    costs = {size: measure(size, options.people) for size in options.sizes}
    print("CPU milliseconds per picture, one core")
    print(f"{'':24}" + "".join(f"{size:>8} px" for size in costs))
    for name in next(iter(costs.values())):
        print(f"{name:24}" + "".join(f"{cost[name]:11.1f}" for cost in costs.values()))
    rates = "".join(f"{1000 / cost['all']:11.0f}" for cost in costs.values())
    print(f"{'pictures/s and core':24}{rates}")


if __name__ == "__main__":
    main()
