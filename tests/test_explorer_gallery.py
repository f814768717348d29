"""The cases of an explorer and their twins."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from explorers import CLASSES

from tinyvgg import as_input, backtrack
from tinyvgg.explorer import Refused, Session
from tinyvgg.explorer.gallery import study_gallery


def test_cases_are_the_mistakes_the_most_confident_first(session, small):
    net, images, labels = small
    chances = backtrack(net, as_input(images)).probabilities
    confidence, predicted = (values.numpy() for values in chances.max(1))
    wrong = np.flatnonzero(predicted != labels)
    assert list(session.cases) == sorted(wrong, key=lambda row: -confidence[row])
    for row, case in session.cases.items():
        assert (case.true, case.predicted) == (labels[row], predicted[row])
        assert (
            f"misclassified as {CLASSES[predicted[row]]} (confidence {confidence[row]:.2f})"
            in case.caption
        )
        if case.twin is not None:
            assert predicted[case.twin] == labels[case.twin] == case.true


def test_without_mistakes_there_are_correct_pictures_and_no_twins(small):
    net, images, _ = small
    predicted = backtrack(net, as_input(images)).logits.argmax(1)
    session = Session(net, images, predicted.numpy(), CLASSES)
    assert len(session.cases) == len(images)
    assert session.available == ("none", "backtracked", "hand")
    assert all("only a misclassified" in case.why_no_twin for case in session.cases.values())
    with pytest.raises(Refused, match="only a misclassified image"):
        session.pixel_set = "common"


def test_a_study_names_its_cases_and_finds_twins_that_differ_in_gaze(small):
    net, images, _ = small
    table = pd.DataFrame(
        {
            "row": [4, 5, 6, 7],
            "subject": [12, 12, 12, 3],
            "person": ["12", "12", "12", "3"],
            "emotion": ["sad"] * 4,
            "gaze": ["left", "right", "left", "right"],
            "angle": [45, 45, 45, 90],
            "true": [1, 1, 1, 2],
            "predicted": [0, 1, 1, 0],
            "correct": [False, True, True, False],
            "confidence": [0.83, 0.6, 0.9, 0.5],
        }
    )
    study = SimpleNamespace(
        outcomes=lambda task: table,
        split=lambda task: SimpleNamespace(
            classes=["0", "3", "12", "15", "16"], train=np.array([0, 2]), labels=np.arange(8)
        ),
        network=lambda task: net,
        faces=SimpleNamespace(images=images),
        inputs=lambda rows: as_input(images[rows]),
    )
    gallery = study_gallery(study, "face")
    assert list(gallery.cases) == [4, 7]
    assert gallery.cases[4].twin == 5
    caption = "subject 12, sad, 45°, gaze left → misclassified as subject 0 (confidence 0.83)"
    assert gallery.cases[4].caption == caption
    assert gallery.cases[7].twin is None
    assert "same subject, angle and emotion" in gallery.cases[7].why_no_twin
    assert gallery.first.row == 4
    assert gallery.training.rows.tolist() == gallery.training.labels.tolist() == [0, 2]

    table[["emotion", "gaze"]] = None
    table["angle"] = pd.array([pd.NA] * 4, dtype="Int64")
    gallery = study_gallery(study, "face")
    shades = images[4:7].astype(float) @ [0.299, 0.587, 0.114]
    apart = np.abs(shades[1:] - shades[0]).mean(axis=(1, 2))
    assert gallery.cases[4].twin == 5 + apart.argmin()  # the nearer one
    assert gallery.cases[4].shows == "subject 12, image 4"
    assert "same subject is" in gallery.cases[7].why_no_twin
