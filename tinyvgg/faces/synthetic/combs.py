"""Which way hair is combed: a direction for each lock at each place, by the kind of cut.

A comb takes where locks have got to (n, 3), where they are rooted (n, 3) and the person's hair,
in the frame in which every head is as large as the mean one, and gives directions (n, 3).
"""

from __future__ import annotations

import numpy as np

from tinyvgg.faces.synthetic.haircuts import Hair
from tinyvgg.faces.synthetic.paint import ramp, to_unit

CROWN = np.array([0.0, 8.42, 0.10])
TIE = {"bun": np.array([0.0, 7.62, -0.46]), "tail": np.array([0.0, 7.35, -0.46])}


def comb_forward(at, root, hair: Hair):
    """From the crown outwards; in front, down over the forehead."""
    led = to_unit(at - CROWN)
    led[:, 0] += 0.55 * hair.sweep * ramp(at[:, 2], 0.3, 0.9)
    return led


def _side(at, root, hair: Hair):
    """Away from the parting on top, down and back at the sides."""
    away = np.sign(root[:, 0] - hair.parting)
    top = ramp(root[:, 1], 7.85, 8.15)
    led = np.stack([away, -0.15 + 0 * away, 0.25 + 0 * away], 1) * top[:, None]
    return led + np.array([0, -1, -0.45]) * (1 - top[:, None])


def _back(at, root, hair: Hair):
    top = ramp(root[:, 1], 7.7, 8.1)[:, None]
    up = 0.7 * ramp(at[:, 2], 0.9, 1.3)  # off the forehead
    led = np.stack([0.25 * at[:, 0] + 0.25 * hair.sweep, up, -1 + 0 * up], 1)
    return led * top + np.array([0, -0.7, -0.8]) * (1 - top)


def _quiff(at, root, hair: Hair):
    led = _back(at, root, hair)
    led[:, 0] += 0.5 * hair.sweep * ramp(root[:, 2], 0.6, 1.1)
    return led


def _out(at, root, hair: Hair):
    """Every way, but away from the crown on the whole."""
    return to_unit(at - CROWN)


def _hang(at, root, hair: Hair):
    """Down to both sides of the parting, and down from the crown behind."""
    side = np.where(root[:, 0] < hair.parting, -1.0, 1.0)
    front = ramp(root[:, 2], -0.05, 0.5)
    over_brow = ramp(at[:, 2], 0.8, 1.2)  # along the hairline, not across the forehead
    ahead = np.stack([side, -0.6 + 0.5 * over_brow, -0.3 - 0.4 * over_brow], 1)
    behind = at - CROWN - [0, 0, 0.4]
    return ahead * front[:, None] + to_unit(behind) * (1 - front[:, None])


def _tie(at, root, hair: Hair):
    return TIE[hair.cut.tie] - at


COMBS = {
    "forward": comb_forward, "side": _side, "back": _back, "quiff": _quiff, "out": _out,
    "hang": _hang, "tie": _tie,
}  # fmt: skip
