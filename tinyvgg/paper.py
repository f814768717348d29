"""What the paper prints, transcribed, with the place where it prints it.

Everything that the book compares with the paper comes from here: a figure typed in a notebook
would be a defect. All of it is from Fang (2017), J. Big Data 4:40, CC BY 4.0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from tinyvgg.faces.design import EMOTIONS


@dataclass(frozen=True)
class Printed:
    """A value as the paper prints it.

    Attributes
    ----------
    value : float
    unit : str
    where : str
        The section, table or figure.
    """

    value: float
    unit: str
    where: str


_EVALUATION = 'Section "Evaluations on miss-classified cases"'
_MAPS = 'Section "Visualization of the feature maps"'
_FEATURES = 'Section "Visualization and analysis of the features"'

PAPER = {
    "subjects": Printed(67, "people", 'Section "Data collection and preprocessing"'),
    "image_size": Printed(224, "pixels", 'Section "Data collection and preprocessing"'),
    "train_face": Printed(2412, "images", "Table 2"),
    "test_face": Printed(2412, "images", "Table 2"),
    "train_emotion": Printed(2400, "images", "Table 2"),
    "test_emotion": Printed(2424, "images", "Table 2"),
    "accuracy_face": Printed(0.9755, "share", "Table 2"),
    "accuracy_emotion": Printed(0.9097, "share", "Table 2"),
    "images_per_second": Printed(20, "images/s, Titan X", 'Section "Training of the networks"'),
    "errors_face": Printed(59, "cases", _EVALUATION),
    "errors_face_45": Printed(17, "cases", _EVALUATION),
    "errors_face_90": Printed(19, "cases", _EVALUATION),
    "errors_face_135": Printed(23, "cases", _EVALUATION),
    "errors_face_subjects": Printed(37, "people", _EVALUATION),
    "errors_face_worst_subject": Printed(4, "cases of subject 48", _EVALUATION),
    "errors_emotion": Printed(219, "cases", _EVALUATION),
    "errors_emotion_45": Printed(73, "cases", _EVALUATION),
    "errors_emotion_90": Printed(70, "cases", _EVALUATION),
    "errors_emotion_135": Printed(76, "cases", _EVALUATION),
    "errors_emotion_subjects": Printed(56, "people", _EVALUATION),
    "errors_sad": Printed(57, "cases", _EVALUATION),
    "errors_sad_as_neutral": Printed(31, "cases", _EVALUATION),
    "errors_surprised": Printed(4, "cases", _EVALUATION),
    "pixels": Printed(25088, "pixels of the last feature maps", "Table 1"),
    "pixels_face": Printed(811, "pixels", _MAPS),
    "pixels_emotion": Printed(188, "pixels", _MAPS),
    "pixels_pair_a": Printed(623, "pixels", _FEATURES),
    "pixels_pair_b": Printed(693, "pixels", _FEATURES),
    "pixels_pair_common": Printed(547, "pixels", _FEATURES),
    "pair_a_before": Printed(0.99, "probability of class 40", _FEATURES),
    "pair_a_after": Printed(0.8e-5, "probability of class 40", _FEATURES),
    "pair_b_wrong_before": Printed(0.80, "probability of class 65", _FEATURES),
    "pair_b_wrong_after": Printed(0.0015, "probability of class 65", _FEATURES),
    "pair_b_true_before": Printed(0.18, "probability of class 40", _FEATURES),
    "pair_b_true_after": Printed(0.0006, "probability of class 40", _FEATURES),
    "emotion_cases_corrected": Printed(8, "of 8 cases", "Table 3"),
}

# Table 3. A case has two rows, before and after the suppression; the columns are EMOTIONS.
# `mistaken` and `true` are the two classes that the table prints in italics.
_TABLE_3 = [
    ("fearful", "sad",
     [6.36e-10, 4.5e-7, 6.71e-7, 9.89e-1, 2.59e-12, 3.34e-3, 7.27e-3, 5.10e-4],
     [5.57e-5, 2.71e-4, 5.57e-5, 1.22e-1, 5.57e-5, 5.79e-3, 8.72e-1, 5.57e-5]),
    ("contemptuous", "angry",
     [1.92e-1, 6.95e-1, 2.67e-6, 3.66e-10, 6.52e-10, 3.17e-5, 1.13e-1, 1.39e-12],
     [9.12e-1, 4.56e-3, 7.68e-7, 7.45e-7, 7.45e-7, 1.72e-6, 8.32e-2, 7.45e-7]),
    ("neutral", "fearful",
     [2.70e-9, 1.86e-7, 7.16e-11, 4.13e-1, 1.26e-11, 5.87e-1, 2.41e-6, 2.90e-9],
     [1.32e-9, 3.01e-9, 1.32e-9, 9.99e-1, 1.32e-9, 5.53e-5, 1.84e-9, 1.32e-9]),
    ("angry", "sad",
     [9.75e-1, 5.47e-6, 4.95e-10, 7.94e-12, 2.09e-17, 6.16e-9, 2.46e-2, 1.43e-13],
     [1.54e-2, 6.97e-5, 1.04e-7, 1.04e-7, 1.04e-7, 2.99e-6, 9.85e-1, 1.04e-7]),
    ("disgusted", "fearful",
     [6.89e-9, 2.55e-6, 9.54e-1, 4.30e-2, 8.70e-10, 2.52e-3, 4.87e-5, 3.81e-7],
     [9.58e-5, 9.74e-5, 1.14e-2, 8.08e-1, 9.58e-5, 1.66e-1, 1.35e-2, 9.58e-5]),
    ("sad", "angry",
     [9.64e-2, 7.11e-4, 1.92e-10, 2.00e-5, 1.77e-14, 2.17e-4, 9.03e-1, 4.44e-15],
     [9.87e-1, 7.78e-4, 1.21e-8, 1.26e-8, 1.21e-8, 4.12e-7, 1.18e-2, 1.21e-8]),
    ("surprised", "fearful",
     [2.08e-13, 9.97e-9, 5.66e-16, 3.36e-1, 1.29e-14, 1.53e-1, 2.37e-9, 5.11e-1],
     [5.13e-7, 5.13e-7, 5.13e-7, 8.98e-1, 5.13e-7, 9.85e-2, 5.13e-7, 3.25e-3]),
    ("happy", "disgusted",
     [2.81e-12, 1.02e-10, 1.74e-1, 1.65e-17, 8.26e-1, 8.52e-15, 4.41e-14, 1.39e-18],
     [6.55e-10, 6.55e-10, 9.79e-1, 6.55e-10, 2.13e-2, 6.55e-10, 6.55e-10, 6.55e-10]),
]  # fmt: skip


def table_3() -> pd.DataFrame:
    """Table 3 of the paper: a row a case and moment, a column an emotion.

    Returns
    -------
    DataFrame
        Indexed by (case 1..8, "before" or "after"); columns mistaken, true, and the eight
        emotions (probabilities as printed).
    """
    rows, index = [], []
    for case, (mistaken, true, before, after) in enumerate(_TABLE_3, 1):
        for moment, values in (("before", before), ("after", after)):
            rows.append([mistaken, true, *values])
            index.append((case, moment))
    return pd.DataFrame(
        rows,
        index=pd.MultiIndex.from_tuples(index, names=["case", "moment"]),
        columns=["mistaken", "true", *EMOTIONS],
    )


def classes_at_the_floor(probabilities: np.ndarray) -> int:
    """How many classes share the smallest probability of a row.

    Soft-max of free logits gives ties with probability zero; rectified logits give one to
    every class whose logit was negative, since exp(0) = 1 for all of them.
    """
    probabilities = np.asarray(probabilities, float)
    return int((probabilities == probabilities.min()).sum())
