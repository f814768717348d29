from collections import Counter
from itertools import product

import pytest

from tinyvgg.faces.design import (
    ANGLES,
    COLUMNS,
    EMOTIONS,
    GAZES,
    GROUPS,
    PAPER_ANGLES,
    ROSTER,
    FaceName,
    check_workers,
    format_name,
    full_design,
    parse_name,
)


def test_roster_has_the_composition_of_rafd():
    assert Counter((person.group, person.gender) for person in ROSTER) == {
        ("Caucasian", "male"): 20,
        ("Caucasian", "female"): 19,
        ("Moroccan", "male"): 18,
        ("Kid", "female"): 6,
        ("Kid", "male"): 4,
    }


def test_roster_is_dense_while_its_numbers_have_rafds_gaps():
    assert [person.subject for person in ROSTER] == list(range(67))
    numbers = [person.identity for person in ROSTER]
    assert numbers == sorted(numbers)
    assert set(range(1, 74)) - set(numbers) == {6, 13, 17, 34, 62, 66}


def test_first_eight_subjects_hold_every_group_and_gender():
    kinds = {(person.group, person.gender) for person in ROSTER[:8]}
    assert {group for group, _ in kinds} == set(GROUPS)
    assert len(kinds) == 5


def test_any_run_of_the_roster_is_a_fair_sample():
    for n in range(8, 68):
        share = Counter(person.group for person in ROSTER[:n])
        assert abs(share["Caucasian"] - 39 * n / 67) < 2
        assert abs(share["Kid"] - 10 * n / 67) < 2


def test_known_name_is_parsed_into_its_six_labels():
    assert parse_name("Rafd090_01_Caucasian_female_angry_frontal.jpg") == FaceName(
        angle=90, identity=1, group="Caucasian", gender="female", emotion="angry", gaze="frontal"
    )
    assert parse_name("Rafd000_73_Moroccan_male_surprised_left.jpg").angle == 0


def test_format_inverts_parse_for_the_whole_design():
    for source in full_design(angles=None).source:
        assert format_name(parse_name(source)) == source


def test_synthetic_names_are_told_apart_and_still_parse():
    name = FaceName(45, 7, "Kid", "male", "sad", "right")
    written = format_name(name, prefix="Synthetic", suffix=".png")
    assert written == "Synthetic045_07_Kid_male_sad_right.png"
    assert parse_name(written) == name


@pytest.mark.parametrize(
    "name",
    [
        "Rafd091_01_Caucasian_female_angry_frontal.jpg",  # no such angle
        "Rafd090_01_Caucasian_female_bored_frontal.jpg",  # no such emotion
        "Rafd090_01_Martian_female_angry_frontal.jpg",  # no such group
        "Rafd090_01_Caucasian_female_angry_up.jpg",  # no such gaze
        "Rafd090_1_Caucasian_female_angry_frontal.jpg",  # one digit
        "Rafd090_01_Caucasian_female_angry_frontal.jpg.part",
        "xRafd090_01_Caucasian_female_angry_frontal.jpg",
        "",
    ],
)
def test_other_names_are_refused_by_name(name):
    with pytest.raises(ValueError, match="not a RaFD file name"):
        parse_name(name)


def test_full_design_is_every_combination_once():
    table = full_design(angles=None)
    assert len(table) == 67 * 8 * 3 * 5 == 8040
    cells = list(zip(table.subject, table.emotion, table.gaze, table.angle, strict=True))
    assert cells == list(product(range(67), EMOTIONS, GAZES, ANGLES))
    assert table.source.is_unique


def test_paper_angles_leave_4824_images():
    table = full_design()
    assert len(table) == 4824
    assert set(table.angle) == set(PAPER_ANGLES)
    assert tuple(table.columns) == COLUMNS


def test_labels_agree_with_the_file_name():
    table = full_design(subjects=9)
    for row in table.itertuples():
        name = parse_name(row.source)
        assert (name.angle, name.emotion, name.gaze) == (row.angle, row.emotion, row.gaze)
        assert (name.group, name.gender) == (row.group, row.gender)
        assert ROSTER[row.subject].identity == name.identity


def test_fewer_subjects_are_the_first_rows_of_the_whole():
    few, whole = full_design(subjects=8), full_design()
    assert set(few.subject) == set(range(8))
    assert few.equals(whole.iloc[: len(few)])


def test_order_and_repeats_of_angles_do_not_matter():
    assert full_design(2, angles=[90, 45, 90]).equals(full_design(2, angles=(45, 90)))


@pytest.mark.parametrize("subjects", [0, -1, 68, 2.5, True, "8"])
def test_impossible_subject_counts_are_refused(subjects):
    with pytest.raises(ValueError, match="1 to 67"):
        full_design(subjects=subjects)


@pytest.mark.parametrize("angles", [(), (30,), 90, "90", (45, None)])
def test_unknown_angles_are_refused_with_the_known_ones(angles):
    with pytest.raises(ValueError, match="angles must be"):
        full_design(angles=angles)


@pytest.mark.parametrize("workers", [0, -1, 1.5, True, "2"])
def test_workers_are_a_whole_number_or_left_to_the_machine(workers):
    assert check_workers(None) is None and check_workers(3) == 3
    with pytest.raises(ValueError, match=f"from 1, or None; got {workers!r}"):
        check_workers(workers)
