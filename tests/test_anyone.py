"""Pictures that people have, each layout of folders and names: whole books, and every section."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from tinyvgg import open_faces

pytestmark = pytest.mark.long
WORDS = {"angry": "Anger", "happy": "happiness", "sad": "sadness", "surprised": "surprise"}
KDEF = {
    **{"fearful": "AF", "angry": "AN", "disgusted": "DI", "happy": "HA"},
    **{"neutral": "NE", "sad": "SA", "surprised": "SU"},
}
ANGLES = {45: ("HR", "left"), 90: ("S", "straight"), 135: ("HL", "right")}


def emotions(number, face):
    """A split of the set's own, emotions in other words, nobody named."""
    half = "train" if number % 5 < 3 else "test"
    return f"{half}/{WORDS.get(face.emotion, face.emotion)}/{number}.png"


def people_and_emotions(number, face):
    return f"person {face.subject}/{face.emotion}/{number}.png"


def kdef(number, face):
    if face.emotion not in KDEF or face.gaze == "right":
        return None
    start = f"{'A' if face.gaze == 'left' else 'B'}{face.gender[0].upper()}{face.subject + 1:02d}"
    return f"{start}/{start}{KDEF[face.emotion]}{ANGLES[face.angle][0]}.png"


def cmu(number, face):
    if face.emotion not in ("neutral", "happy", "sad", "angry") or face.gaze == "right":
        return None
    eyes = "open" if face.gaze == "left" else "sunglasses"
    person = f"an{face.subject}i"
    return f"{person}/{person}_{ANGLES[face.angle][1]}_{face.emotion}_{eyes}.png"


def three(number, face):
    """No faces: three classes of coloured squares."""
    return f"{('red', 'green', 'blue')[number % 3]}/{number}.png" if number < 60 else None


SETS = {
    "folder:set?labels=split/emotion": emotions,
    "folder:set?labels=person/emotion": people_and_emotions,
    "kdef:set": kdef,
    "cmu:set": cmu,
    "folder:set": three,
}


PEOPLE_AND_EMOTIONS = ["kdef:set", "cmu:set", "folder:set?labels=person/emotion"]
WEEKLY = pytest.mark.twice  # make reproduce


def write(source: str, folder: Path, subjects: int) -> None:
    """Write rendered people as the set that a source reads in a folder."""
    faces = open_faces("synthetic", size=48, subjects=subjects, progress=False)
    for number, face in enumerate(faces.table.itertuples()):
        if name := SETS[source](number, face):
            path = folder / "set" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            picture = faces.images[number].copy()
            if SETS[source] is three:
                picture[10:30, 10:30] = 0
                picture[10:30, 10:30, number % 3] = 200
            Image.fromarray(picture).save(path)


@pytest.mark.parametrize(
    ("source", "subjects"),
    [
        ("orl", 0),
        ("folder:set?labels=split/emotion", 3),
        *(pytest.param(source, 6, marks=WEEKLY) for source in [*PEOPLE_AND_EMOTIONS, "folder:set"]),
    ],
)
def test_every_labelled_set_gives_a_bound_book(source, subjects, tmp_path):
    if subjects:
        write(source, tmp_path, subjects)
    command = [sys.executable, "-m", "tinyvgg", "book", "--profile", "smoke", "--faces", source]
    made = subprocess.run(
        [*command, "--output", tmp_path / "book"], cwd=tmp_path, capture_output=True, text=True
    )
    assert made.returncode == 0, made.stdout + made.stderr
    assert (tmp_path / "book" / "_build" / "html" / "notebooks" / "08_common_pixels.html").exists()


def test_every_section_runs_to_its_end_on_each_layout(tmp_path):
    found = []
    for source in PEOPLE_AND_EMOTIONS:
        layout, _, rest = source.partition(":")
        write(source, tmp_path / layout, 2)
        found.append(f"{layout}:{tmp_path / layout / rest}")
    command = [sys.executable, Path(__file__).with_name("sections.py"), *found]
    made = subprocess.run(command, capture_output=True, text=True)
    assert made.returncode == 0, made.stderr[-5000:]
    told = json.loads(made.stdout)
    assert list(told) == found
    for lacking in told.values():
        assert len(lacking) == 17 and not any(lacking.values())
