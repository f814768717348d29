"""What makes an expression: facial actions by emotion, gaze, and the chance of the moment.

An action is one of the 52 of the data file; they follow the Facial Action Coding System's
idea (the smile is FACS action unit 12, here ``mouthSmile``). Strengths were chosen by eye, on
people of all groups and ages at 224 and 64 pixels, to look like the posed prototypes of Ekman,
Friesen and Hager, before any network saw the faces. An action's strength may exceed 1, where the
data's full action is weaker than a pose, or be negative, where a muscle pulls the other way.

The jitters make 67 people differ as the people of such a set do: models were coached to the
same prototype, so a person's whole pose varies by about a seventh and each action by a sixth;
the three gazes of one pose were taken within a minute and differ half as much or less. Head and
camera were fixed to a degree or two; the lamps stood still, and flashes vary by a few per cent.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tinyvgg.faces.synthetic.paint import stream

GAZE_ANGLE = 24.0  # degrees that averted eyes turn
# "left" is the subject's own left, which is on the right of a frontal picture.
GAZE_TURN = {"frontal": 0.0, "left": GAZE_ANGLE, "right": -GAZE_ANGLE}
SAD_GAZE_DROP = 6.0  # degrees

# Without a star: as it is. With a star: both sides, "mouthSmile*" is Left and Right.
RESTING = {
    "eyeWide*": 0.15, "mouthSmile*": 0.05, "browInnerUp": 0.06, "browOuterUp*": 0.06,
    "jawOpen": -0.06,  # MakeHuman's lips stand a millimetre or two apart
}  # fmt: skip
ACTIONS = {
    "neutral": {},
    # A felt smile: corners up and back (12), cheeks raised (6), lips parted over the teeth (25).
    "happy": {
        "mouthSmile*": 0.92, "mouthStretch*": 0.20, "cheekSquint*": 0.80, "eyeSquint*": 0.30,
        "mouthUpperUp*": 1.00, "mouthLowerDown*": 0.55, "mouthDimple*": 0.20, "jawOpen": 0.14,
    },
    # Brows drawn together and down (4), upper lids up (5), lids tight (7), lips pressed (23, 24).
    # The press alone would raise the corners: rolled lips and a little of 15 keep them down.
    "angry": {
        "browDown*": 1.35, "browInnerUp": -0.35, "eyeWide*": 0.75, "eyeSquint*": 0.45,
        "noseSneer*": 0.25, "mouthPress*": 0.30, "mouthRollLower": 0.55, "mouthRollUpper": 0.70,
        "mouthFrown*": 0.75, "mouthShrugLower": 0.40, "mouthPucker": 0.20, "jawForward": 0.30,
    },
    # Inner brows up (1) and together (4), corners of the mouth down (15), chin up (17).
    "sad": {
        "browInnerUp": 2.00, "browDown*": 0.35, "browOuterUp*": -0.55, "mouthFrown*": 1.40,
        "mouthShrugLower": 1.00, "mouthRollLower": 0.10, "eyeSquint*": 0.10, "eyeBlink*": 0.08,
        "eyeLookDown*": 0.10,
    },
    # Brows up (1, 2) and together (4), eyes wide (5), mouth stretched (20), open (25, 26).
    "fearful": {
        "browInnerUp": 1.70, "browOuterUp*": 0.40, "browDown*": 0.60, "eyeWide*": 1.30,
        "eyeSquint*": 0.15, "mouthStretch*": 1.50, "jawOpen": 0.20, "mouthLowerDown*": 1.00,
        "mouthUpperUp*": 0.35, "mouthFrown*": 0.35,
    },
    # Nose wrinkled (9), upper lip raised (10), brows down (4), lower lip pushed up (17).
    "disgusted": {
        "noseSneer*": 1.50, "mouthUpperUp*": 1.00, "browDown*": 0.50, "cheekSquint*": 0.80,
        "eyeSquint*": 0.45, "mouthFrown*": 0.55, "mouthShrugLower": 0.60, "jawOpen": 0.06,
    },
    # Brows high (1, 2), eyes wide (5), jaw dropped (26) without tension.
    "surprised": {
        "browInnerUp": 1.50, "browOuterUp*": 1.50, "eyeWide*": 1.10, "jawOpen": 0.66,
        "mouthFunnel": 0.40, "mouthLowerDown*": 0.30,
    },
    # One corner of the mouth tightened (14) and a little raised, on the subject's left.
    "contemptuous": {
        "mouthSmileLeft": 0.28, "mouthDimpleLeft": 1.25, "mouthPressLeft": 0.60,
        "cheekSquintLeft": 0.40, "mouthUpperUpLeft": 0.25, "mouthPressRight": 0.15,
        "mouthFrownRight": 0.30, "eyeSquint*": 0.15, "eyeBlink*": 0.06, "mouthRollLower": 0.20,
        "mouthShrugLower": 0.25, "browOuterUpRight": 0.25, "browDownLeft": 0.20,
        "mouthLeft": 0.15,
    },
}  # fmt: skip

# How people differ in posing the same emotion, and how one person's poses differ.
PERSON_GAIN, SHOT_GAIN = 0.14, 0.07
PERSON_ACTION, SHOT_ACTION = 0.16, 0.06
GAIN_LIMITS = (0.78, 1.25)  # weaker would have been posed again; stronger looks put on
ACTION_LIMITS = (0.5, 1.5)
ONE_SIDED = 0.05  # deviation between the two sides of a face, just visible
BLINK = 0.03  # lids are never twice at the same height
GAZE_JITTER = (1.5, 1.0)  # degrees, sideways and up
POSE_JITTER = (1.6, 1.3, 1.2)  # degrees of turn, nod and tilt
SCALE_JITTER, PLACE_JITTER = 0.012, 0.006  # of the picture's size
LIGHT_JITTER = 0.05


@dataclass(frozen=True)
class Shot:
    """One press of the release: all five cameras see the same of it."""

    emotion: str
    gaze: str
    actions: dict[str, float]  # action -> strength
    gaze_turn: float  # degrees to the subject's left
    gaze_lift: float  # degrees
    pose: tuple[float, float, float]  # degrees of turn, nod, tilt of the head
    scale: float
    place: tuple[float, float, float]  # shift in the studio, as a share of the frame's side
    light: np.ndarray  # (4,) small deviations of the lamps


def both_sides(actions: dict[str, float]) -> dict[str, float]:
    """Write out the starred names."""
    plain = {}
    for name, strength in actions.items():
        if name.endswith("*"):
            plain[name[:-1] + "Left"] = plain[name[:-1] + "Right"] = strength
        else:
            plain[name] = strength
    return plain


def draw_shot(subject: int, emotion: str, gaze: str) -> Shot:
    """How this subject looks in this emotion and gaze; independent of the camera."""
    habit = stream("habit", subject, emotion)  # how this person poses this emotion
    moment = stream("moment", subject, emotion, gaze)
    gain = (1 + PERSON_GAIN * habit.normal()) * (1 + SHOT_GAIN * moment.normal())
    gain = np.clip(gain, *GAIN_LIMITS)
    actions = both_sides(RESTING)
    for name, strength in ACTIONS[emotion].items():
        own = 1 + PERSON_ACTION * habit.normal() + SHOT_ACTION * moment.normal()
        strength = strength * gain * np.clip(own, *ACTION_LIMITS)
        uneven = ONE_SIDED * habit.normal()
        for each in both_sides({name: strength}):
            factor = 1 + uneven if name.endswith("*") and each.endswith("Right") else 1.0
            actions[each] = actions.get(each, 0.0) + strength * factor
    blink = abs(BLINK * moment.normal())
    for name in ("eyeBlinkLeft", "eyeBlinkRight"):
        actions[name] = actions.get(name, 0.0) + blink
    turn, lift = moment.normal(0, GAZE_JITTER)
    return Shot(
        emotion=emotion,
        gaze=gaze,
        actions={name: float(strength) for name, strength in actions.items()},
        gaze_turn=GAZE_TURN[gaze] + turn,
        gaze_lift=lift - (SAD_GAZE_DROP if emotion == "sad" else 0.0),
        pose=tuple(moment.normal(0, POSE_JITTER)),
        scale=1 + SCALE_JITTER * moment.normal(),
        place=tuple(PLACE_JITTER * moment.normal(size=3)),
        light=LIGHT_JITTER * moment.normal(size=4),
    )
