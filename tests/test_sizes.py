"""Eq. 1 and its inverses against convolutions that are run."""

from __future__ import annotations

import pytest

from tinyvgg import sizes


@pytest.fixture(scope="module")
def ran():
    return sizes.run_sizes()


def test_every_case_of_the_paper_is_tried_in_many_sizes(ran):
    assert set(ran.case) == set(sizes.CASES)
    assert ran.groupby("case").size().min() > 200


def test_cases_are_told_apart_by_padding_and_stride(ran):
    groups = dict(list(ran.groupby("case")))
    assert (groups["padded"].p > 0).all() and (groups["padded"].s == 1).all()
    assert (groups["strided"].p == 0).all() and (groups["strided"].s > 1).all()
    assert (groups["unit"].p == 0).all() and (groups["unit"].s == 1).all()


def test_equation_1_and_its_inverses_give_the_sizes_that_come_out(ran):
    assert (ran.after == ran.after_by_equation).all()
    assert (ran.back == ran.back_by_equation).all()


def test_the_way_back_falls_short_by_the_rest_of_the_stride(ran):
    assert (ran.i - ran.back == ran.rest).all()
    assert (ran.rest > 0).any()


def test_a_wrong_inverse_is_found_out(monkeypatch):
    monkeypatch.setattr(sizes, "deconv_size_strided", lambda i, k, s: s * i + k)
    ran = sizes.run_sizes(range(1, 9))
    wrong = ran.back != ran.back_by_equation
    assert set(ran.case[wrong]) == {"strided"}


def test_windows_of_two_with_a_stride_of_two_lose_the_last_pixel_of_an_odd_size():
    ran = sizes.run_sizes([7, 8], [2], [0], [2]).set_index("i")
    assert ran.after.to_dict() == {7: 3, 8: 4}
    assert ran.back.to_dict() == {7: 6, 8: 8}
