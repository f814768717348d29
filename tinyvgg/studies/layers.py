"""Layers that the paper avoids: deconvolution of average pooling and of inception layers.

The paper's Discussion avoids "layers that do not yield visually appealing results in
deconvolution, such as the average-pooling layer and the inception layer". Three networks are
trained on the same task with the paper's protocol: Tiny VGG, Tiny VGG with average pooling, and
Tiny VGG with an inception layer in place of each block's convolutions. All end in maps of the same
shape. The same test faces are deconvolved with each, as trained and with the weights that training
started from. One way must serve all three. Where branches join, no single convolution precedes
another, so no bias is added (``bias="none"``). Where the windows of a pooling overlap, as in an
inception layer, restoring all tied maxima would count whatever is flat once for every window, so
the first is restored, as by Zeiler and Fergus (``ties="first"``). Of the two networks without
branches the paper's own way is measured besides.

The measures and the rule were written down on 2026-11-28, before any of these networks had been
trained. The rule for ties was chosen after a trial of the code under the smoke profile had shown
what the other does to an inception layer; the measures and the rule stayed as they were.
"Appealing" is no quantity. These three can be measured, of every picture (see
`experiments.picture_quality`):

- *edges*: the correlation of the picture's gradient magnitude with the face's (edge preservation
  after Sattar et al. 1997);
- *sharpness*: one less the blur metric of Crete et al. (2007);
- *background*: the share of the picture's energy that lies on the empty background. Only the
  renderer knows where that is, so it is measured of synthetic faces alone and decides nothing.

The rule: the claim is reproduced if the pictures of the max-pooling network keep more edges and
are sharper than those of the average-pooling network, and likewise than those of the inception
network: four conditions, and each holds if the 95 % interval of the mean difference, face by
face, is above zero. It is partly reproduced if some hold, not reproduced if none does. The
interval is Student's over seeds; of fewer than three seeds it is a bootstrap over people. What
concerns a network that gets fewer than half of the test images right is not judged.

Neither measure alone would do: blurred pictures can keep edges, and grain is sharp. That
max-pooling scores higher than an untrained network of the same shape is not part of the claim; it
is shown, because a picture that needs no training says nothing about what was learned (Adebayo et
al. 2018).
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from functools import reduce
from io import BytesIO

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from tinyvgg.adapted.network import as_network
from tinyvgg.deconv import deconvolve, record
from tinyvgg.experiments.avoided_layers import (
    AVERAGE,
    INCEPTION,
    JUDGED,
    MAX,
    OWN_WAY,
    TRAINED,
    UNTRAINED,
    Kind,
    in_sentences,
)
from tinyvgg.experiments.deconv_variants import RELEASED, Variant
from tinyvgg.experiments.localisation import mean_known
from tinyvgg.experiments.picture_quality import quality
from tinyvgg.experiments.statistics import people
from tinyvgg.graph import Features, Node
from tinyvgg.model import VGG
from tinyvgg.runs.parallel import Network
from tinyvgg.runs.recorded import Entry, LongStudy
from tinyvgg.runs.records import Record, results
from tinyvgg.runs.study import Study
from tinyvgg.tracking import grey

NAME = "layers"
SEEDS = (0, 1, 2)
ARCHITECTURES = {MAX: "tinyvgg", AVERAGE: "tinyvgg_average", INCEPTION: "tinyvgg_inception"}
FOR_ALL = Variant(bias="none", ties="first")
FACES = 60
EXAMPLES = 3  # faces whose pictures a record keeps, of each seed
AT_ONCE = 12  # faces
DIGITS = 4
BRIGHTEST = 99.5  # percentile of a picture that its white stands for


def networks(study: Study) -> dict[str, Study]:
    """The studies that train the three networks, by what is special about them."""
    return {
        name: study.variant(architecture=architecture)
        for name, architecture in ARCHITECTURES.items()
    }


def chosen_faces(study: Study) -> np.ndarray:
    """Rows of the faces that are deconvolved: `FACES` drawn once, for all networks and seeds.

    They are test faces for each of `SEEDS`, and for the study's own seed.

    Raises
    ------
    ValueError
        There is no such face.
    """
    task = study.tasks[0]
    splits = [study.variant(seed=seed).split(task) for seed in sorted({*SEEDS, study.seed})]
    rows = reduce(np.intersect1d, [split.test for split in splits])
    if not len(rows):
        raise ValueError(
            f"no image of {study.source} is a test face for each of {len(splits)} seeds; this "
            "study needs more images of each class"
        )
    return np.random.default_rng(0).permutation(rows)[:FACES]


def whole_features(net: VGG, images: Tensor) -> Features:
    """All layers of a network up to its last maps, as a graph.

    `as_network` makes an average pooling before the dense layers part of the first of these; it
    is put back, so that the maps of all three networks have one shape.
    """
    features, last = as_network(net, images).features, list(net.features)[-1]
    nodes = features.nodes
    if isinstance(last, nn.AvgPool2d):
        nodes = [*nodes, Node(last, (len(nodes) - 1,))]
    return Features(nodes, *features.image_shape)


def deconvolved(net: VGG, images: Tensor, way: Variant = FOR_ALL) -> np.ndarray:
    """The last maps of some images (B, 3, S, S), deconvolved; grey values, float (B, S, S)."""
    features = whole_features(net, images)
    parts = images.split(AT_ONCE)
    found = [grey(deconvolve(features, record(features, x), **way._asdict())) for x in parts]
    return torch.cat(found).cpu().numpy()


# ---------------------------------------------------------------------- the record


def _networks(study: Study) -> list[Network]:
    chosen_faces(study)  # if there is none, say so before anything is trained
    return [(own, study.tasks[0]) for own in networks(study).values()]


def _measure(study: Study) -> list[Entry]:
    rows, entries = chosen_faces(study), []
    pictures: dict[Kind, np.ndarray] = {}
    rendered = study.source == "synthetic"
    for name, own in networks(study).items():
        made = _pictures(own, rows)
        found = {key: quality(x, study.faces.images[rows], rendered) for key, x in made.items()}
        entries.append(_entry(name, own) | {"pictures": _plain(found)})
        pictures |= {Kind(name, key): x[:EXAMPLES] for key, x in made.items()}
    table = study.faces.table.iloc[rows].assign(row=rows)
    shown: Entry = {"seed": study.seed, "faces": rows.tolist(), "people": people(table).tolist()}
    if rendered:  # nobody's photograph is passed on, nor a picture of it
        shown["examples"] = examples(study.faces.images[rows[:EXAMPLES]], pictures)
    return [*entries, shown]


def _pictures(study: Study, rows: np.ndarray) -> dict[str, np.ndarray]:
    """The deconvolved pictures of a network, by how they were made."""
    task, images = study.tasks[0], study.inputs(rows)
    trained, initial = study.network(task), study.initial_network(task)
    made = {TRAINED: deconvolved(trained, images), UNTRAINED: deconvolved(initial, images)}
    if study.architecture != ARCHITECTURES[INCEPTION]:
        made[OWN_WAY] = deconvolved(trained, images, RELEASED)
    return made


def _entry(name: str, study: Study) -> Entry:
    task = study.tasks[0]
    history, correct = study.history(task), study.outcomes(task).correct
    return {
        "seed": study.seed,
        "network": name,
        "task": task,
        "parameters": sum(p.numel() for p in study.network(task).parameters()),
        "right": int(correct.sum()),
        "test": len(correct),
        "epochs": len(history),
        "train_error": float(history.train_error.iloc[-1]),
        "minutes": round(float(history.seconds.sum()) / 60, 2),
    }


def _plain(found: dict[str, dict[str, np.ndarray]]) -> dict[str, dict[str, list]]:
    """Measures as JSON, rounded; None for what is not known."""
    return {
        made: {
            measure: [None if np.isnan(x) else round(float(x), DIGITS) for x in values]
            for measure, values in measured.items()
        }
        for made, measured in found.items()
    }


COLUMNS = {
    **{name: Kind(name) for name in ARCHITECTURES},
    "untrained": Kind(MAX, UNTRAINED),
}


def examples(faces: np.ndarray, pictures: dict[Kind, np.ndarray]) -> list[dict[str, str]]:
    """Some faces (N, S, S, 3) and their pictures of each kind in `COLUMNS`, packed into text."""
    return [
        {"face": packed(face)}
        | {name: packed(as_bytes(pictures[kind][k])) for name, kind in COLUMNS.items()}
        for k, face in enumerate(faces)
    ]


def as_bytes(picture: np.ndarray) -> np.ndarray:
    """A picture >= 0 as bytes, on its own scale."""
    scale = np.percentile(picture, BRIGHTEST) or picture.max() or 1
    return np.clip(255 * picture / scale, 0, 255).round().astype(np.uint8)


def packed(picture: np.ndarray) -> str:
    """A picture (S, S) or (S, S, 3) of bytes as text: WebP in base64, small and nearly the same."""
    file = BytesIO()
    Image.fromarray(picture).save(file, format="webp", quality=90, method=6)
    return b64encode(file.getvalue()).decode()


def unpacked(text: str) -> np.ndarray:
    """The picture that was `packed`, uint8 (S, S, 3)."""
    return np.asarray(Image.open(BytesIO(b64decode(text))).convert("RGB"))


def _words(entry: Entry) -> str:
    start = f"seed {entry['seed']}"
    if "faces" in entry:
        return f"{start}: {len(entry['faces'])} faces deconvolved"
    share = entry["right"] / entry["test"]
    means = [
        f"{measure} {mean_known(entry['pictures'][TRAINED][measure]):.2f} "
        f"(untrained {mean_known(entry['pictures'][UNTRAINED][measure]):.2f})"
        for measure in JUDGED
    ]
    return f"{start}, {entry['network']}: {share:.2%} correct, {', '.join(means)}"


STUDY = LongStudy(NAME, SEEDS, _networks, _measure, _words)


# ---------------------------------------------------------------------- what a page shows


def kept_examples(record: Record | None, seed: int) -> list[dict[str, np.ndarray]]:
    """Faces and their pictures that a record keeps, of a seed or else of its first."""
    kept = {entry["seed"]: entry["examples"] for entry in results(record) if "examples" in entry}
    found = kept.get(seed, next(iter(kept.values()), []))
    return [{name: unpacked(text) for name, text in each.items()} for each in found]


def summary(record: Record | None, study: Study) -> str:
    """What a record shows about the claim, in a few sentences; without one, how it is created."""
    if record is None:
        return (
            f"This study has no record yet. The command {STUDY.command} runs it and first "
            "estimates how long it takes."
        )
    minutes = sum(entry["minutes"] for entry in record.results if "minutes" in entry)
    status = f"{record.status(study)}; its networks trained for {minutes:.0f} minutes in total"
    return f"{in_sentences(record.results)} ({status[0].upper()}{status[1:]}.)"
