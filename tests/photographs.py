"""Made-up photographs on disk, and a short way to read them."""

from itertools import product

import numpy as np
from PIL import Image

from tinyvgg.faces.sources import open_faces


def photograph(path, width=32, height=32, seed=0, **options):
    """Save a picture of smooth random colours, and return its pixels."""
    path.parent.mkdir(parents=True, exist_ok=True)
    coarse = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    image = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
    image.save(path, **options)
    return np.asarray(image)


def read(source, size=16, **options):
    return open_faces(source, size, progress=False, **options)


PEOPLE = ("Caucasian_female", "Moroccan_male", "Kid_female", "Caucasian_male")
GAZES, ANGLES = ("frontal", "left", "right"), ("045", "090", "135")


def a_few(root, people=3):
    """Some people, two emotions, three gazes, three angles, named as RaFD does; the source."""
    rng = np.random.default_rng(4)
    kinds = list(enumerate(PEOPLE[:people], 1))
    for (number, kind), emotion, gaze, angle in product(kinds, ("happy", "sad"), GAZES, ANGLES):
        tint = 40 * number + 20 * (emotion == "sad")
        pixels = tint + rng.integers(0, 30, (102, 68, 3))
        name = f"Rafd{angle}_{number:02d}_{kind}_{emotion}_{gaze}.png"
        Image.fromarray(pixels.astype(np.uint8)).save(root / name)
    return f"rafd:{root}"
