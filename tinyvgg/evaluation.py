"""Section "Evaluations on miss-classified cases": accuracy, outcomes, confusions."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch
from torch import nn

from tinyvgg.faces.faceset import PERSON, FaceSet
from tinyvgg.faces.split import Split
from tinyvgg.graph import Scaled
from tinyvgg.model import as_input


@torch.no_grad()
def predict(network: nn.Module, images: np.ndarray, batch_size: int = 36) -> np.ndarray:
    """Soft-max probabilities of every class for every picture (Equation 2).

    Parameters
    ----------
    network : nn.Module
        Logits (B, classes) from float (B, C, H, W); an adapted one has an input scale of its own.
    images : uint8 array (N, H, W, C)

    Returns
    -------
    float32 array (N, classes)

    Examples
    --------
    >>> import numpy as np
    >>> from tinyvgg import TinyVGG
    >>> from tinyvgg.evaluation import predict
    >>> net = TinyVGG(num_classes=4, image_size=16, width=4, dense=(8,)).eval()
    >>> predict(net, np.zeros((2, 16, 16, 3), np.uint8)).shape
    (2, 4)
    """
    at = next(network.parameters())
    own = network if isinstance(network, Scaled) else None
    parts = [
        network(as_input(images[k : k + batch_size], network=own).to(at)).float().softmax(1).cpu()
        for k in range(0, len(images), batch_size)
    ]
    return torch.cat(parts).numpy()


def outcomes(faces: FaceSet, split: Split, probabilities: np.ndarray) -> pd.DataFrame:
    """One row per test image: what it shows, what the network predicts, how confident it is.

    Parameters
    ----------
    faces : FaceSet
    split : Split
        `probabilities` belong to its test rows, in their order.
    probabilities : array (len(split.test), classes)

    Returns
    -------
    DataFrame
        Columns row (in `faces`), subject, emotion, gaze, angle, gender, group, person (the name
        of the subject: a number where it has no other); true, predicted
        (class numbers), true_name, predicted_name, correct; confidence (the probability of
        the predicted class) and confidence_true (that of the true one).

    Examples
    --------
    >>> import numpy as np
    >>> from tinyvgg import FaceSet, TinyVGG, split
    >>> from tinyvgg.faces import full_design
    >>> table = full_design(subjects=2, angles=[90])  # 2 subjects x 8 emotions x 3 gazes
    >>> images = np.random.default_rng(0).integers(0, 256, (len(table), 16, 16, 3), np.uint8)
    >>> faces = FaceSet(images, table, name="noise")
    >>> from tinyvgg.evaluation import outcomes, predict
    >>> net = TinyVGG(num_classes=2, image_size=16, width=4, dense=(8,)).eval()
    >>> parts = split(faces, "face")
    >>> table = outcomes(faces, parts, predict(net, faces.images[parts.test]))
    >>> len(table), bool((table.correct == (table.true == table.predicted)).all())
    (24, True)
    """
    expected = (len(split.test), len(split.classes))
    if probabilities.shape != expected:
        raise ValueError(
            f"probabilities must have shape {expected} (test images, classes), "
            f"not {probabilities.shape}"
        )
    names = np.asarray(split.classes)
    true = split.labels[split.test]
    predicted = probabilities.argmax(1)
    labels = faces.table.iloc[split.test].drop(columns="source").reset_index(drop=True)
    if PERSON not in labels:
        labels[PERSON] = [None if pd.isna(subject) else str(subject) for subject in labels.subject]
    cases = np.arange(len(true))
    return (
        pd.DataFrame({"row": split.test})
        .join(labels)
        .assign(
            true=true,
            predicted=predicted,
            true_name=names[true],
            predicted_name=names[predicted],
            correct=true == predicted,
            confidence=probabilities[cases, predicted],
            confidence_true=probabilities[cases, true],
        )
    )


def misclassified(outcomes: pd.DataFrame) -> pd.DataFrame:
    """The misclassified rows of `outcomes`, numbered from 0.

    Examples
    --------
    >>> import pandas as pd
    >>> from tinyvgg.evaluation import misclassified
    >>> misclassified(pd.DataFrame({"row": [3, 5], "correct": [True, False]})).row.tolist()
    [5]
    """
    return outcomes[~outcomes.correct].reset_index(drop=True)


def confusion(outcomes: pd.DataFrame, classes: list[str]) -> pd.DataFrame:
    """Counts of test images by true class (rows) and predicted class (columns).

    Examples
    --------
    >>> import pandas as pd
    >>> from tinyvgg.evaluation import confusion
    >>> table = pd.DataFrame({"true": [0, 0, 1], "predicted": [0, 1, 1]})
    >>> confusion(table, ["happy", "sad"]).loc["happy", "sad"].item()
    1
    """
    counts = np.zeros((len(classes), len(classes)), int)
    np.add.at(counts, (outcomes.true.to_numpy(), outcomes.predicted.to_numpy()), 1)
    return pd.DataFrame(
        counts, index=pd.Index(classes, name="true"), columns=pd.Index(classes, name="predicted")
    )
