"""The hair of the synthetic faces: it grows where it should, follows the head, frees the eyes."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from tinyvgg.faces.design import EMOTIONS, ROSTER
from tinyvgg.faces.synthetic.hair import scalp as hair
from tinyvgg.faces.synthetic.hair.locks import _cut
from tinyvgg.faces.synthetic.hair.ribbons import EYES, is_frayed, strand_texture
from tinyvgg.faces.synthetic.head import build_head
from tinyvgg.faces.synthetic.person.basis import load_basis
from tinyvgg.faces.synthetic.person.expression import draw_shot
from tinyvgg.faces.synthetic.person.haircuts import CUTS, STYLES
from tinyvgg.faces.synthetic.person.identity import draw_person

COARSE = 128  # drawn pixels: the locks are the same, the painting is quicker


@pytest.fixture(scope="module")
def heads():
    return [build_head(each.subject, each.group, each.gender, COARSE) for each in ROSTER]


def in_the_mean_head(points, frame):
    return (points - frame.eyes) / frame.unit + EYES


def test_hair_leaves_the_eyes_free_in_everybody_and_every_emotion(heads):
    for head in heads:
        if head.locks is None:
            continue
        for emotion in EMOTIONS:
            shot = draw_shot(head.person.subject, emotion, "frontal")
            coarse = head.basis.actions.morph(head.vertices, shot.actions, head.frame.unit)
            points = head.locks.carried(coarse - head.vertices)
            x, y, z = in_the_mean_head(points, head.frame).T
            before_eyes = (
                (np.abs(np.abs(x) - 0.308) < 0.14) & (np.abs(y - 7.284) < 0.09) & (z > 1.2)
            )
            assert not before_eyes.any(), (head.person.subject, emotion)


def test_locks_are_carried_by_the_skin_that_they_grow_from(heads):
    step = np.array([0.03, -0.02, 0.01])
    for head in heads[:12]:
        if head.locks is None or head.person.hair.cut.tie == "tail":
            continue
        motion = np.broadcast_to(step, head.vertices.shape)
        roots = head.locks.layout[:, 2] == 0
        moved = (head.locks.carried(motion) - head.locks.vertices)[roots] / step
        assert roots.any()
        assert moved.max() < 1 + 1e-6
        assert np.quantile(moved, 0.05) > 0.8
        np.testing.assert_array_equal(head.locks.carried(0 * motion), head.locks.vertices)


def test_hanging_hair_is_cut_at_its_height():
    path = np.zeros((5, 2, 3))
    path[:, :, 1] = np.linspace(2, 0, 5)[:, None]
    cut = _cut(path, np.array([0.75, -1.0]))
    np.testing.assert_allclose(cut[:, 0, 1], np.linspace(2, 0.75, 5))
    np.testing.assert_allclose(cut[:, 1], path[:, 1])


def test_no_hair_grows_below_the_hairline_or_on_the_ears(heads):
    basis = load_basis()
    for head in heads[::7]:
        above = hair.scalp_growth(head.person, basis)
        assert not head.shell[above < -0.03].any()
        assert not head.shell[basis.masks["ears"] > 0.99].any()
        assert head.shell[above > 0.4].any(1).mean() > 0.95


def test_people_of_a_kind_wear_their_hair_differently():
    for (group, gender), shares in STYLES.items():
        assert sum(shares.values()) == pytest.approx(1)
        assert set(shares) <= set(CUTS)
        worn = Counter(
            draw_person(*each[:1], each.group, each.gender).hair.style
            for each in ROSTER
            if (each.group, each.gender) == (group, gender)
        )
        if sum(worn.values()) > 8:
            assert max(worn.values()) <= sum(worn.values()) / 2
            assert len(worn) >= 5


def test_tips_fray_and_the_middle_of_a_lock_does_not():
    column = np.linspace(0, 900, 4001)

    def frayed(across, along):
        layout = np.stack([column, across + 0 * column, along + 0 * column], 1)
        return is_frayed(layout).mean()

    assert frayed(0, 0.15) == 0
    shares = [frayed(0, along) for along in (0.3, 0.6, 0.9)]
    assert 0 < shares[0] < shares[1] < shares[2] < 1
    assert frayed(0.95, 0.15) > 0
    assert strand_texture().min() > 0
    assert strand_texture().max() == 1
