"""Outcomes and confusions, against counts made by hand; the paper's Table 3 as transcribed."""

import numpy as np
import pandas as pd
import pytest

from tinyvgg.evaluation import confusion, misclassified, outcomes, predict
from tinyvgg.faces import EMOTIONS, FaceSet, full_design, split
from tinyvgg.model import TinyVGG
from tinyvgg.paper import PAPER, classes_at_the_floor, table_3


@pytest.fixture(scope="module")
def faces():
    table = full_design(subjects=3)
    rng = np.random.default_rng(0)
    return FaceSet(rng.integers(0, 256, (len(table), 8, 8, 3), np.uint8), table, "synthetic")


def test_outcomes_by_hand(faces):
    parts = split(faces, "face", 0)
    probabilities = np.tile([0.2, 0.5, 0.3], (len(parts.test), 1)).astype(np.float32)
    table = outcomes(faces, parts, probabilities)
    assert (table.predicted == 1).all() and (table.predicted_name == "1").all()
    assert (table.correct == (table.subject == 1)).all()
    np.testing.assert_allclose(table.confidence, 0.5)
    by_truth = table.groupby("true").confidence_true.first()
    np.testing.assert_allclose(by_truth, [0.2, 0.5, 0.3], rtol=1e-6)
    assert set(misclassified(table).subject) == {0, 2}
    first = table.iloc[0]
    assert first.emotion == faces.table.emotion[first.row]


def test_probabilities_of_another_shape_are_refused(faces):
    parts = split(faces, "face", 0)
    with pytest.raises(ValueError, match=r"\(108, 3\)"):
        outcomes(faces, parts, np.ones((5, 3)))


def test_confusion_counts_every_case_once():
    table = pd.DataFrame({"true": [0, 0, 1, 2, 2], "predicted": [0, 1, 1, 0, 0]})
    counts = confusion(table, ["a", "b", "c"])
    assert counts.to_numpy().tolist() == [[1, 1, 0], [0, 1, 0], [2, 0, 0]]


def test_prediction_does_not_depend_on_the_batch(faces):
    net = TinyVGG(3, 8, dense=(8,)).eval()
    whole = predict(net, faces.images[:10], batch_size=10)
    np.testing.assert_allclose(whole, predict(net, faces.images[:10], batch_size=3), rtol=1e-5)
    np.testing.assert_allclose(whole.sum(1), 1, rtol=1e-5)


def test_table_3_is_transcribed_whole():
    table = table_3()
    assert table.shape == (16, 10)
    sums = table[list(EMOTIONS)].sum(axis=1)
    # the printed figures have two or three digits
    assert np.abs(sums - 1).max() < 0.02
    for (_, moment), row in table.iterrows():
        winner = row[list(EMOTIONS)].astype(float).idxmax()
        assert winner == (row.mistaken if moment == "before" else row.true)


def test_the_after_rows_of_table_3_share_their_smallest_probability_and_the_before_rows_do_not():
    counts = table_3()[list(EMOTIONS)].apply(classes_at_the_floor, axis=1).unstack()
    assert counts.after.between(3, 6).all()
    assert (counts.before == 1).all()


def test_the_paper_s_counts_add_up():
    for task in ("face", "emotion"):
        total = sum(PAPER[f"errors_{task}_{angle}"].value for angle in (45, 90, 135))
        assert total == PAPER[f"errors_{task}"].value
        tested = PAPER[f"test_{task}"].value
        assert round(1 - total / tested, 4) == pytest.approx(
            PAPER[f"accuracy_{task}"].value, abs=2e-4
        )
